"""One picture in one style: the shortest way to a design."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from prefect import flow

from catalogs.designs.edge_sheet import edge_sheet
from catalogs.errors import CatalogsError, ImageError, MaskError, PartMapError
from catalogs.images.codec import encode_png
from catalogs.storage.stores import locate
from catalogs.templates.part_maps import decode_parts
from catalogs.templates.template import decode_template
from flows.errors import SettingsError
from flows.logs import say
from flows.painting.conversion import (
    decode_pattern,
    to_content,
    to_design,
    to_style,
    to_style_guide,
    to_tensor,
)
from flows.reports import progress
from flows.run.devices import choose_precision, require_device
from flows.run.preparing import check_pictures, choose_recipe
from flows.run.weights import load_encoder, resolve_recipe
from flows.settings import read_settings
from stylecore.errors import NotFiniteError
from stylecore.painting.mill import mill
from stylecore.painting.pair import Pair
from stylecore.stylization import in_precision


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
    """
    settings = read_settings()
    if style_parts and not parts:
        raise SettingsError("--style-parts wants --parts: parts of the style belong to parts of the picture.")
    target, key = check_pictures(settings, content, style, out, mask)
    chosen = resolve_recipe(choose_recipe(recipe or settings.recipe), settings)
    where = require_device(device or settings.device)

    def read(uri: str) -> bytes:
        store, name = locate(uri, settings.s3)
        return store.read(name)

    named: dict[type[CatalogsError], tuple[str, str | None]] = {
        ImageError: ("CONTENT", content),
        MaskError: ("--mask", mask),
        PartMapError: ("--parts", parts),
    }
    with _named(named):
        template = decode_template(
            read(content),
            read(mask) if mask else b"",
            read(parts) if parts else b"",
            max_pixels=settings.max_pixels,
        )
    for note in template.notes:
        say(f"{mask or content}: {note}.")
    chosen = replace(chosen, parts=True) if parts else chosen
    with _named({ImageError: ("STYLE", style)}):
        pattern = decode_pattern(read(style), settings.max_pixels)
    canvas, guide = to_content(template, chosen), None
    prepared, enlarged = to_style(to_tensor(pattern), chosen, canvas)
    if style_parts:
        with _named({PartMapError: ("--style-parts", style_parts)}):
            own = decode_parts(read(style_parts), pattern.size, max_pixels=settings.max_pixels)
        guide, remarks = to_style_guide(template, own, prepared)
        for remark in remarks:
            say(f"{content}: {remark}.")
    with progress.shown(progress.Pace(1), "design") as advance:
        encoder = in_precision(
            load_encoder(chosen, settings, str(where)), choose_precision(settings.precision, where)
        )
        pair = Pair(canvas.content, prepared, canvas.guide, chosen, guide, enlarged=enlarged)
        (finished,) = mill(
            [pair],
            encoder,
            slots=1,
            device=where,
            on_steps=lambda _pairs, share: advance(share),
            tile=settings.tile,
        )
    if finished.failure:
        raise NotFiniteError(f"{content} in the style of {style}: {finished.failure}.")
    design = to_design(finished.picture_13HW, canvas, template, chosen)
    target.write(key, encode_png(design))
    if edges:
        target.write(edges_of(key), edge_sheet(template.picture, design))
    return f"{target.uri}/{key}"


def edges_of(out: str) -> str:
    """Where the edges of a PNG's design are."""
    return f"{out[:-4]}.edges.png"


@contextmanager
def _named(arguments: Mapping[type[CatalogsError], tuple[str, str | None]]) -> Iterator[None]:
    """What is wrong with a picture is said with the argument that gave it, which its kind of error tells."""
    try:
        yield
    except (ImageError, MaskError) as error:
        name, uri = arguments[type(error)]
        raise type(error)(f"{name} '{uri}': {error}.") from error
