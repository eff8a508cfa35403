"""Implausible repeats of prints: under a pixel, larger than a garment's cloth, or of another shape than the picture."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from catalogs.errors import RepeatError
from catalogs.records import Garment, Style
from catalogs.templates.masks import box_of
from catalogs.templates.template import Template

NARROWEST, WIDEST = 5.0, 400.0
"""Widths of a garment's cloth, cm, between a baby's sock and a bedspread."""
MOST_STRETCH = 5.0
"""How many times narrower or wider than its repeat a picture may be; more comes from a slip of the comma."""
NAMED = 3
"""Records that a remark names."""
SIDES = (("repeat_width_cm", "wide"), ("repeat_height_cm", "high"))


@dataclass(frozen=True)
class Cloth:
    """The size of a garment's cloth as height and width: in cm, and in pixels of its template."""

    cm: tuple[float, float]
    pixels: tuple[int, int]


def check_proportion(style: Style, size: tuple[int, int]) -> None:
    """Raise RepeatError where a style's repeat has quite another shape than its picture; `size` is height and width, px.

    Such a repeat is refused for all recipes: its width and height go into records and exports, too.
    """
    if not style.repeat_width_cm or not style.repeat_height_cm:
        return
    stretch = style.repeat_height_cm / style.repeat_width_cm * size[1] / size[0]
    if not 1 / MOST_STRETCH <= stretch <= MOST_STRETCH:
        times, word = max(stretch, 1 / stretch), "wider" if stretch > 1 else "narrower"
        raise RepeatError(
            f"the repeat is {style.repeat_width_cm:g} cm wide and {style.repeat_height_cm:g} cm high, but its picture"
            f" is {size[1]} x {size[0]} px, which is {times:,.0f} times {word} for its height; give both in cm, of what"
            " the picture shows, or only the width"
        )


def cloth_size(garment: Garment, template: Template) -> Cloth | None:
    """The size of a garment's cloth, which is as wide as its print width; None where that is unknown or implausible."""
    height, width = template.picture.size if template.mask is None else box_of(template.mask)
    if not garment.print_width_cm or not width or is_odd_width(garment):
        return None
    return Cloth((garment.print_width_cm * height / width, garment.print_width_cm), (height, width))


def repeat_remarks(styles: Sequence[Style], cloths: Mapping[str, Cloth]) -> Iterator[tuple[Style, str, str]]:
    """Styles with a column and a remark on it, where a repeat is under a pixel or larger than the cloth.

    `cloths` are those of the garments by their ids.
    """
    for style in styles:
        for side, (column, word) in enumerate(SIDES):
            size = (style.repeat_width_cm, style.repeat_height_cm)[side]
            if size:
                yield from ((style, column, what) for what in _size_remarks(size, word, 1 - side, cloths))


def _size_remarks(size: float, word: str, axis: int, cloths: Mapping[str, Cloth]) -> Iterator[str]:
    """What to say of a repeat of this size, cm, along an axis of the cloths."""
    pixels = {name: size * cloth.pixels[axis] / cloth.cm[axis] for name, cloth in cloths.items()}
    fine = [name for name in pixels if pixels[name] < 1]
    large = [name for name in cloths if size > cloths[name].cm[axis]]
    if fine:
        least = min(fine, key=lambda name: pixels[name])
        yield (
            f"one repeat is under a pixel {word} on {len(fine)} of {len(cloths)} garments ({pixels[least]:.2f} px on"
            f" '{least}'), so that recipe print gives an even colour; is it in cm?"
        )
    if large:
        least = min(large, key=lambda name: cloths[name].cm[axis])
        yield (
            f"one repeat is larger than the cloth of {len(large)} of {len(cloths)} garments ('{least}' is"
            f" {cloths[least].cm[axis]:.0f} cm {word}), so that recipe print shows only a part of it; is it in cm, and"
            " of one repeat?"
        )


def is_odd_width(garment: Garment) -> bool:
    """Whether a garment's print width is implausible."""
    return bool(garment.print_width_cm) and not NARROWEST <= (garment.print_width_cm or 0) <= WIDEST


def odd_width_note(width: float) -> str:
    """The note on an implausible print width, in cm."""
    return f"no cloth of a garment is {width:g} cm wide ({NARROWEST:g} to {WIDEST:g} cm are likely); is it in cm?"


def width_remarks(garments: Sequence[Garment], styles: Sequence[Style]) -> Iterator[str]:
    """A plan's remarks on widths of prints: missing widths, and implausible ones of garments."""
    yield from missing_widths(garments, styles)
    for garment in garments:
        if garment.print_width_cm and is_odd_width(garment):
            yield f"garment '{garment.garment_id}', print_width_cm: {odd_width_note(garment.print_width_cm)}"


def missing_widths(garments: Sequence[Garment], styles: Sequence[Style]) -> Iterator[str]:
    """Remarks on widths that only garments or only styles have."""
    wide = [style for style in styles if style.repeat_width_cm or style.repeat_height_cm]
    bare = [garment for garment in garments if not garment.print_width_cm]
    if wide and bare:
        yield (
            f"{_named('style', wide)} a repeat's size and {_named('garment', bare)} no print_width_cm: recipe print"
            " guesses the scale there. print_width_cm is the width in cm of the cloth that the garment's picture shows"
        )
    loose = [style for style in styles if style not in wide]
    if loose and len(bare) < len(garments):
        yield (
            f"{_named('style', loose)} no repeat_width_cm, though garments have widths: recipe print guesses the scale"
            " there. repeat_width_cm is the width in cm of what the style's picture shows"
        )


def _named(noun: str, records: Sequence[Garment] | Sequence[Style]) -> str:
    """As "style 'ink' has", "styles 'ink', 'wild' and 3 more have"."""
    names = ", ".join(f"'{record.record_id}'" for record in records[:NAMED])
    more = f" and {len(records) - NAMED} more" if len(records) > NAMED else ""
    return f"{noun} {names} has" if len(records) == 1 else f"{noun}s {names}{more} have"
