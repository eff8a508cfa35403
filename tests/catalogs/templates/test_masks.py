"""Masks of garments become coverage; what cannot be meant is refused, what may not be is noted."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from catalogs.errors import MaskError
from catalogs.images.codec import Picture
from catalogs.templates import flat_levels, mask_levels
from catalogs.templates.masks import Mask, clean_coverage, decode_mask
from tests.catalogs.images.tiff_files import tiff
from tests.conftest import picture, saved

Levels = NDArray[np.uint8]
HEIGHT, WIDTH = 120, 96
PICTURE = Picture(picture(3, HEIGHT, WIDTH))


def ellipse(inside: int = 255, outside: int = 0) -> Levels:
    """A garment of one flat level on another, without soft edges."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    within = ((rows - 60) / 45) ** 2 + ((columns - 48) / 34) ** 2 <= 1
    return np.where(within, inside, outside).astype(np.uint8)


CLOTH = ellipse()
SOFT = np.asarray(Image.fromarray(CLOTH).filter(ImageFilter.GaussianBlur(2)))
RING = np.asarray(Image.fromarray(CLOTH).filter(ImageFilter.MaxFilter(7))) != np.asarray(
    Image.fromarray(CLOTH).filter(ImageFilter.MinFilter(7))
)
NOISE = np.random.default_rng(7).integers(0, 6, CLOTH.shape)


def colored(color: tuple[int, int, int], levels: Levels = CLOTH) -> Levels:
    """Levels as the strength of a colour on black."""
    return np.rint(levels[..., None] / 255 * np.array(color)).astype(np.uint8)


def read(array: Levels, kind: str = "PNG", **options: object) -> Mask:
    """What a mask of these samples is read as."""
    return decode_mask(saved(Image.fromarray(array), kind, **options), PICTURE)


def tall(levels: Levels) -> Levels:
    """Levels three times as large."""
    return np.kron(levels, np.ones((3, 3), np.uint8)).astype(np.uint8)


def over(levels: Levels) -> Mask:
    """What a mask of such levels is read as over a picture of its size."""
    return decode_mask(saved(Image.fromarray(levels)), Picture(picture(3, *levels.shape)))


