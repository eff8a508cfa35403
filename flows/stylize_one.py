"""One picture in one style: the shortest way to a design."""

from prefect import flow

from catalogs.images import encode_png
from catalogs.stores import locate
from flows import progress
from flows.conversion import decode_pattern, decode_template, to_content, to_design, to_style
from flows.devices import choose_precision, require_device
from flows.errors import SettingsError
from flows.recipes import find_recipe
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
) -> str:
    """Paint one picture in one style and write a PNG.

    Args:
        content: the picture to paint on: a file or s3:// object.
        style: the picture whose style is taken.
        out: the PNG to write; its folder is made if it is not there.
        mask: white where the content is cloth; everywhere if not given.
        recipe: a recipe's name, or a TOML file.
        device: auto, cpu, cuda, cuda:1, mps.

    Returns:
        The path or URI of the PNG.
    """
    settings = read_settings()
    target, key = locate(out, settings.s3)
    if not key.lower().endswith(".png"):
        raise SettingsError(f"'{out}' cannot be written: designs are PNG, so give a name that ends in .png.")
    chosen = resolve_recipe(find_recipe(recipe or settings.recipe), settings)
    where = require_device(device or settings.device)

    def read(uri: str) -> bytes:
        store, name = locate(uri, settings.s3)
        return store.read(name)

    template = decode_template(read(content), read(mask) if mask else None, settings.max_pixels)
    pattern = decode_pattern(read(style), settings.max_pixels)
    canvas = to_content(template, chosen)
    with progress.shown(1, "design"):
        encoder = in_precision(
            load_encoder(chosen, settings, str(where)), choose_precision(settings.precision, where)
        )
        pair = Pair(canvas.content, to_style(pattern, chosen), canvas.guide, chosen)
        (finished,) = mill(
            [pair],
            encoder,
            slots=1,
            device=where,
            on_steps=lambda _pairs: progress.advance(1 / chosen.steps),
        )
    if finished.failure:
        raise NotFiniteError(f"{content} in the style of {style}: {finished.failure}.")
    target.write(key, encode_png(to_design(finished.picture_13HW, canvas, template, chosen)))
    return f"{target.uri}/{key}"
