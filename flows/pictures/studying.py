"""Studies of one picture or pair: sweeps over recipe fields, and reconstructions from noise, as sheets."""

import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch

from catalogs.designs.contact_sheet import MOST, Label, contact_sheet
from catalogs.exports.spreadsheet import table_bytes
from catalogs.images.codec import Picture, encode_png
from catalogs.records import Garment, Style
from catalogs.storage.stores import locate, open_store
from catalogs.templates.template import Template, decode_template
from flows.errors import SettingsError
from flows.painting.conversion import (
    decode_pattern,
    to_content,
    to_design,
    to_pair,
)
from flows.painting.measuring import measure
from flows.reports import progress
from flows.run.devices import choose_batch, choose_precision, require_device
from flows.run.planning import DesignJob
from flows.run.preparing import choose_recipe
from flows.run.weights import load_encoder, resolve_recipe
from flows.settings import Settings, read_settings
from stylecore.encoders.encoder import Encoder
from stylecore.errors import NotFiniteError
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import TERM_NAMES, Recipe, recipe_from
from stylecore.stylization import in_precision

RECONSTRUCTED = tuple(f"relu{block}_1" for block in range(1, 6))
"""Layers that a reconstruction looks at unless told otherwise: one a block, as in the papers."""
ONE_ENCODER = ("encoder", "encoder_weights", "encoder_sha256", "pooling", "weight_normalised")


@dataclass(frozen=True)
class Axis:
    """A recipe field and the values that it takes in turn."""

    field: str
    values: tuple[object, ...]

    @property
    def names(self) -> list[str]:
        """What stands beside the sheet; nothing for an axis that is none."""
        return [f"{self.field} = {value}" if self.field else "" for value in self.values]


def read_axis(text: str) -> Axis:
    """`content_weight=0.02,0.05` as an axis; lists and tables in JSON are separated by `;`."""
    field, equals, listed = text.partition("=")
    cells = [cell.strip() for cell in listed.split(";" if "[" in listed or "{" in listed else ",")]
    if not equals or not field.strip() or not all(cells):
        raise SettingsError(f"--axis '{text}' is no FIELD=v1,v2,...: write --axis content_weight=0.02,0.05")
    return Axis(field.strip(), tuple(_value(cell) for cell in cells))


def sweep(
    content: str,
    style: str,
    axes: Sequence[str],
    out: str,
    mask: str | None = None,
    recipe: str | None = None,
    device: str | None = None,
) -> list[str]:
    """Paint one pair by every combination of one or two recipe fields.

    Writes `sheet.png` (labelled), `sweep.csv` (a row a design: its values, losses and measures) and
    `losses.png` (the finest level's loss by step) to the folder or prefix `out`; returns their URIs.
    """
    chosen, settings = _chosen(recipe)
    rows, columns = _two([read_axis(text) for text in axes])
    combinations = list(itertools.product(range(len(rows.values)), range(len(columns.values))))
    recipes = [_with(chosen, rows, r, columns, c) for r, c in combinations]
    template, pattern = _pictures(settings, content, style, mask)
    done = _painted(recipes, template, pattern, settings, device)
    table = [_row(rows, columns, at, one) for at, one in zip(combinations, done, strict=True)]
    pictures = {at: one.png for at, one in zip(combinations, done, strict=True)}
    original, swatch = encode_png(template.picture), encode_png(pattern)
    sheet = contact_sheet(
        f"Stylemill sweep, recipe {chosen.name}",
        [Label("", name, lambda: original) for name in rows.names],
        [Label("", name, lambda: swatch) for name in columns.names],
        lambda row, column: partial(pictures.__getitem__, (row, column)),
    )
    labels = [_label(rows, columns, at) for at in combinations]
    curves = {label: one.finished.losses[-1] for label, one in zip(labels, done, strict=True)}
    files = {
        "sheet.png": sheet,
        "sweep.csv": table_bytes(list(table[0]), [one.values() for one in table]),
        "losses.png": _plot(curves),
    }
    return _written(out, files)


def reconstruct(
    what: str,
    picture: str,
    out: str,
    layers: Sequence[str] = RECONSTRUCTED,
    recipe: str | None = None,
    steps: int = 100,
    device: str | None = None,
) -> list[str]:
    """What a network keeps of a picture: its content layer by layer, or its style by growing sets of layers.

    From noise, by L-BFGS, as in Gatys et al. (2016), figure 1. Writes `content.png` or `style.png`, a
    labelled sheet, to the folder or prefix `out`; returns its URI.
    """
    if what not in ("content", "style"):
        raise SettingsError(f"'{what}' cannot be reconstructed: say content or style.")
    chosen, settings = _chosen(recipe)
    template, pattern = _pictures(settings, picture, picture, None)
    first = range(len(layers)) if what == "content" else [0] * len(layers)
    sets = [tuple(layers[start : end + 1]) for end, start in enumerate(first)]
    recipes = [_reconstruction(chosen, what, names, steps) for names in sets]
    done = _painted(recipes, template, pattern, settings, device)
    names = [f"{names[0]} - {names[-1]}" if len(names) > 1 else names[0] for names in sets]
    pngs = [encode_png(template.picture), *(one.png for one in done)]
    labels = [
        Label("", name, partial(bytes, png)) for name, png in zip(["original", *names], pngs, strict=True)
    ]
    title = f"{what} reconstructed from {chosen.encoder}"
    sheet = contact_sheet(title, [], labels, lambda _row, _column: None)
    return _written(out, {f"{what}.png": sheet})


@dataclass(frozen=True)
class _Painted:
    """A finished pair, its recipe and its picture."""

    recipe: Recipe
    finished: Finished
    png: bytes
    encoder: Encoder