class TestRead:
    """Masks as people make them are read as the mask that is meant."""

    @pytest.mark.parametrize("levels", [CLOTH, SOFT], ids=["hard", "soft"])
    def test_plain(self, levels: Levels) -> None:
        """A white garment on black is read as it is, soft edges too, without a word."""
        mask = read(levels)
        assert np.abs(mask.coverage.astype(int) - levels).max() <= 8
        assert not mask.notes

    def test_16_bit(self) -> None:
        """A 16-bit mask is scaled like a 16-bit picture."""
        assert np.array_equal(read(CLOTH.astype(np.uint16) * 257).coverage, CLOTH)

    @pytest.mark.parametrize("number", [1, 255])
    def test_numbers_in_16_bits(self, number: int) -> None:
        """A 16-bit mask of 0 and a small number is read by the number."""
        mask = read(np.where(CLOTH > 0, number, 0).astype(np.uint16))
        assert np.array_equal(mask.coverage, CLOTH)

    @pytest.mark.parametrize("haze", [1, 5, 7])
    def test_haze(self, haze: int) -> None:
        """A backdrop that is not quite black is backdrop."""
        assert np.array_equal(read(np.maximum(CLOTH, haze).astype(np.uint8)).coverage, CLOTH)

    def test_noise(self) -> None:
        """Noise under and over the two levels is neither cloth nor hole."""
        noisy = np.clip(CLOTH.astype(int) + np.where(CLOTH > 0, -NOISE, NOISE), 0, 255).astype(np.uint8)
        assert np.array_equal(read(noisy).coverage, CLOTH)

    @pytest.mark.parametrize("quality", [95, 75, 50])
    def test_jpeg(self, quality: int) -> None:
        """Ringing of compression does not widen what is clearly cloth."""
        mask = read(CLOTH, "JPEG", quality=quality)
        assert np.array_equal(mask.coverage >= 128, CLOTH >= 128)
        assert not mask.notes

    @pytest.mark.parametrize(("black", "white"), [(0, 1), (0, 90), (16, 235), (1, 2), (40, 200)])
    def test_two_flat_levels(self, black: int, white: int) -> None:
        """Two flat levels are backdrop and cloth, whatever they are; that is noted."""
        mask = read(ellipse(white, black))
        assert np.array_equal(mask.coverage, CLOTH)
        assert mask.notes == (
            f"has the levels {black} and {white} instead of 0 and 255: they were taken for backdrop and cloth",
        )

    @pytest.mark.parametrize("color", [(0, 255, 0), (128, 0, 0), (255, 128, 0), (200, 200, 60)])
    @pytest.mark.parametrize("kind", ["PNG", "JPEG"])
    def test_one_hue_on_black(self, color: tuple[int, int, int], kind: str) -> None:
        """One colour on black is cloth; that is noted with the colour."""
        mask = read(colored(color, SOFT), kind)
        assert np.mean(np.abs(mask.coverage.astype(int) - SOFT) > 24) < 0.01
        assert "is coloured: #" in mask.notes[0]

    def test_palette(self) -> None:
        """An index map with a grey for the garment is read by its colours."""
        image = Image.fromarray(np.where(CLOTH > 0, 7, 0).astype(np.uint8))
        image.putpalette([0] * 21 + [128] * 3 + [0] * 744)
        mask = decode_mask(saved(image), PICTURE)
        assert np.array_equal(mask.coverage, CLOTH)
        assert "levels 0 and 128" in mask.notes[0]

    @pytest.mark.parametrize("level", [0, 255])
    def test_silhouette_on_nothing(self, level: int) -> None:
        """A black or white silhouette is its alpha, without a word."""
        mask = read(np.dstack([np.full((HEIGHT, WIDTH, 3), level, np.uint8), CLOTH]))
        assert np.array_equal(mask.coverage, CLOTH)
        assert not mask.notes

    def test_mask_on_nothing(self) -> None:
        """White cloth and black holes on a transparent ground: holes and ground are no cloth."""
        rgb = np.full((HEIGHT, WIDTH, 3), 255, np.uint8)
        rgb[50:70, 40:60] = 0
        holed = np.where(rgb[..., 0] > 0, CLOTH, 0)
        assert np.array_equal(read(np.dstack([rgb, CLOTH])).coverage, holed)

    @pytest.mark.parametrize("clear", [0, 200, 240])
    @pytest.mark.parametrize("side", [34, 40])
    @pytest.mark.parametrize("where", ["a pixel", "corners"])
    def test_small_garment_with_a_little_alpha(self, clear: int, side: int, where: str) -> None:
        """A small white garment on black stays the cloth where some pixels are transparent."""
        levels = np.zeros((400, 320), np.uint8)
        levels[100 : 100 + side, 100 : 100 + side] = 255
        alpha = np.full_like(levels, 255)
        if where == "a pixel":
            alpha[0, 0] = clear
        else:
            alpha[:6, :6] = alpha[-6:, :6] = alpha[:6, -6:] = alpha[-6:, -6:] = clear
        found = mask_levels.mask_levels(
            Image.fromarray(np.dstack([levels, levels, levels, alpha])), Picture(picture(3, 400, 320))
        )
        assert np.array_equal(found[0], levels)
        assert not found[1]

    def test_black_silhouette_with_a_label(self) -> None:
        """A little white on a black silhouette may be the cloth or a label: how it was read is noted."""
        rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        rgb[50:56, 40:46] = 255
        levels, notes = mask_levels.mask_levels(Image.fromarray(np.dstack([rgb, CLOTH])), PICTURE)
        assert np.array_equal(levels, rgb[..., 0])
        assert "a little white on black" in notes[0]

    def test_cut_out(self) -> None:
        """A cut-out picture says by its alpha what is cloth; that is noted."""
        mask = read(np.dstack([PICTURE.rgb, CLOTH]))
        assert np.array_equal(mask.coverage, CLOTH)
        assert "is a picture with transparency" in mask.notes[0]

    def test_specks(self) -> None:
        """A few stray pixels do not widen the garment's box; how many is noted."""
        dusty = np.kron(CLOTH, np.ones((8, 8), np.uint8))
        dusty[4:6, 4:6] = 255
        mask = decode_mask(
            saved(Image.fromarray(dusty)), Picture(np.kron(PICTURE.rgb, np.ones((8, 8, 1), np.uint8)))
        )
        assert not mask.coverage[:8, :8].any()
        assert mask.notes == ("has specks away from the cloth (4 px in all): they were left out",)

    def test_small_pieces_stay(self) -> None:
        """Straps and buttons apart from the cloth are cloth."""
        strapped = CLOTH.copy()
        strapped[4:8, 40:44] = 255
        assert np.array_equal(read(strapped).coverage, strapped)


