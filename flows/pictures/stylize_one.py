"""One picture in one style: the shortest way to a design."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from prefect import flow
from torch import Tensor

from catalogs.designs.edge_sheet import edge_sheet
from catalogs.errors import CatalogsError, ImageError, MaskError, PartMapError
from catalogs.images.codec import Picture, encode_png
from catalogs.templates.part_maps import decode_parts
from catalogs.templates.template import Template, decode_template
from flows.errors import SettingsError
from flows.logs import say
from flows.painting.image_tensors import (
    decode_pattern,
    to_content,
    to_design,
    to_enlargement,
    to_style,
    to_style_guide,
    to_tensor,
)
from flows.pictures.picture_arguments import check_pictures, read_picture_argument
from flows.planning.devices import choose_precision, require_device
from flows.planning.weights import load_encoder, resolve_recipe
from flows.recipes.kept import choose_recipe
from flows.reports import progress
from flows.settings import Settings, read_settings
from stylecore.errors import NotFiniteError
from stylecore.painting.canvas import Canvas
from stylecore.painting.mill import mill
from stylecore.painting.pair import Finished, Pair
from stylecore.recipe import Recipe
from stylecore.stylization import in_precision


@dataclass(frozen=True)
class _PictureAddresses:
    """The pictures that one design is made from, by their addresses."""

    content: str
    style: str
    mask: str | None
    parts: str | None
    style_parts: str | None


@flow(name="stylize-one")
def stylize_one(
    content: str,
    style: str,
    out: str,
    mask: str | None = None,
    recipe: str | None = None,
    device: str | None = None,
    parts: str | None = None,
    style_parts: str | None = None,
    edges: bool = False,
) -> str:
    """Paint one picture in one style and write a PNG.

    Args:
        content: the picture to paint on: a file or s3:// object.
        style: the picture whose style is taken.
        out: the PNG to write; its folder is made if it is not there.
        mask: white where the content is cloth; everywhere if not given.
        recipe: a recipe's name, or a TOML file.
        device: auto, cpu, cuda, cuda:1, mps.
        parts: a part map of the picture (indexed, or a colour a part): each part takes its own style.
        style_parts: the style's part map; parts of one index or colour belong together.
        edges: write OUT's name with `.edges.png` too: Sobel's edges before and after.

    Returns:
        The path or URI of the PNG.

    Raises:
        SettingsError: `out` is no PNG's name, or is one of the pictures.
        ImageError, MaskError: a picture cannot be used; the message names it.
        NotFiniteError: the design failed, as its numbers were not finite.
    """
    settings = read_settings()
    if style_parts and not parts:
        raise SettingsError("--style-parts wants --parts: parts of the style belong to parts of the picture.")
    target, key = check_pictures(settings, content, style, out, mask)
    chosen = resolve_recipe(choose_recipe(recipe or settings.recipe), settings)
    chosen = replace(chosen, parts=True) if parts else chosen
    torch_device = require_device(device or settings.device)
    addresses = _PictureAddresses(content, style, mask, parts, style_parts)
    template = _read_template(addresses, settings)
    canvas = to_content(template, chosen)
    pair = _make_pair(addresses, template, canvas, chosen, settings)
    finished = _paint(pair, torch_device, settings)
    if finished.failure:
        raise NotFiniteError(f"{content} in the style of {style}: {finished.failure}.")
    design = to_design(finished.largest, canvas, template, chosen)
    target.write(key, encode_png(design))
    if edges:
        target.write(edges_of(key), edge_sheet(template.picture, design))
    return f"{target.uri}/{key}"


def _read_template(addresses: _PictureAddresses, settings: Settings) -> Template:
    """Read the picture to paint on with its mask and parts, and print the notes on them."""
    with _name_argument_errors(
        {
            ImageError: ("CONTENT", addresses.content),
            MaskError: ("--mask", addresses.mask),
            PartMapError: ("--parts", addresses.parts),
        }
    ):
        template = decode_template(
            read_picture_argument(addresses.content, settings),
            read_picture_argument(addresses.mask, settings) if addresses.mask else b"",
            read_picture_argument(addresses.parts, settings) if addresses.parts else b"",
            max_pixels=settings.max_pixels,
        )
    for note in template.notes:
        say(f"{addresses.mask or addresses.content}: {note}.")
    return template


def _make_pair(
    addresses: _PictureAddresses, template: Template, canvas: Canvas, recipe: Recipe, settings: Settings
) -> Pair:
    """The pair of the mill: the content on its canvas, and the style at its size."""
    with _name_argument_errors({ImageError: ("STYLE", addresses.style)}):
        pattern = decode_pattern(read_picture_argument(addresses.style, settings), settings.max_pixels)
    style, enlarged = to_style(to_tensor(pattern), recipe, canvas)
    guide = _style_guide(addresses, template, pattern, style, settings) if addresses.style_parts else None
    enlargement = to_enlargement(lambda device: to_tensor(pattern, device), style, canvas, recipe)
    return Pair(
        canvas.content, style, canvas.guide, recipe, guide, enlarged=enlarged, enlargement=enlargement
    )


def _style_guide(
    addresses: _PictureAddresses, template: Template, pattern: Picture, style: Tensor, settings: Settings
) -> Tensor:
    """Return where each part of the content finds its style, and print a remark on each part without a partner."""
    with _name_argument_errors({PartMapError: ("--style-parts", addresses.style_parts)}):
        data = read_picture_argument(addresses.style_parts or "", settings)
        style_parts = decode_parts(data, pattern.size, max_pixels=settings.max_pixels)
    guide, remarks = to_style_guide(template, style_parts, style)
    for remark in remarks:
        say(f"{addresses.content}: {remark}.")
    return guide


def _paint(pair: Pair, device: torch.device, settings: Settings) -> Finished:
    with progress.show_progress(progress.Pace(1), "design") as advance:
        encoder = in_precision(
            load_encoder(pair.recipe, settings, str(device)), choose_precision(settings.precision, device)
        )
        (finished,) = mill(
            [pair],
            encoder,
            slots=1,
            device=device,
            on_steps=lambda _pairs, share: advance(share),
            tile=settings.tile,
        )
    return finished


def edges_of(out: str) -> str:
    """Return the name of the file with the edges of a PNG's design."""
    return f"{out[:-4]}.edges.png"


@contextmanager
def _name_argument_errors(arguments: Mapping[type[CatalogsError], tuple[str, str | None]]) -> Iterator[None]:
    """Put the argument that gave a picture, found by the class of the error, before the error's message."""
    try:
        yield
    except (ImageError, MaskError) as error:
        name, uri = arguments[type(error)]
        raise type(error)(f"{name} '{uri}': {error}.") from error