def _painted(
    recipes: Sequence[Recipe], template: Template, pattern: Picture, settings: Settings, device: str | None
) -> list[_Painted]:
    """The pair by every recipe, in the recipes' order; recipes of one structure share batches."""
    where = require_device(device or settings.device)
    encoder = _encoder(recipes, settings, str(where))
    job = DesignJob("", Garment("content", "", digest="content"), Style("style", "", "", digest="style"))

    def pair(number: int) -> Pair:
        canvas = to_content(template, recipes[number])
        prepared = to_pair(job, canvas, pattern, recipes[number], (number, canvas))
        # Margin and canvas change the content: those that differ share no targets.
        return replace(prepared, content_key=f"{recipes[number].margin}:{recipes[number].canvas}")

    order = sorted(range(len(recipes)), key=lambda n: repr(recipes[n].structure()))
    found: dict[int, _Painted] = {}
    with progress.shown(progress.Pace(len(recipes)), "designs") as advance:
        for one in mill(
            map(pair, order),
            encoder,
            slots=choose_batch(settings.batch, where),
            device=where,
            tile=settings.tile,
        ):
            number, canvas = one.pair.tag
            advance(1)
            if one.failure:
                raise NotFiniteError(f"The design by {recipes[number].name} failed: {one.failure}.")
            png = encode_png(to_design(one.picture_13HW, canvas, template, recipes[number]))
            found[number] = _Painted(recipes[number], one, png, encoder)
    return [found[number] for number in range(len(recipes))]


def _encoder(recipes: Sequence[Recipe], settings: Settings, device: str) -> Encoder:
    first = recipes[0]
    for field in ONE_ENCODER:
        if len({getattr(recipe, field) for recipe in recipes}) > 1:
            raise SettingsError(f"{field} cannot be swept: one batch has one network. Run a sweep for each.")
    layers = dict.fromkeys(layer for recipe in recipes for layer in recipe.layers)
    # One encoder that knows every layer any recipe looks at.
    union = replace(first, content_layers=tuple((layer, 1.0) for layer in layers), style_layers=())
    precision = choose_precision(settings.precision, torch.device(device))
    return in_precision(load_encoder(union, settings, device), precision)


def _reconstruction(base: Recipe, what: str, layers: Sequence[str], steps: int) -> Recipe:
    weighted = tuple((layer, 1 / len(layers)) for layer in layers)
    weights: dict[str, Any] = {f"{term}_weight": float(term in ("content", "style")) for term in TERM_NAMES}
    return replace(
        base,
        content_layers=weighted if what == "content" else (),
        style_layers=weighted if what == "style" else (),
        **weights,
        large_steps=0,
        init="noise",
        optimizer="lbfgs",
        learning_rate=0.1,
        levels=((1.0, steps),),
        detail=0.0,
        color="style",
    )


def _chosen(recipe: str | None) -> tuple[Recipe, Settings]:
    settings = read_settings()
    return resolve_recipe(choose_recipe(recipe or settings.recipe), settings), settings


def _pictures(settings: Settings, content: str, style: str, mask: str | None) -> tuple[Template, Picture]:
    def read(uri: str) -> bytes:
        store, key = locate(uri, settings.s3)
        return store.read(key)

    template = decode_template(read(content), read(mask) if mask else b"", max_pixels=settings.max_pixels)
    return template, decode_pattern(read(style), settings.max_pixels)


def _with(base: Recipe, rows: Axis, row: int, columns: Axis, column: int) -> Recipe:
    wanted = {rows.field: rows.values[row], columns.field: columns.values[column]}
    return recipe_from({field: value for field, value in wanted.items() if field}, base)


def _two(axes: Sequence[Axis]) -> tuple[Axis, Axis]:
    """Rows and columns; one axis alone goes along the columns."""
    if not 1 <= len(axes) <= 2:
        raise SettingsError(f"A sweep has one or two axes, not {len(axes)}: give --axis once or twice.")
    for axis in axes:
        if len(axis.values) > MOST:
            raise SettingsError(f"{axis.field} has {len(axis.values)} values; a sheet shows {MOST} at most.")
    return (axes[0], axes[1]) if len(axes) == 2 else (Axis("", ("",)), axes[0])


def _value(cell: str) -> object:
    try:
        return json.loads(cell)
    except json.JSONDecodeError:
        return cell


def _label(rows: Axis, columns: Axis, at: tuple[int, int]) -> str:
    names = [rows.names[at[0]]] if rows.field else []
    return ", ".join([*names, columns.names[at[1]]])


def _row(rows: Axis, columns: Axis, at: tuple[int, int], one: _Painted) -> dict[str, object]:
    values = {rows.field: rows.values[at[0]], columns.field: columns.values[at[1]]}
    terms = one.finished.terms
    return {
        **{field: value for field, value in values.items() if field},
        "loss": float(terms.total),
        **{f"loss_{term}": float(value_1) for term, value_1 in terms.weighted.items()},
        **vars(measure(one.encoder, one.finished)),
        "steps": one.finished.steps,
        "seconds": round(one.finished.seconds, 3),
    }


def _plot(curves: dict[str, tuple[float, ...]]) -> bytes:
    """Loss by step on a logarithmic scale, a line a design."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.5), layout="constrained")
    axes = figure.subplots()
    for label, losses in curves.items():
        axes.plot(range(1, len(losses) + 1), losses, label=label)
    axes.set(xlabel="step at the finest level", ylabel="loss", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", ncols=2)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()


def _written(out: str, files: dict[str, bytes]) -> list[str]:
    store = open_store(out, read_settings().s3)
    for key, data in files.items():
        store.write(key, data)
    return [f"{store.uri}/{key}" for key in files]
