"""Colours and pattern hashes are what an eye would say."""

import numpy as np
import pytest

from catalogs.designs.appearance import (
    color_distances,
    color_family,
    dominant_colors,
    group_alike,
    measure_appearance,
    to_hex,
    to_lab,
)
from tests.conftest import picture


def cloth(*stripes: tuple[int, int, int], size: int = 96) -> np.ndarray:
    """Equal stripes of colours, size x size x 3."""
    rgb = np.zeros((size, size, 3), np.uint8)
    for number, stripe in enumerate(stripes):
        rgb[number * size // len(stripes) : (number + 1) * size // len(stripes)] = stripe
    return rgb


def test_two_inks() -> None:
    """A cloth of two colours has these two, with their shares, the larger first."""
    rgb = cloth((200, 30, 40), (200, 30, 40), (20, 40, 160))
    colors, shares = dominant_colors(rgb.reshape(-1, 3))
    assert colors == ["#c81e28", "#1428a0"]
    assert shares == pytest.approx([2 / 3, 1 / 3], abs=0.02)


def test_shades_are_one_color() -> None:
    """Light and shade on one dye are one colour."""
    shade = np.linspace(0.93, 1.0, 96)[:, None, None]
    rgb = (np.full((96, 96, 3), (40, 110, 180)) * shade).astype(np.uint8)
    assert len(measure_appearance(rgb, None).colors) == 1


def test_only_cloth_counts() -> None:
    """What lies outside the mask has no say."""
    rgb = cloth((255, 255, 255), (180, 20, 20))
    mask = np.zeros((96, 96), np.uint8)
    mask[48:] = 255
    assert measure_appearance(rgb, mask).colors == ("#b41414",)


def test_same_every_time() -> None:
    """The same picture has the same looks."""
    assert measure_appearance(picture(3), None) == measure_appearance(picture(3), None)


def test_hash_follows_pattern_not_grain() -> None:
    """A little noise moves few bits of the hash, another pattern many."""
    first, other = picture(1, 240, 192), picture(2, 240, 192)
    noisy = np.clip(first + np.random.default_rng(0).normal(0, 4, first.shape), 0, 255).astype(np.uint8)
    hashes = [int(measure_appearance(one, None).phash, 16) for one in (first, noisy, other)]
    assert bin(hashes[0] ^ hashes[1]).count("1") <= 6
    assert bin(hashes[0] ^ hashes[2]).count("1") >= 16


def test_lab_and_back() -> None:
    """Colours survive the way to Lab and back; distances are the published ones."""
    for color in ("#000000", "#ffffff", "#c81e28", "#1428a0"):
        assert to_hex(to_lab(color)) == color
    # Pair 1 of Sharma, Wu and Dalal (2005), table 1.
    pair = np.array([[50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485]])
    assert color_distances(pair, pair[1]) == pytest.approx([2.0425, 0.0], abs=1e-4)


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ("#101010", "black"), ("#fafafa", "white"), ("#808080", "grey"), ("#c01020", "red"), ("#e87020", "orange"),
        ("#f0d020", "yellow"), ("#20a040", "green"), ("#20a0a0", "turquoise"), ("#2040c0", "blue"),
        ("#7030a0", "purple"), ("#f080b0", "pink"), ("#704020", "brown"), ("#e8dcc0", "beige"), ("#192d49", "blue"),
    ],
)  # fmt: skip
def test_families(color: str, name: str) -> None:
    """Colours have the names that people look for them under."""
    assert color_family(color) == name


def test_alike() -> None:
    """Hashes within the distance are one group, also through a third; others are their own."""
    hashes = [0b0, 0b11, 0b1111, 2**64 - 1, 2**63]
    assert group_alike(hashes, 2).tolist() == [0, 0, 0, 3, 0]
    assert group_alike(hashes, 0).tolist() == [0, 1, 2, 3, 4]