class TestNoted:
    """What can be meant, but seldom is."""

    def test_inverted(self) -> None:
        """White in all corners asks whether it is the wrong way round."""
        assert read(255 - CLOTH).notes == (
            "is white in all four corners: if that is the backdrop, invert it",
        )

    @pytest.mark.parametrize(
        "black",
        [
            np.s_[-3:, :],
            np.s_[:1, :1],
            np.s_[:12, :12],
            np.s_[:12, -12:],
            np.s_[:, :2],
        ],
        ids=["line below", "corner", "label", "label on the right", "line on the left"],
    )
    def test_inverted_with_marks(self, black: tuple[slice, slice]) -> None:
        """A mask that is the wrong way round is asked about, also where a line or a label is black."""
        inverted = tall(255 - CLOTH)
        inverted[black] = 0
        assert any(
            "of its border: if that is the backdrop, invert it" in note for note in over(inverted).notes
        )

    def test_cloth_that_runs_out_of_the_picture(self) -> None:
        """Cloth along a side of the picture, or two, is not asked about."""
        levels = tall(CLOTH)
        levels[200:, :] = 255
        assert not any("invert it" in note for note in over(levels).notes)

    def test_mostly_grey(self) -> None:
        """A map of confidence is painted as it says, and noted."""
        ramp = np.where(CLOTH > 0, np.linspace(20, 255, WIDTH).astype(np.uint8)[None], 0)
        assert "is white in only" in read(ramp).notes[0]

    def test_sheer_cloth_may_be_flat(self) -> None:
        """A garment with a sheer part of one level keeps that level; a trimap looks the same, so it is noted."""
        sheer = CLOTH.copy()
        sheer[90:][CLOTH[90:] > 0] = 128
        mask = read(sheer)
        assert np.array_equal(mask.coverage, sheer)
        assert "has a flat level 128: it was taken for sheer cloth" in mask.notes[0]

    def test_outline(self) -> None:
        """An outline paints only itself: that is noted."""
        inside = np.asarray(Image.fromarray(CLOTH).filter(ImageFilter.MinFilter(7)))
        assert "marks an outline" in read((CLOTH - inside).astype(np.uint8)).notes[0]


