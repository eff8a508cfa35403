"""One picture in one style: the shortest way to a design."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from prefect import flow

from catalogs.edge_sheet import edge_sheet
from catalogs.errors import ImageError, MaskError
from catalogs.images import encode_png
from catalogs.masks import decode_mask, decode_parts
from catalogs.stores import locate
from flows import progress
from flows.conversion import decode_pattern, decode_template, to_content, to_design, to_style, to_style_guide
from flows.devices import choose_precision, require_device
from flows.errors import SettingsError
from flows.preparing import check_pictures, choose_recipe
from flows.settings import read_settings
from flows.weights import load_encoder, resolve_recipe
from stylecore.errors import NotFiniteError
from stylecore.mill import Pair, mill
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

    with _named("CONTENT", content):
        template = decode_template(read(content), None, settings.max_pixels)
    if parts:
        with _named("--parts", parts):
            found = decode_parts(read(parts), template.picture.size, max_pixels=settings.max_pixels)
        template, chosen = replace(template, parts=found), replace(chosen, parts=True)
    if mask:
        with _named("--mask", mask):
            size = template.picture.size
            template = replace(template, mask=decode_mask(read(mask), size, max_pixels=settings.max_pixels))
    with _named("STYLE", style):
        pattern = decode_pattern(read(style), settings.max_pixels)
    canvas, guide = to_content(template, chosen), None
    prepared, enlarged = to_style(pattern, chosen, canvas)
    if style_parts:
        with _named("--style-parts", style_parts):
            own = decode_parts(read(style_parts), pattern.size, max_pixels=settings.max_pixels)
        guide, remarks = to_style_guide(template, own, prepared)
        for remark in remarks:
            progress.screen.print(f"{content}: {remark}.", markup=False)
    with progress.shown(1, "design") as advance:
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
def _named(name: str, uri: str) -> Iterator[None]:
    """What is wrong with a picture is said with its name."""
    try:
        yield
    except (ImageError, MaskError) as error:
        raise type(error)(f"{name} '{uri}': {error}.") from error
