"""Fonts that have given letters: those that come with packages first, then those of the machine.

matplotlib brings DejaVu and STIX; manimgx-fonts brings Noto Sans for the scripts of Asia and Africa and Noto Emoji;
noto-cjk-sans-jp-regular brings Noto Sans CJK for Chinese, Japanese and Korean. Their licences allow embedding.
Letters that none of these has are looked for in the machine's folders of fonts.
"""

import io
import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import uharfbuzz as hb
from fontTools.cffLib import CFFFontSet

SANS, BOLD, OBLIQUE, SERIF = "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "STIXGeneral"
"""Styles: each is the font that is asked first."""
PACKAGES = (
    ("matplotlib", "mpl-data/fonts/ttf", (SANS, BOLD, OBLIQUE, SERIF)),
    ("manimgx_fonts", "", ("NotoSans*", "NotoEmoji*")),
    ("noto_cjk_sans_jp_regular", "", ("NotoSansCJK*",)),
)
MOST_FILES = 5000
"""Font files of the machine that are looked into, at most."""
FORMS: tuple[Literal["NFC", "NFD"], ...] = ("NFC", "NFD")
"""A letter with its marks in one sign, and apart."""
RESTRICTED, BITMAPS_ONLY = 0x0002, 0x0200
"""Bits of a font's fsType: it may not be embedded, or its bitmaps only."""


@dataclass(frozen=True, eq=False)
class Font:
    """A font that may be embedded: its name, HarfBuzz's view of it, and units of its em."""

    name: str
    face: hb.Face
    shaped: hb.Font
    em: int

    def has(self, cluster: str) -> bool:
        """Whether the font has signs for a letter with its marks, whole or in parts."""
        return any(
            all(
                ord(sign) in self.face_signs or is_invisible(sign)
                for sign in unicodedata.normalize(form, cluster)
            )
            for form in FORMS
        )

    @property
    def face_signs(self) -> frozenset[int]:
        """Code points that the font has signs for."""
        return _signs(self)

    def sign_of(self, glyph: int) -> str:
        """The sign whose plain form a glyph is; "" for glyphs that only shaping makes."""
        return _plain_forms(self).get(glyph, "")


@cache
def is_invisible(sign: str) -> bool:
    """Whether a sign steers other signs and is not drawn: joiners, marks of direction, selectors of variants."""
    return (
        unicodedata.category(sign) == "Cf"
        or "\ufe00" <= sign <= "\ufe0f"
        or "\U000e0100" <= sign <= "\U000e01ef"
    )


def font_for(cluster: str, style: str) -> Font | None:
    """The first font with signs for a letter and its marks: of the style, of the packages, of the machine."""
    return _found(cluster, style)


@cache
def _found(cluster: str, style: str) -> Font | None:
    # Files are opened one after the other, until one has the letter: large files only for texts that need them.
    fonts = (font for files in (_shipped, _of_the_machine) for file in files(style) for font in _opened(file))
    return next((font for font in fonts if font.has(cluster)), None)


@cache
def _shipped(style: str) -> tuple[Path, ...]:
    """The style's own font, then those of the packages that are there, upright and of regular weight."""
    files = [file for package, folder, names in PACKAGES for file in _files(package, folder, names)]
    first = [file for file in files if file.stem == style]
    others = [
        file for file in files if not any(mark in file.stem for mark in ("Bold", "Oblique", "Italic", SERIF))
    ]
    return tuple(dict.fromkeys([*first, *others]))


def _files(package: str, folder: str, names: Sequence[str]) -> Iterator[Path]:
    spec = find_spec(package)  # found, not imported: matplotlib takes a quarter of a second
    if spec and spec.origin:
        place = Path(spec.origin).parent / folder
        for name in names:
            yield from sorted(
                file for file in place.glob(f"{name}.*") if file.suffix in (".ttf", ".otf", ".ttc")
            )


@cache
def _of_the_machine(_style: str) -> tuple[Path, ...]:
    """Fonts in the machine's folders, Noto's first."""
    files = [
        file for folder in font_folders() if folder.is_dir() for file in sorted(folder.rglob("*.[to]t[fc]"))
    ]
    files.sort(
        key=lambda file: ("Noto" not in file.name, "Regular" not in file.name, "Sans" not in file.name)
    )
    return tuple(files[:MOST_FILES])


def font_folders() -> list[Path]:
    """The folders in which this system keeps fonts, for all users and for this one."""
    home = Path.home()
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    if sys.platform == "win32":
        local = Path(os.environ.get("LOCALAPPDATA", home)) / "Microsoft/Windows/Fonts"
        return [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts", local]
    user_folder = Path(os.environ.get("XDG_DATA_HOME", home / ".local/share")) / "fonts"
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), user_folder, home / ".fonts"]


@cache
def _opened(file: Path) -> tuple[Font, ...]:
    """The fonts of a file that can be read, have outlines and may be embedded."""
    try:
        blob = hb.Blob.from_file_path(str(file))
        faces = [
            hb.Face(blob, number) for number in range(hb.Face.count(blob) if file.suffix == ".ttc" else 1)
        ]
    except (hb.HarfBuzzError, OSError, ValueError):
        return ()
    return tuple(_font(file, number, face) for number, face in enumerate(faces) if _is_embeddable(face))


def _font(file: Path, number: int, face: hb.Face) -> Font:
    stem = "".join(sign for sign in file.stem if sign.isascii() and (sign.isalnum() or sign == "-"))
    return Font(f"{stem}{f'-{number}' if number else ''}", face, hb.Font(face), face.upem)


def _is_embeddable(face: hb.Face) -> bool:
    tables = set(face.table_tags)
    if not ({"glyf", "CFF "} & tables and "cmap" in tables) or (
        "CFF " in tables and not _is_numbered_straight(face)
    ):
        return False
    os2 = bytes(face.reference_table("OS/2").data) if "OS/2" in tables else b""
    return not int.from_bytes(os2[8:10], "big") & (RESTRICTED | BITMAPS_ONLY)


def _is_numbered_straight(face: hb.Face) -> bool:
    """Whether a CFF font's glyphs are numbered by their places: a PDF uses the numbers, HarfBuzz gives the places.

    The names in a CID font are its numbers; in a font without them a PDF takes the places.
    """
    fonts = CFFFontSet()
    fonts.decompile(io.BytesIO(face.reference_table("CFF ").data), None)
    top = fonts[0]
    return not hasattr(top, "ROS") or all(
        name == f"cid{place:05d}" for place, name in enumerate(top.charset) if place
    )


@cache
def _signs(font: Font) -> frozenset[int]:
    return frozenset(font.face.unicodes)


@cache
def _plain_forms(font: Font) -> dict[int, str]:
    signs = sorted(font.face_signs, reverse=True)  # the first of several signs stays
    return {font.shaped.get_nominal_glyph(sign): chr(sign) for sign in signs}