LABELS = np.where(RING, 255, np.where(CLOTH > 0, 1, 0))
PARTS = np.where(CLOTH > 0, 1 + np.arange(HEIGHT)[:, None] // 40, 0)
REFUSED = {
    "label map with an ignored border": (LABELS, r"3 flat levels \(0, 1, 255\), as label maps"),
    "label map of parts": (PARTS, r"4 flat levels \(0, 1, 2, 3\).*column 'parts'"),
    "grey label map": (PARTS * 60, r"4 flat levels \(0, 60, 120, 180\)"),
    "no black": (ellipse(255, 128), "has no black"),
    "two colours": (np.where(CLOTH[..., None] > 0, (255, 0, 0), (0, 255, 0)), "coloured picture"),
    "overlay": (PICTURE.rgb // 2 + colored((127, 0, 0)), "screenshots of overlays"),
    "photo": (PICTURE.rgb, "picture itself|coloured picture"),
    "grey photo": (PICTURE.rgb.mean(-1), "picture itself"),
    "negative": (255 - PICTURE.rgb.mean(-1), "a negative of the picture"),
    "empty": (CLOTH * 0, "empty.*paint the garment white"),
    "all white": (CLOTH * 0 + 255, "white everywhere.*leave the mask cell empty"),
    "nowhere opaque": (np.where(CLOTH > 0, np.linspace(20, 110, WIDTH)[None], 0), "nowhere opaque"),
    "too small": (np.pad(np.full((3, 5), 255), ((60, 57), (40, 51))), "marks only 5x3 px"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refused(kind: str) -> None:
    """What cannot be meant is refused with what to do."""
    array, why = REFUSED[kind]
    with pytest.raises(MaskError, match=why):
        read(np.asarray(array).astype(np.uint8))


def test_photo_on_white() -> None:
    """A catalogue photo on white, given as its own mask, is not taken for an inverted mask."""
    rgb = np.where(CLOTH[..., None] > 0, PICTURE.rgb // 2, 255).astype(np.uint8)
    grey = saved(Image.fromarray(rgb).convert("L"))
    with pytest.raises(MaskError, match="picture itself"):
        decode_mask(grey, Picture(rgb))


@pytest.mark.parametrize("dark", [False, True])
def test_garment_like_its_mask(dark: bool) -> None:
    """A white garment on black, or a black one on white, may have a mask that looks like it."""
    rgb = np.repeat((255 - SOFT if dark else SOFT)[..., None], 3, 2)
    assert np.array_equal(decode_mask(saved(Image.fromarray(CLOTH)), Picture(rgb)).coverage, CLOTH)


ROWS, COLUMNS = np.mgrid[:HEIGHT, :WIDTH]
GREY = np.rint(90 + (picture(3, HEIGHT, WIDTH).mean(-1) - 90) / 3).astype(np.uint8)
"""The light of cloth with a weave and soft folds."""
WOVEN = Picture(np.repeat(np.where(CLOTH > 0, GREY, 235)[..., None], 3, 2).astype(np.uint8))


def brown(shade: float, tint: Levels) -> Levels:
    """A photo of brown cloth on a ground, half covered by a red overlay where `tint` is white."""
    color = np.clip(GREY[..., None] / 255 * np.array([190, 110, 70]), 0, 255)
    photo = np.where(CLOTH[..., None] > 0, color, shade)
    return np.where(tint[..., None] > 0, photo / 2 + np.array([127, 0, 0]), photo).astype(np.uint8)


class TestShowsThePicture:
    """Whatever shows the picture itself is none of its cloth."""

    @pytest.mark.parametrize("shade", [60.0, 140.0, 235.0])
    @pytest.mark.parametrize("inside", [False, True])
    def test_overlay_on_brown(self, shade: float, inside: bool) -> None:
        """A screenshot of a red overlay on a brown garment is refused, though all of it is of one hue."""
        photo = Picture(brown(shade, CLOTH * 0))
        screenshot = saved(Image.fromarray(brown(shade, CLOTH if inside else 255 - CLOTH)))
        with pytest.raises(MaskError, match="screenshots of overlays do|coloured picture|has no black"):
            decode_mask(screenshot, photo)

    @pytest.mark.parametrize("ground", [0, 255])
    def test_cut_out_on_a_ground(self, ground: int) -> None:
        """A cut-out on black or white, in grey, is not painted by its lightness."""
        with pytest.raises(MaskError, match="the picture itself, or shows it .as cut-outs on a ground"):
            cut = Image.fromarray(np.where(CLOTH > 0, GREY, ground).astype(np.uint8))
            decode_mask(saved(cut), WOVEN)

    @pytest.mark.parametrize("cast", [0, 40])
    @pytest.mark.parametrize("noise", [0.0, 3.0])
    def test_a_dark_garment_is_no_negative(self, cast: int, noise: float) -> None:
        """The soft grey mask of a dark garment on white goes down where the picture goes up: it is a mask."""
        shade = np.random.default_rng(5).normal(0, noise, CLOTH.shape)
        levels = np.clip(cast + SOFT * 0.7 + shade, 0, 255).astype(np.uint8)
        photo = Picture(np.repeat((245 - SOFT * 0.85)[..., None], 3, 2).astype(np.uint8))
        mask = decode_mask(saved(Image.fromarray(levels)), photo)
        assert np.mean((mask.coverage >= 128) != (CLOTH >= 128)) < 0.03


class TestLabels:
    """Numbers of parts, however small the parts are."""

    @pytest.mark.parametrize("side", [5, 8, 20])
    @pytest.mark.parametrize("values", [(0, 1, 2), (0, 7, 3), (0, 2, 1), (0, 15, 9)])
    def test_small_parts(self, side: int, values: tuple[int, int, int]) -> None:
        """A part of a few pixels makes a label map of two flat levels: it is refused with the levels."""
        ground, cloth, part = values
        labels = np.where(CLOTH > 0, cloth, ground)
        labels[60 : 60 + side, 40 : 40 + side] = part
        with pytest.raises(MaskError, match=r"3 flat levels \(0, \d+, \d+\), as label maps have"):
            read(labels.astype(np.uint8))

    def test_small_sheer_part(self) -> None:
        """A small part of one level between is sheer cloth, and noted."""
        levels = CLOTH.copy()
        levels[60:66, 40:46] = 90
        mask = read(levels)
        assert np.array_equal(mask.coverage, levels)
        assert "has a flat level 90" in mask.notes[0]

    @pytest.mark.parametrize("colors", [4, 8, 16])
    @pytest.mark.parametrize("radius", [1, 2, 3])
    def test_few_greys_are_no_labels(self, colors: int, radius: int) -> None:
        """A soft edge in few greys, as a palette of a GIF or PNG has them, is a soft edge."""
        soft = Image.fromarray(CLOTH).filter(ImageFilter.GaussianBlur(radius))
        mask = decode_mask(saved(soft.quantize(colors)), PICTURE)
        assert np.abs(mask.coverage.astype(int) - np.asarray(soft)).mean() < 8

    @pytest.mark.parametrize("quality", [3, 5, 10, 20])
    @pytest.mark.parametrize("haze", [0, 12])
    def test_poor_jpegs_are_no_labels(self, quality: int, haze: int) -> None:
        """Blocks of a poor JPEG are noise of two levels."""
        levels = (haze + CLOTH * 0.9).astype(np.uint8)
        mask = read(levels, "JPEG", quality=quality)
        assert np.mean((mask.coverage >= 128) != (CLOTH >= 128)) < 0.02

    @pytest.mark.parametrize("times", [2, 4, 8])
    @pytest.mark.parametrize("way", [Image.Resampling.NEAREST, Image.Resampling.BICUBIC])
    def test_enlarged_masks_are_no_labels(self, times: int, way: Image.Resampling) -> None:
        """A mask that was made small and enlarged has steps or a wide edge, and is read."""
        small = Image.fromarray(CLOTH).resize((WIDTH // times, HEIGHT // times), Image.Resampling.BOX)
        mask = decode_mask(saved(small.resize((WIDTH, HEIGHT), way)), PICTURE)
        assert np.mean((mask.coverage >= 128) != (CLOTH >= 128)) < 0.04


class TestDepths:
    """Masks of TIFFs as programs for research write them."""

    def test_numbers_in_32_bits(self) -> None:
        """A mask of 0 and 1 in 32 bits is read by the number, and is not empty."""
        assert np.array_equal(decode_mask(tiff((CLOTH > 0).astype(np.uint32)), PICTURE).coverage, CLOTH)

    def test_shares(self) -> None:
        """Shares from 0 to 1 in floating point are levels."""
        shares = (SOFT / 255).astype(np.float32)
        assert np.abs(decode_mask(tiff(shares), PICTURE).coverage.astype(int) - SOFT).max() <= 8

    @pytest.mark.parametrize(
        ("samples", "words"),
        [
            (CLOTH.astype(np.float32), "samples from 0 to 255, not 0 to 1"),
            (np.where(CLOTH > 0, 1, np.nan).astype(np.float32), "no numbers .NaN"),
        ],
    )
    def test_other_numbers(self, samples: Levels, words: str) -> None:
        """Other numbers are refused with what they are."""
        with pytest.raises(
            MaskError, match=f"mask cannot be read: the picture holds samples.*{words}|{words}"
        ):
            decode_mask(tiff(samples), PICTURE)


def test_other_size() -> None:
    """A mask of another size names both sizes."""
    with pytest.raises(MaskError, match=r"40x50 px but its picture is 96x120 px; export both at one size"):
        read(np.full((50, 40), 255, np.uint8))


def test_turned() -> None:
    """A mask with the picture's sides the other way round asks whether one of them is turned."""
    with pytest.raises(
        MaskError, match=r"120x96 px but its picture is 96x120 px; one of them is turned .the picture by"
    ):
        read(CLOTH.T)


def test_no_picture() -> None:
    """A mask that is no picture is the mask's fault, and not the garment picture's."""
    with pytest.raises(MaskError, match="mask cannot be read: the file is empty"):
        decode_mask(b"", PICTURE)


def test_cleaning_is_idempotent() -> None:
    """What is clean stays as it is."""
    once = clean_coverage(SOFT)
    assert np.array_equal(clean_coverage(once), once)


class TestLargeMasks:
    """The larger a mask is, the coarser the grid on which it is judged."""

    @pytest.mark.parametrize("side", [1_000, 2_000])
    @pytest.mark.parametrize("strewn", [False, True])
    def test_levels(self, side: int, strewn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
        """24 levels, in bands or strewn, are filtered once each and on no more than a million pixels."""
        filtered: list[int] = []
        share = flat_levels._wide_share

        def counted(where: np.ndarray) -> float:
            filtered.append(where.size)
            return share(where)

        monkeypatch.setattr(flat_levels, "_wide_share", counted)
        numbers = (
            np.random.default_rng(1).integers(0, 24, (side, side))
            if strewn
            else np.arange(side)[:, None] * 24 // side
        )
        with pytest.raises(MaskError, match="flat levels"):
            flat_levels.stretch_levels((numbers * 10 + np.zeros((side, side))).astype(np.uint8))
        assert 0 < len(filtered) <= 24
        assert max(filtered) <= 1_000_000

    @pytest.mark.parametrize("times", [1, 25])
    def test_small_labels(self, times: int) -> None:
        """A label of a few pixels is found in a large mask as in a small one."""
        labels = np.kron(CLOTH > 0, np.ones((times, times), bool)).astype(np.uint8)
        labels[60 * times : 60 * times + 7, 40 * times : 40 * times + 7] = 2
        with pytest.raises(MaskError, match=r"3 flat levels \(0, 1, 2\)"):
            flat_levels.stretch_levels(labels)

    def test_one_hue(self) -> None:
        """Red on black takes no more than a few bytes a pixel beside the picture."""
        rgb = np.zeros((3_000, 3_000, 3), np.uint8)
        rgb[500:2_000, 700:2_500, 0] = 255
        tracemalloc.start()
        levels, _ = mask_levels._of_one_hue(rgb)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert np.array_equal(levels, rgb[..., 0])
        assert peak < 7 * levels.size
