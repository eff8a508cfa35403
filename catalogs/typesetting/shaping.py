"""A line of text as glyphs in the order in which they stand: letters joined, marks placed, every font asked."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

import uharfbuzz as hb
from anyascii import anyascii

from catalogs.typesetting.fonts import Font, font_for, is_invisible
from catalogs.typesetting.reading_order import DirectionRun, direction_runs, starts_from_right

KEPT = 500
"""Lines whose glyphs are remembered: a line of 100 letters has some 30 kB of them."""
WIDTHS_KEPT = 20_000
"""Texts whose width is remembered: a text and a number each."""
FEATURES = {"kern": True, "liga": True}
LANGUAGES = (("[\u3041-\u30ff]", "ja"), ("[\u1100-\u11ff\uac00-\ud7af]", "ko"), ("[\u3100-\u312f]", "zh-Hant"),
             ("[\u2e80-\u9fff]", "zh-Hans"))  # fmt: skip
"""The language whose shapes of shared characters a line takes, by the other signs in the line."""
MIRRORED = str.maketrans(
    "()[]{}<>«»‹›≤≥〈〉《》「」『』【】〔〕（）［］｛｝＜＞",
    ")(][}{><»«›‹≥≤〉〈》《」「』『】【〕〔）（］［｝｛＞＜",
)
VIRAMA = 9
"""Combining class of the signs that take a letter's vowel away."""
JOINERS = "\u200d"
LEFT_TO_RIGHT, RIGHT_TO_LEFT = "\u200e", "\u200f"


@dataclass(frozen=True, slots=True)
class Glyph:
    """A glyph of a font, its offset and how far it moves the pen, in ems.

    `drawn` is the text that it shows, `text` the text that it stands for: another where letters had to be spelled.
    Both are "" for a glyph that shares them with the one before it.
    """

    number: int
    right: float
    up: float
    advance: float
    drawn: str
    text: str


@dataclass(frozen=True)
class Stretch:
    """Glyphs of one font beside each other, the leftmost first."""

    font: Font
    glyphs: tuple[Glyph, ...]


@dataclass(frozen=True)
class ShapedLine:
    """A line as glyphs, from the left. `width` is in ems."""

    stretches: tuple[Stretch, ...]
    width: float


def missing_letters(text: str, style: str) -> str:
    """The letters, with their marks, for which no font has signs; "" where all can be set."""
    return "".join(dict.fromkeys(cluster for cluster in clusters(text) if not _settable(cluster, style)))


def spelled_text(text: str, style: str) -> str:
    """The text as it can be set: letters that no font has become Latin ones, or their code points."""
    return "".join(drawn for drawn, _ in _spelling(text, style))


def _spelling(text: str, style: str) -> list[tuple[str, str]]:
    """Every letter as it can be set, and as it is."""
    letters = clusters(unicodedata.normalize("NFC", text))
    return [(letter if _settable(letter, style) else _latin_spelling(letter), letter) for letter in letters]


def _settable(cluster: str, style: str) -> bool:
    return font_for(cluster, style) is not None


@cache
def _latin_spelling(cluster: str) -> str:
    latin = anyascii(cluster)
    if latin.strip():
        return latin
    return "".join(f"[U+{ord(sign):04X}]" for sign in cluster if not is_invisible(sign))


@lru_cache(KEPT)
def shape_line(text: str, style: str) -> ShapedLine:
    """A line of text as glyphs. Letters that no font has are spelled (see `spelled_text`)."""
    text, stands_for = _settable_line(text, style)
    language = next((code for signs, code in LANGUAGES if re.search(signs, text)), "")
    stretches = tuple(
        _stretch(text, stands_for, (start, end), font, run.from_right, language)
        for run in direction_runs(text)
        for start, end, font in _ordered(text, run, style)
    )
    return ShapedLine(stretches, sum(glyph.advance for stretch in stretches for glyph in stretch.glyphs))


def _settable_line(text: str, style: str) -> tuple[str, list[str]]:
    """A line that can be set, and for every sign the text that it stands for; "" for signs that continue a spelling."""
    spelling = _spelling(text, style)
    stands_for = [
        said
        for drawn, letter in spelling
        for said in (letter if drawn == letter else [letter, *[""] * (len(drawn) - 1)] if drawn else "")
    ]
    return "".join(drawn for drawn, _ in spelling), stands_for


def width_of(text: str, style: str, size: float) -> float:
    """Width of a line, in the unit of `size`."""
    return _width(text, style) * size


