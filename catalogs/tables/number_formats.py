"""Numbers as a spreadsheet program shows them: whole numbers under a format of digits and fixed signs."""

import re
from functools import lru_cache

LONGEST = 255
"""Letters of a format; programs take no longer one."""
TOKEN = re.compile(r'"(?P<quoted>[^"]*)"|\\(?P<escaped>.)|(?P<plain>[-+():~{} ])|(?P<digit>[0#?])')
GENERAL = ("General", "@", "0", "")


def format_number(value: int, code: str) -> str:
    """A whole number as its format shows it: 7 under `"A-"000` is A-007.

    The result is the plain number where the format has anything but places for digits and fixed signs: signs between
    thousands, decimals, colours and conditions change how a number looks and not its value.
    """
    if value < 0 or code in GENERAL:
        return str(value)
    parts = _parts(code)
    if "0" not in parts:
        return str(value)
    digits, written = list(str(value)), list[str]()
    first = next(place for place, part in enumerate(parts) if part in ("0", "#", "?"))
    for place in range(len(parts) - 1, -1, -1):
        written.append(_place(parts[place], digits, place == first))
    return "".join(reversed(written))


def _place(part: str, digits: list[str], first: bool) -> str:
    """The signs at a place of a format, from the right; the first place takes all remaining digits."""
    if part not in ("0", "#", "?"):
        return part[1:]
    if first and digits:
        return "".join(digits)
    return digits.pop() if digits else {"0": "0", "#": "", "?": " "}[part]


@lru_cache(1024)
def _parts(code: str) -> tuple[str, ...]:
    """Places for digits, and fixed signs with a quote before them; empty where a format has anything else."""
    first, parts, place = code[:LONGEST].partition(";")[0], list[str](), 0
    while place < len(first):
        token = TOKEN.match(first, place)
        if token is None:
            return ()
        fixed = token["quoted"] or token["escaped"] or token["plain"] or ""
        parts.append(token["digit"] or f"'{fixed}")
        place = token.end()
    return tuple(parts)
