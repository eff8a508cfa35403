"""Experiments with one picture or pair: sweeps over recipe fields, and reconstructions from noise, as sheets."""

import io
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from catalogs.designs.contact_sheet import MOST, Label, contact_sheet
from catalogs.exports.spreadsheet import table_bytes
from catalogs.images.codec import Picture, encode_png
from catalogs.records import Garment, Style
from catalogs.storage.stores import open_store
from catalogs.templates.template import Template, decode_template
from flows.errors import SettingsError
from flows.painting.evaluation import measure
from flows.painting.image_tensors import decode_pattern, to_content, to_design, to_pair
from flows.pictures.picture_arguments import read_picture_argument
from flows.planning.devices import choose_batch, choose_precision, require_device
from flows.planning.plan import DesignJob
from flows.planning.weights import load_encoder, resolve_recipe
from flows.recipes.kept import choose_recipe
from flows.reports import progress
from flows.settings import Settings, read_settings
from stylecore.encoders.encoder import Encoder
from stylecore.errors import NotFiniteError
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import Recipe, recipe_from
from stylecore.stylization import in_precision

RECONSTRUCTED = tuple(f"relu{block}_1" for block in range(1, 6))
"""Layers of a reconstruction unless others are given: one a block, as in the papers."""
ONE_ENCODER = ("encoder", "encoder_weights", "encoder_sha256", "pooling", "weight_normalised")


@dataclass(frozen=True)
class Axis:
    """A recipe field and the values that it takes in turn; the field is empty for an axis that is not given."""

    field: str
    values: tuple[object, ...]

    @property
    def names(self) -> list[str]:
        """The labels beside the sheet, one a value; empty for an axis that is not given."""
        return [f"{self.field} = {value}" if self.field else "" for value in self.values]


def read_axis(text: str) -> Axis:
    """Read an axis as `content_weight=0.02,0.05`; lists and tables in JSON are separated by `;`.

    SettingsError where the text is not FIELD=v1,v2,...
    """
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
    """Paint one pair by every combination of the values of one or two recipe fields.

    Writes `sheet.png` (labelled), `sweep.csv` (a row a design: its values, losses and measures) and
    `losses.png` (the finest level's loss by step) to the folder or prefix `out`; returns their URIs.

    Raises:
        SettingsError: an axis cannot be read, is too long or names a field of the encoder, or there are over two.
        NotFiniteError: a design failed.
    """
    chosen, settings = _recipe_and_settings(recipe)
    rows, columns = _rows_and_columns([read_axis(text) for text in axes])
    cells = list(itertools.product(range(len(rows.values)), range(len(columns.values))))
    recipes = [_recipe_of_cell(chosen, rows, row, columns, column) for row, column in cells]
    template, pattern = _pictures(settings, content, style, mask)
    designs = dict(zip(cells, _paint_recipes(recipes, template, pattern, settings, device), strict=True))
    table = [_table_row(rows, columns, cell, design) for cell, design in designs.items()]
    original, swatch = encode_png(template.picture), encode_png(pattern)
    sheet = contact_sheet(
        f"Stylemill sweep, recipe {chosen.name}",
        [Label("", name, lambda: original) for name in rows.names],
        [Label("", name, lambda: swatch) for name in columns.names],
        lambda row, column: partial(bytes, designs[row, column].png),
    )
    curves = {_label(rows, columns, cell): design.finished.losses[-1] for cell, design in designs.items()}
    files = {
        "sheet.png": sheet,
        "sweep.csv": table_bytes(list(table[0]), [row.values() for row in table]),
        "losses.png": _plot(curves),
    }
    return _write_files(out, files)


def reconstruct(
    what: str,
    picture: str,
    out: str,
    layers: Sequence[str] = RECONSTRUCTED,
    recipe: str | None = None,
    steps: int = 100,
    device: str | None = None,
) -> list[str]:
    """Show what a network keeps of a picture: its content layer by layer, or its style by growing sets of layers.

    Each picture is painted from noise, by L-BFGS, as in Gatys et al. (2016), figure 1. Writes `content.png` or
    `style.png`, a labelled sheet, to the folder or prefix `out`; returns its URI.

    Raises:
        SettingsError: `what` is neither content nor style.
        NotFiniteError: a picture failed.
    """
    if what not in ("content", "style"):
        raise SettingsError(f"'{what}' cannot be reconstructed: say content or style.")
    chosen, settings = _recipe_and_settings(recipe)
    template, pattern = _pictures(settings, picture, picture, None)
    first = range(len(layers)) if what == "content" else [0] * len(layers)
    sets = [tuple(layers[start : end + 1]) for end, start in enumerate(first)]
    recipes = [_reconstruction(chosen, what, names, steps) for names in sets]
    designs = _paint_recipes(recipes, template, pattern, settings, device)
    names = [f"{names[0]} - {names[-1]}" if len(names) > 1 else names[0] for names in sets]
    pngs = [encode_png(template.picture), *(design.png for design in designs)]
    labels = [
        Label("", name, partial(bytes, png)) for name, png in zip(["original", *names], pngs, strict=True)
    ]
    title = f"{what} reconstructed from {chosen.encoder}"
    sheet = contact_sheet(title, [], labels, lambda _row, _column: None)
    return _write_files(out, {f"{what}.png": sheet})


