"""Whole numbers are shown as their format shows them."""

import pytest

from catalogs.tables.number_formats import format_number


@pytest.mark.parametrize(
    ("value", "code", "text"),
    [
        (7, "000", "007"), (7, '"A-"000', "A-007"), (1234, '"A-"000', "A-1234"), (7, "000-0000", "000-0007"),
        (5551234, "000-0000", "555-1234"), (12, r"\T0000", "T0012"), (7, '0" cm"', "7 cm"), (7, '"SS25-"0', "SS25-7"),
        (7, "##-00", "-07"), (123456, "00-00", "1234-56"), (7, '000;"minus"000', "007"), (0, "000", "000"),
        (7, '"a;b"0', "7"), (7, '00" "00', "00 07"),
    ],
)  # fmt: skip
def test_digits_and_fixed_signs(value: int, code: str, text: str) -> None:
    """Zeros are filled, fixed signs stand where they stand, and the first place takes what is left."""
    assert format_number(value, code) == text


@pytest.mark.parametrize(
    "code",
    [
        "General", "@", "", "0", "#", "#,##0", "0.00", "#,##0.00", "0%", "0.00E+00", "# ?/?", "[Red]0", "[$-409]0",
        "_-0_-",
        "* 0", "dd/mm/yyyy", '"only text"', '"open0', "General0", "0" * 10_000 + "x", "\\\\",
    ],
)  # fmt: skip
def test_all_else_is_the_plain_number(code: str) -> None:
    """Formats that change how a number looks, and not what it says, and broken ones, leave it as it is."""
    assert format_number(1234, code) in ("1234", "0" * 251 + "1234")


def test_negative_numbers_are_plain() -> None:
    """A number below zero is no id."""
    assert format_number(-7, '"A-"000') == "-7"
