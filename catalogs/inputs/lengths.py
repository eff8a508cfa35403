"""Lengths as people write them, in the unit that their column states, as centimetres."""

import re
from dataclasses import dataclass

THOUSANDS = re.compile(r"\+?[1-9]\d{0,2},\d{3}")
"""A number in which a comma may be a decimal comma or one between thousands: people write both."""
MEASURED = re.compile(r"(.*[\d.,])\s*([A-Za-z]+|[\"\u2033\u201d])\.?")
"""A number with a unit."""
LONGEST = 60
"""Letters of a length; what is longer is none."""
WIDEST = 100_000


@dataclass(frozen=True)
class Unit:
    """A unit: what people call it, and how many centimetres it has."""

    name: str
    cm: float


CM, MM, M, INCH = Unit("cm", 1.0), Unit("mm", 0.1), Unit("m", 100.0), Unit("inches", 2.54)
UNITS = {
    "mm": MM, "millimetre": MM, "millimetres": MM, "millimeter": MM, "millimeters": MM,
    "cm": CM, "cms": CM, "centimetre": CM, "centimetres": CM, "centimeter": CM, "centimeters": CM,
    "m": M, "metre": M, "metres": M, "meter": M, "meters": M,
    "in": INCH, "inch": INCH, "inches": INCH, "ins": INCH, "zoll": INCH,
    '"': INCH, "\u2033": INCH, "\u201d": INCH,
}  # fmt: skip
"""Units by their spellings in lower case."""


class LengthError(ValueError):
    """A text is no length; the message says what to write."""


def length_cm(text: str, unit: Unit = CM) -> float:
    """A length in centimetres, above zero, of a number in the unit that its column states.

    A decimal comma is understood, and so is the unit, if it stands with the number.

    Raises LengthError for all else: another unit, and `1,234`, which may mean two numbers.
    """
    measured = MEASURED.fullmatch(text) if len(text) <= LONGEST else None
    number = measured[1] if measured and UNITS.get(measured[2].casefold()) == unit else text
    if THOUSANDS.fullmatch(number):
        point, none = number.replace(",", "."), number.replace(",", "")
        raise LengthError(f"may mean {point} or {none} {unit.name}; write {point} or {none}, without a comma")
    value = _number(number, unit) * unit.cm
    if not 0 < value < WIDEST:
        raise LengthError(f"is not a usable length; write {unit.name} above 0, as 52.5")
    return value if unit == CM else round(value, 6)


def _number(text: str, unit: Unit) -> float:
    """A number with a decimal point or comma, but not Python's own `1_0`; LengthError for other texts."""
    wrong = LengthError(f"is not a number; write a length in {unit.name}, as 52.5")
    if "_" in text or len(text) > LONGEST:
        raise wrong
    try:
        return float(text.replace(",", "."))
    except ValueError as error:
        raise wrong from error