@dataclass(frozen=True)
class _Painted:
    """A finished pair, its recipe and its picture."""

    recipe: Recipe
    finished: Finished
    png: bytes
    encoder: Encoder


def _paint_recipes(
    recipes: Sequence[Recipe], template: Template, pattern: Picture, settings: Settings, device: str | None
) -> list[_Painted]:
    """The pair by every recipe, in the recipes' order; recipes of one structure share batches."""
    torch_device = require_device(device or settings.device)
    encoder = _encoder(recipes, settings, str(torch_device))
    job = DesignJob("", Garment("content", "", digest="content"), Style("style", "", "", digest="style"))

    def pair(number: int) -> Pair:
        """Return the pair by the recipe of this number."""
        canvas = to_content(template, recipes[number])
        prepared = to_pair(job, canvas, pattern, recipes[number], (number, canvas))
        # Margin and canvas change the content: those that differ share no targets.
        return replace(prepared, content_key=f"{recipes[number].margin}:{recipes[number].canvas}")

    order = sorted(range(len(recipes)), key=lambda n: repr(recipes[n].structure()))
    painted: dict[int, _Painted] = {}
    with progress.show_progress(progress.Pace(len(recipes)), "designs") as advance:
        for finished in mill(
            map(pair, order),
            encoder,
            slots=choose_batch(settings.batch, torch_device),
            device=torch_device,
            tile=settings.tile,
        ):
            number, canvas = finished.pair.tag
            advance(1)
            if finished.failure:
                raise NotFiniteError(f"The design by {recipes[number].name} failed: {finished.failure}.")
            png = encode_png(to_design(finished.largest, canvas, template, recipes[number]))
            painted[number] = _Painted(recipes[number], finished, png, encoder)
    return [painted[number] for number in range(len(recipes))]


def _encoder(recipes: Sequence[Recipe], settings: Settings, device: str) -> Encoder:
    first = recipes[0]
    for field in ONE_ENCODER:
        if len({getattr(recipe, field) for recipe in recipes}) > 1:
            raise SettingsError(f"{field} cannot be swept: one batch has one network. Run a sweep for each.")
    layers = dict.fromkeys(layer for recipe in recipes for layer in recipe.layers)
    # One encoder computes every layer that any recipe needs.
    union = replace(first, content_layers=tuple((layer, 1.0) for layer in layers), statistics=())
    precision = choose_precision(settings.precision, torch.device(device))
    return in_precision(load_encoder(union, settings, device), precision)


def _reconstruction(base: Recipe, what: str, layers: Sequence[str], steps: int) -> Recipe:
    weighted = tuple((layer, 1 / len(layers)) for layer in layers)
    return replace(
        base,
        content_layers=weighted if what == "content" else (),
        statistics=tuple(each._replace(layers=weighted) for each in base.statistics)
        if what == "style"
        else (),
        content_weight=1.0,
        style_weight=1.0,
        variation_weight=0.0,
        lighting_weight=0.0,
        shading=0.0,
        photorealism_weight=0.0,
        saliency_weight=0.0,
        large_steps=0,
        init="noise",
        optimizer="lbfgs",
        learning_rate=0.1,
        levels=((1.0, steps),),
        detail=0.0,
        color="style",
    )


def _recipe_and_settings(recipe: str | None) -> tuple[Recipe, Settings]:
    settings = read_settings()
    return resolve_recipe(choose_recipe(recipe or settings.recipe), settings), settings


def _pictures(settings: Settings, content: str, style: str, mask: str | None) -> tuple[Template, Picture]:
    template = decode_template(
        read_picture_argument(content, settings),
        read_picture_argument(mask, settings) if mask else b"",
        max_pixels=settings.max_pixels,
    )
    return template, decode_pattern(read_picture_argument(style, settings), settings.max_pixels)


def _recipe_of_cell(base: Recipe, rows: Axis, row: int, columns: Axis, column: int) -> Recipe:
    wanted = {rows.field: rows.values[row], columns.field: columns.values[column]}
    return recipe_from({field: value for field, value in wanted.items() if field}, base)


def _rows_and_columns(axes: Sequence[Axis]) -> tuple[Axis, Axis]:
    """The axis of the rows and that of the columns; a single axis is that of the columns."""
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


def _label(rows: Axis, columns: Axis, cell: tuple[int, int]) -> str:
    names = [rows.names[cell[0]]] if rows.field else []
    return ", ".join([*names, columns.names[cell[1]]])


def _table_row(rows: Axis, columns: Axis, cell: tuple[int, int], design: _Painted) -> dict[str, object]:
    values = {rows.field: rows.values[cell[0]], columns.field: columns.values[cell[1]]}
    terms = design.finished.terms
    return {
        **{field: value for field, value in values.items() if field},
        "loss": float(terms.total),
        **{f"loss_{term}": float(loss_1) for term, loss_1 in terms.weighted.items()},
        **vars(measure(design.encoder, design.finished)),
        "steps": design.finished.steps,
        "seconds": round(design.finished.seconds, 3),
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


def _write_files(out: str, files: dict[str, bytes]) -> list[str]:
    store = open_store(out, read_settings().s3)
    for key, data in files.items():
        store.write(key, data)
    return [f"{store.uri}/{key}" for key in files]
