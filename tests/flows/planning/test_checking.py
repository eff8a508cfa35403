"""`stylemill check` looks at both catalogs, at sets that are not sealed, and at what only both together say."""

import shutil
from pathlib import Path

import openpyxl
import pytest

from tests.conftest import Run


def checked(catalog: Path, stylemill: Run, code: int = 0) -> str:
    """What the command says."""
    done = stylemill("check", "--garments", catalog / "garments", "--styles", catalog / "styles")
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture
def dropped(catalog: Path) -> Path:
    """A set in the style catalog that nobody has sealed: one good row, one without a picture, one of another set."""
    folder = catalog / "styles" / "winter-27"
    folder.mkdir()
    shutil.copy(catalog / "styles" / "s0.png", folder / "wax.png")
    rows = ["style_id,style_set,image", "wax,,wax.png", "gone,,gone.png", "other,Winter,wax.png"]
    (folder / "catalog.csv").write_text("\n".join(rows) + "\n")
    return folder


def test_a_set_that_is_not_sealed(catalog: Path, dropped: Path, stylemill: Run) -> None:
    """Its rows are looked at and its faults told before it is sealed; they are no faults of the catalog."""
    told = checked(catalog, stylemill)
    assert f"{catalog / 'styles'}: 3 styles can be used, 0 cannot." in told
    assert "style set 'winter-27' is not sealed: 1 style can be used, 2 cannot." in told
    assert f"'stylemill seal {dropped}'" in told
    assert "row 3 (gone), image 'gone.png'" in told
    assert "row 4 (other), style_set 'Winter': is not the folder's name 'winter-27'" in told


@pytest.mark.usefixtures("dropped")
def test_nothing_but_a_set_that_is_not_sealed(catalog: Path, stylemill: Run) -> None:
    """Where all styles wait for their seal, the last word says that."""
    (catalog / "styles" / "catalog.csv").unlink()
    done = stylemill("check", "--garments", catalog / "garments", "--styles", catalog / "styles")
    assert done.returncode == 1
    assert "1 style can be used, 2 cannot" in done.stdout
    assert done.stderr.splitlines()[-1].endswith("or seal a style set.")


def test_a_set_that_cannot_be_read(catalog: Path, dropped: Path, stylemill: Run) -> None:
    """A set whose table lacks a column is named with it; the catalog's own styles are counted."""
    (dropped / "catalog.csv").write_text("name\nwax\n")
    told = checked(catalog, stylemill)
    assert "style set 'winter-27' is not sealed, and cannot be read: " in told and "style_id" in told


def test_a_garments_width_that_cannot_be_meant(catalog: Path, stylemill: Run) -> None:
    """The garment's own cell is named, and no right style is blamed for it."""
    garments, styles = catalog / "garments" / "catalog.csv", catalog / "styles" / "catalog.csv"
    head, *rows = garments.read_text().splitlines()
    widths = ("60", "60000", "60")
    garments.write_text(
        "\n".join([f"{head},print_width_cm", *(f"{r},{w}" for r, w in zip(rows, widths, strict=True))])
    )
    head, *rows = styles.read_text().splitlines()
    styles.write_text("\n".join([f"{head},repeat_width_cm", *(f"{row},20" for row in rows)]))
    told = checked(catalog, stylemill)
    assert (
        "row 3 (g1), print_width_cm '60000': no cloth of a garment is 60000 cm wide (5 to 400 cm are likely)"
        in told
    )
    assert "repeat_width_cm" not in told


def test_widths_on_one_side(catalog: Path, stylemill: Run) -> None:
    """Styles that have widths, beside garments that have none, are noted before any plan."""
    styles = catalog / "styles" / "catalog.csv"
    head, *rows = styles.read_text().splitlines()
    styles.write_text("\n".join([f"{head},repeat_width_cm", *(f"{row},20" for row in rows)]))
    assert "garments 'g0', 'g1', 'g2' have no print_width_cm: recipe print guesses the scale" in checked(
        catalog, stylemill
    )


def test_notes_name_the_table_that_is_there(catalog: Path, stylemill: Run) -> None:
    """A note about a catalog that is a workbook names the workbook."""
    table = catalog / "garments" / "catalog.csv"
    book = openpyxl.Workbook()
    for row in table.read_text().splitlines():
        book.active.append(row.split(","))  # type: ignore[union-attr]
    book.save(table.with_suffix(".xlsx"))
    table.unlink()
    told = checked(catalog, stylemill)
    assert f"note: {table.with_suffix('.xlsx')}: garments 'g0'" in told and str(table) not in told
