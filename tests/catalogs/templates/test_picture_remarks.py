"""What disappoints later is told at the first look: prints of the garment's own."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from catalogs.images.codec import Picture
from catalogs.templates.picture_remarks import has_own_print, own_print_note
from catalogs.templates.template import Template, decode_template


def cloth(pattern: str) -> Template:
    """A garment of 300 x 240 pixels with folds, and with a pattern on it."""
    y, x = np.mgrid[:300, :240].astype(np.float64)
    folds = 18 * np.sin(x / 17 + y / 60)
    color = np.stack([150 + folds, 160 + folds, 170 + folds], -1)
    if pattern == "stripes":
        color[(x // 14 % 2).astype(bool)] = (200, 60, 60)
    elif pattern == "black and white":
        color[((x + y) // 12 % 2).astype(bool)] = (20, 20, 20)
    elif pattern == "two colours":
        color[:140] = (40, 90, 50)
    elif pattern == "small label":
        color[60:80, 100:130] = (200, 40, 40)
    mask = np.zeros((300, 240), np.uint8)
    mask[30:270, 40:200] = 255
    return Template(Picture(color.clip(0, 255).astype(np.uint8)), mask)


@pytest.mark.parametrize("pattern", ["stripes", "black and white", "two colours"])
def test_own_prints(pattern: str) -> None:
    """Stripes, checks and blocks of colour are told, coloured or not."""
    assert has_own_print(cloth(pattern))


@pytest.mark.parametrize("pattern", ["plain", "small label"])
def test_plain_garments(pattern: str) -> None:
    """Folds and a small label are no print."""
    assert not has_own_print(cloth(pattern))


PRINTED = {"g03", "g05", "g06", "g08", "g11", "g24", "g25", "g27", "g28", "g37", "g38", "g40", "g46", "g02"}
PLAIN = {"g04", "g09", "g10", "g13", "g23", "g26", "g29", "g32", "g33", "g34", "g35", "g47", "g48"}


def test_real_garments(assets: Path) -> None:
    """Garments that people call printed are told, and plain ones are not."""
    rows = pd.read_csv(assets / "garments" / "catalog.csv").set_index("garment_id")
    told = {
        name
        for name in PRINTED | PLAIN
        if has_own_print(
            decode_template(
                *((assets / "garments" / rows[kind][name]).read_bytes() for kind in ("image", "mask"))
            )
        )
    }
    assert told == PRINTED


def test_notes_are_one() -> None:
    """Many garments with prints make one note, which names some and counts the others."""
    assert own_print_note([f"g{n}" for n in range(9)]).startswith(
        "garments 'g0', 'g1', 'g2', 'g3', 'g4' and 4 more seem"
    )
    assert own_print_note(["tee"]).startswith("garment 'tee' seems")