@lru_cache(WIDTHS_KEPT)
def _width(text: str, style: str) -> float:
    """Width of a line in ems. Its glyphs are not kept: most measured lines are not the one that fits."""
    return shape_line.__wrapped__(text, style).width


def with_direction(text: str, from_right: bool) -> str:
    """A line of a paragraph, in the paragraph's direction: it gets a mark in front where its own letters differ."""
    if not text or starts_from_right(text) == from_right:
        return text
    return (RIGHT_TO_LEFT if from_right else LEFT_TO_RIGHT) + text


def clusters(text: str) -> list[str]:
    """Letters, each with the marks, joiners and selectors that belong to it."""
    if text.isascii():
        return list(text)
    letter_clusters: list[str] = []
    for sign in text:
        if letter_clusters and (
            letter_clusters[-1][-1] in JOINERS or is_mark(sign) or _is_conjunct(letter_clusters[-1][-1], sign)
        ):
            letter_clusters[-1] += sign
        else:
            letter_clusters.append(sign)
    return letter_clusters


def _is_conjunct(before: str, sign: str) -> bool:
    """Whether a letter joins a letter without its vowel, as Indian scripts write it."""
    return unicodedata.combining(before) == VIRAMA and unicodedata.category(sign) == "Lo"


@cache
def is_mark(sign: str) -> bool:
    """Whether a sign belongs to the one before it."""
    return (
        unicodedata.category(sign) in ("Mn", "Mc", "Me")
        or sign in JOINERS
        or "\ufe00" <= sign <= "\ufe0f"
        or "\U0001f3fb" <= sign <= "\U0001f3ff"
    )


def _ordered(text: str, run: DirectionRun, style: str) -> list[tuple[int, int, Font]]:
    """Parts of a run that one font and one script have, the leftmost first."""
    parts: list[tuple[int, int, Font]] = []
    script, place = "", run.start
    for cluster in clusters(text[run.start : run.end]):
        cluster_script = _script(cluster[0])
        font = font_for(cluster, style)
        if font is None:  # nothing but signs that are not drawn
            place += len(cluster)
            continue
        joins = (
            parts
            and parts[-1][2] is font
            and parts[-1][1] == place
            and (not cluster_script or cluster_script == script or not script)
        )
        if joins:
            parts[-1] = parts[-1][0], place + len(cluster), font
        else:
            parts.append((place, place + len(cluster), font))
            script = ""
        script, place = cluster_script or script, place + len(cluster)
    return parts[::-1] if run.from_right else parts


@cache
def _script(sign: str) -> str:
    """The script of a letter as its name tells it; "" for what every script uses."""
    if not unicodedata.category(sign).startswith("L"):
        return ""
    return unicodedata.name(sign, "").partition(" ")[0]


def _stretch(
    text: str, stands_for: list[str], part: tuple[int, int], font: Font, from_right: bool, language: str
) -> Stretch:
    start, end = part
    buffer = hb.Buffer()
    # With the text around it: a letter also joins letters of the next font.
    buffer.add_str(text, start, end - start)
    buffer.guess_segment_properties()
    buffer.direction = "rtl" if from_right else "ltr"
    if language:
        buffer.language = language
    buffer.cluster_level = hb.BufferClusterLevel.MONOTONE_CHARACTERS
    buffer.flags = hb.BufferFlags.REMOVE_DEFAULT_IGNORABLES
    hb.shape(font.shaped, buffer, FEATURES)
    drawn = text[:end]
    if from_right:  # a bracket is drawn as its other: readers of the glyphs read that one
        drawn, stands_for = drawn.translate(MIRRORED), [letter.translate(MIRRORED) for letter in stands_for]
    return Stretch(font, tuple(_glyphs(drawn, stands_for, font.em, buffer)))


def _glyphs(drawn: str, stands_for: list[str], em: int, buffer: hb.Buffer) -> Iterator[Glyph]:
    starts = sorted({info.cluster for info in buffer.glyph_infos})
    ends = dict(pairwise([*starts, len(drawn)]))
    for info, place in zip(buffer.glyph_infos, buffer.glyph_positions, strict=True):
        # The first glyph of a cluster has its text, those that follow none.
        end = ends.pop(info.cluster, info.cluster)
        shown, said = drawn[info.cluster : end], "".join(stands_for[info.cluster : end])
        yield Glyph(
            info.codepoint, place.x_offset / em, place.y_offset / em, place.x_advance / em, shown, said
        )
