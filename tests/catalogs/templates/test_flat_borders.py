"""Borders of styles that a person should crop are measured; plain grounds, stripes and skies are no borders."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw

from catalogs.images.codec import Picture, decode
from catalogs.templates.flat_borders import SIDES, FlatBorder, flat_border

Drawing = np.ndarray
ALL = dict.fromkeys(SIDES, 40)


def painting(height: int = 420, width: int = 350, seed: int = 3) -> Drawing:
    """Blocks of random colours, as strokes of a brush."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 255, (height // 14, width // 14, 3)).repeat(14, 0).repeat(14, 1)
    return blocks.astype(np.uint8)


def framed(inside: Drawing, color: int | tuple[int, int, int], **depths: int) -> Drawing:
    """A picture inside bands of one colour, of these depths by the sides' names."""
    top, right, bottom, left = (depths.get(side, 0) for side in SIDES)
    height, width = inside.shape[:2]
    page = np.full((top + height + bottom, left + width + right, 3), color, np.uint8)
    page[top : top + height, left : left + width] = inside
    return page


def dots(
    size: int = 400,
    pitch: int = 80,
    radius: int = 16,
    ground: int | tuple[int, int, int] = 240,
    shift: int = 0,
) -> Drawing:
    """Spots of one colour on plain ground that is cut between them; `shift` moves every second row of them."""
    y, x = np.mgrid[:size, :size]
    x = x + shift * (y // pitch % 2)
    spots = np.hypot(y % pitch - pitch / 2 + 0.5, x % pitch - pitch / 2 + 0.5) < radius
    picture = np.full((size, size, 3), ground, np.uint8)
    picture[spots] = (180, 30, 60)
    return picture


def tossed(margin: int, seed: int = 0) -> Drawing:
    """Sixty motifs of many colours, thrown on a white ground of 400 px, which leave a margin free."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (400, 400), (250, 250, 250))
    for y, x in rng.integers(margin, 400 - margin - 30, (160, 2)):
        ImageDraw.Draw(image).ellipse((x, y, x + 30, y + 30), tuple(rng.integers(0, 200, 3)))
    return np.asarray(image)


def scanned(picture: Drawing, noise: float = 4, quality: int = 80) -> Drawing:
    """The picture with the grain of paper, as a JPEG."""
    grain = np.random.default_rng(5).normal(0, noise, picture.shape)
    buffer = io.BytesIO()
    Image.fromarray((picture + grain).round().clip(0, 255).astype(np.uint8)).save(
        buffer, "JPEG", quality=quality
    )
    return np.asarray(Image.open(buffer))


def depths(rgb: Drawing) -> dict[str, int]:
    """Depths of a picture's border by the sides' names."""
    border = flat_border(Picture(np.ascontiguousarray(rgb)))
    return border.depths if border else {}


@pytest.mark.parametrize(
    "sides", [(side,) for side in SIDES] + [("left", "right"), ("top", "left"), SIDES, ()]
)
@pytest.mark.parametrize("color", [255, 0, 128, (120, 20, 30)])
def test_borders_of_a_painting(sides: tuple[str, ...], color: int | tuple[int, int, int]) -> None:
    """A border is measured to the pixel at the sides that have one, whatever its colour."""
    assert depths(framed(painting(), color, **dict.fromkeys(sides, 30))) == dict.fromkeys(sides, 30)


@pytest.mark.parametrize("noise", [0, 2, 4, 8])
@pytest.mark.parametrize("quality", [80, 95])
def test_grain_and_jpeg(noise: float, quality: int) -> None:
    """Grain of paper and JPEG hide no border; JPEG's blocks of 8 px smear colours into its last lines."""
    edges = {"top": 30, "right": 24, "bottom": 44, "left": 20}
    measured = depths(scanned(framed(painting(), (235, 230, 215), **edges), noise, quality))
    assert measured == pytest.approx(edges, abs=8)


@pytest.mark.parametrize("factor", [2, 3, 7])
def test_large_pictures(factor: int) -> None:
    """A large picture is looked at reduced: no border stays, and at most two pixels of the reduced picture are lost."""
    large = framed(painting(), 250, **ALL).repeat(factor, 0).repeat(factor, 1)
    measured = depths(large[: len(large) - 1, 1:])
    assert set(measured) == set(SIDES)
    assert all(
        40 * factor - 1 <= depth <= 40 * factor + 2 * -(-500 * factor // 512) for depth in measured.values()
    )


@pytest.mark.parametrize(
    ("depth", "is_border"), [(4, False), (5, False), (8, True), (170, True), (300, False)]
)
def test_depths_that_count(depth: int, is_border: bool) -> None:
    """A band counts from 1.5 % of the picture's height on, and up to 40 %; deeper, it is the picture's main part."""
    assert bool(depths(framed(painting(), 250, top=depth))) == is_border


def test_dust_on_a_margin() -> None:
    """Specks on a page hide no margin."""
    page = framed(painting(), 250, **ALL).copy()
    for y, x in np.random.default_rng(1).integers(0, 38, (12, 2)):
        page[y : y + 2, x * 10 : x * 10 + 2] = 90
    assert depths(page) == ALL


def test_uneven_light_on_a_page() -> None:
    """A page that is darker at one end, as in a scan, is still of one colour."""
    page = framed(painting(), 240, **ALL)
    shade = np.linspace(0, 14, len(page))[:, None, None]
    assert depths((page - shade.clip(0, page)).astype(np.uint8)) == pytest.approx(ALL, abs=1)


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_nested_bands(noise: float) -> None:
    """A white page, a black line, a passe-partout and a brown line around a painting are one border."""
    page = painting(700, 560)[:400, :420]
    for depth, color in ((3, (60, 40, 20)), (16, (220, 210, 190)), (2, (0, 0, 0)), (19, (255, 255, 255))):
        page = framed(page, color, **dict.fromkeys(SIDES, depth))
    assert depths(scanned(page, noise, 92) if noise else page) == pytest.approx(ALL, abs=2)


def test_bands_of_several_colours() -> None:
    """Bands at neighbouring sides may have colours of their own."""
    page = framed(framed(painting(), 0, left=30), 250, top=40, bottom=20)
    assert depths(page) == {"top": 40, "bottom": 20, "left": 30}


def test_a_line_frame_around_dots() -> None:
    """A page and a line around a spaced print are cropped up to the line: the print's own ground stays."""
    page = framed(framed(dots(), 0, **dict.fromkeys(SIDES, 4)), (140, 160, 180), **dict.fromkeys(SIDES, 20))
    assert depths(page) == dict.fromkeys(SIDES, 24)


def test_captions() -> None:
    """A caption below a picture is a part of the margin that it lies in."""
    image = Image.fromarray(framed(painting(), 255, top=30, right=30, bottom=70, left=30))
    ImageDraw.Draw(image).text((120, 470), "Olive Trees, 1889", (20, 20, 20), font_size=20)
    assert depths(np.asarray(image)) == pytest.approx(
        {"top": 30, "right": 30, "bottom": 70, "left": 30}, abs=2
    )


@pytest.mark.parametrize("ground", [255, (30, 60, 140)])
def test_wide_margins_around_motifs(ground: int | tuple[int, int, int]) -> None:
    """A margin of the motifs' own ground counts where it is clearly wider than the gaps between them."""
    inside = dots(320, 40, 16, ground)
    wide = framed(inside, ground, **dict.fromkeys(SIDES, 60))
    assert depths(wide) == dict.fromkeys(SIDES, 64)
    assert not depths(framed(inside, ground, **dict.fromkeys(SIDES, 8)))


@pytest.mark.parametrize("ground", [250, (190, 200, 210)])
def test_pages_around_spaced_prints(ground: int | tuple[int, int, int]) -> None:
    """A page of another colour than the print's ground is a border, though narrower than the gaps between motifs."""
    assert depths(
        framed(dots(400, 80, 16, (30, 60, 140)), ground, **dict.fromkeys(SIDES, 12))
    ) == dict.fromkeys(SIDES, 12)


def test_a_page_around_white_ground() -> None:
    """A side where picture and page are both white belongs to the page, as the sides beside it show."""
    inside = painting()
    inside[60:300, :40] = 255
    assert depths(framed(inside, 255, **ALL)) == ALL


def test_stripes_on_a_page() -> None:
    """A page around a pattern of stripes is a border, at the sides along the stripes, too."""
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:] = np.array([(180, 20, 20), (20, 60, 120), (90, 150, 60), (240, 180, 40)])[
        np.arange(400) // 20 % 4
    ][:, None]
    assert depths(framed(stripes, 255, **ALL)) == ALL


def test_transparent_margins() -> None:
    """A transparent margin is a border, as a run paints the style over white; what lies under it does not matter."""
    rgb, alpha = painting(), np.zeros((420, 350), np.uint8)
    alpha[40:380, 40:310] = 255
    border = flat_border(Picture(rgb, alpha))
    assert border and border.depths == ALL
    assert flat_border(Picture(rgb)) is None


def stripes(axis: int, *widths: int) -> Drawing:
    """Stripes of these widths in changing colours, over 420 px."""
    colors = [(180, 20, 20), (250, 250, 250), (20, 60, 120), (90, 150, 60)]
    bands = np.concatenate([np.full(width, index) for index, width in enumerate(widths)])
    lines = np.array(colors, np.uint8)[np.resize(bands, 420) % 4]
    return np.broadcast_to(lines[:, None] if axis == 0 else lines[None], (420, 420, 3))


def striped_flowers() -> Drawing:
    """Plain stripes of 40 px that take turns with stripes full of flowers."""
    return np.concatenate(
        [*(np.concatenate([np.full((40, 420, 3), 250, np.uint8), painting(42, 420, n)]) for n in range(5))]
    )


def landscape() -> Drawing:
    """A plain sky over mountains."""
    picture = np.full((400, 420, 3), (200, 220, 250), np.uint8)
    ridge = 150 + 90 * np.sin(np.arange(420) / 40)
    rocks = np.arange(400)[:, None] > ridge
    picture[rocks] = painting(406, 420)[:400][rocks]
    return picture


def evening() -> Drawing:
    """A landscape whose sky changes slowly from dark to light, with a horizon."""
    picture = painting(406, 420)[:400].copy()
    picture[:240] = np.linspace(40, 230, 240).astype(np.uint8)[:, None, None]
    return picture


def vignette() -> Drawing:
    """A painting in a photograph's light, which falls off to dark corners."""
    y, x = np.mgrid[-1:1:400j, -1:1:400j]
    light = 230 - 120 * np.hypot(y, x)
    picture = light[..., None].repeat(3, 2)
    picture[150:250, 150:250] = painting(112, 112)[:100, :100]
    return picture.astype(np.uint8)


def gradient(axis: int) -> Drawing:
    """A slow change from black to white."""
    ramp = np.linspace(0, 255, 400).astype(np.uint8)
    return np.broadcast_to(ramp[:, None, None] if axis == 0 else ramp[None, :, None], (400, 400, 3))


def checks(size: int) -> Drawing:
    """A gingham of white, light and dark blue."""
    rows = (np.arange(420) // size % 2)[:, None] + (np.arange(420) // size % 2)[None]
    return np.array([(250, 250, 250), (140, 160, 210), (40, 80, 160)], np.uint8)[rows]


NO_BORDERS: dict[str, Callable[[], Drawing]] = {
    "a plain picture": lambda: np.full((90, 90, 3), 200, np.uint8),
    "a plain picture with grain": lambda: scanned(np.full((300, 300, 3), 200, np.uint8)),
    "black": lambda: np.zeros((300, 400, 3), np.uint8),
    "one pixel": lambda: np.zeros((1, 1, 3), np.uint8),
    "a line of pixels": lambda: np.zeros((1, 900, 3), np.uint8),
    "a gradient down": lambda: gradient(0),
    "a gradient across": lambda: gradient(1),
    "a painting": painting,
    "noise": lambda: np.random.default_rng(0).integers(0, 255, (300, 300, 3)).astype(np.uint8),
    "polka dots": dots,
    "small dots, far apart": lambda: dots(pitch=100, radius=8),
    "large dots": lambda: dots(pitch=50, radius=22),
    "dots in half drop": lambda: dots(shift=40),
    "dots as scanned": lambda: scanned(dots()),
    "dots on navy": lambda: dots(ground=(20, 25, 60)),
    "a cut motif on much plain ground": lambda: framed(dots(120, 120, 50), 240, right=280, bottom=280)[40:, 40:],
    "motifs tossed up to the edge": lambda: tossed(0),
    "motifs tossed with their own gaps as margin": lambda: tossed(12),
    "stripes down": lambda: stripes(1, 30, 30, 30, 30),
    "stripes across": lambda: stripes(0, 30, 30, 30, 30),
    "wide and narrow stripes": lambda: stripes(0, 70, 10, 50, 10),
    "three blocks of colour": lambda: stripes(0, 140, 140, 140),
    "a narrow block beside a wide one": lambda: stripes(1, 100, 320),
    "stripes of flowers": striped_flowers,
    "stripes of flowers, turned": lambda: np.rot90(striped_flowers()),
    "a landscape": landscape,
    "a sky that changes slowly": evening,
    "a sky that changes slowly, scanned": lambda: scanned(evening()),
    "light that falls off": vignette,
    "gingham": lambda: checks(30),
    "small gingham": lambda: checks(8),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_BORDERS)
def test_what_is_no_border(kind: str) -> None:
    """Plain pictures, gradients, stripes, skies, and motifs on a ground up to the edges have nothing to be cropped."""
    assert not depths(NO_BORDERS[kind]())


def test_crop_and_note() -> None:
    """The note names each side with pixels and per cent of height or width, the crop, and why."""
    border = FlatBorder({"top": 12, "left": 9}, (600, 400))
    assert border.crop == (9, 12, 391, 588)
    assert border.note == (
        "the picture has a flat border (12 px (2.0 %) at the top, 9 px (2.2 %) at the left), which would be painted as"
        " if it were a motif: crop the picture to 391 x 588 px from left 9, top 12"
    )


def test_the_crop_has_no_border() -> None:
    """A picture that was cropped as its note says is not noted again."""
    page = scanned(framed(painting(700, 840), (250, 248, 240), top=60, right=44, bottom=90, left=44))
    border = flat_border(Picture(page))
    assert border
    left, top, width, height = border.crop
    assert not depths(page[top : top + height, left : left + width])


def test_real_styles(assets: Path) -> None:
    """No real style has a border; with a white page around it, as scanned, it has one at all sides."""
    names = list(pd.read_csv(assets / "styles" / "catalog.csv")["image"])
    pictures = {name: decode((assets / "styles" / name).read_bytes()).rgb for name in names}
    assert not [name for name, rgb in pictures.items() if depths(rgb)]
    pages = {name: depths(scanned(framed(pictures[name], 250, **ALL))) for name in names[::7]}
    assert {name: page for name, page in pages.items() if page != pytest.approx(ALL, abs=6)} == {}
