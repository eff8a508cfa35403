"""Lines of text in a PDF: glyphs by their numbers, fonts embedded in part, and the text that they stand for.

reportlab's own fonts draw a sign a character: letters that join, marks with a place, and CFF outlines are beyond
them. Here a font is a composite one (PDF 32000-1, 9.7) whose codes are glyph numbers, with a map back to Unicode;
where glyphs do not map back one by one, the text is written beside them (ActualText, 14.9.4).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import uharfbuzz as hb
from reportlab.lib.colors import Color
from reportlab.pdfbase.pdfdoc import (
    PDFArray,
    PDFDictionary,
    PDFDocument,
    PDFName,
    PDFStream,
    PDFString,
    PDFZCompress,
)
from reportlab.pdfgen.canvas import Canvas

from catalogs.typesetting.fonts import Font
from catalogs.typesetting.shaping import Glyph, Stretch, shape_line

SYMBOLIC = 4
NO_WIDTH_SPACE = "\u200b"
"""What a glyph stands for that only continues the one before it."""
MOST_BLOCK = 100
"""Mappings that a block of a CMap may hold."""
CMAP = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
{blocks}
endcmap
CMapName currentdict /CMap defineresource pop
end
end
"""


class PdfText:
    """Draws lines of text on a canvas, and embeds the used parts of fonts when the canvas is saved."""

    def __init__(self, canvas: Canvas) -> None:
        """Take a canvas without any drawing: the canvas's own first font, which is not embedded, is taken out."""
        self._canvas = canvas
        self._used: defaultdict[Font, dict[int, str]] = defaultdict(dict)
        canvas._preamble = "1 0 0 1 0 0 cm"
        canvas._doc.idToObject["BasicFonts"].dict.clear()
        canvas._doc.delayedFonts.append(self)

    def draw(
        self, x: float, y: float, text: str, style: str, size: float, ink: Color, spaced: float = 0
    ) -> None:
        """Write a line from `x` to the right on the baseline `y`, points; `spaced` is put behind every glyph."""
        self._canvas.setFillColor(ink)
        for stretch in shape_line(text, style).stretches:
            shown = " ".join(self._show_operators(stretch, size))
            self._canvas._code.append(
                f"BT /{self._name(stretch.font)} {size:g} Tf {spaced:g} Tc 1 0 0 1 {x:.3f} {y:.3f} Tm {shown} ET"
            )
            x += sum(glyph.advance * size + spaced for glyph in stretch.glyphs)

    def addObjects(self, document: PDFDocument) -> None:  # noqa: N802 (reportlab calls it so)
        """Put the fonts into the document: reportlab asks for it when it saves."""
        fonts = document.idToObject["BasicFonts"].dict
        for font, glyphs in self._used.items():
            fonts[self._name(font)] = document.Reference(_composite(document, font, glyphs))

    def _name(self, font: Font) -> str:
        return f"T{list(self._used).index(font)}"

    def _show_operators(self, stretch: Stretch, size: float) -> Iterator[str]:
        """Operators that show the glyphs of a stretch, each where it belongs."""
        row = _Row(stretch.font, size)
        for cluster in _clusters(stretch.glyphs):
            is_mapped = self._maps(stretch.font, cluster)
            if not is_mapped:
                yield row.shown()
                yield f"/Span << /ActualText <{_utf16(cluster[0].text, mark=True)}> >> BDC"
            for glyph in cluster:
                if glyph.up != row.up:
                    yield row.shown()
                row.add(glyph)
            if not is_mapped:
                yield row.shown()
                yield "EMC"
        yield row.shown(end=True)

    def _maps(self, font: Font, cluster: Sequence[Glyph]) -> bool:
        """Note the text of glyphs; returns whether the font's map to Unicode alone gives the text of the cluster."""
        known, single = self._used[font], len(cluster) == 1
        for glyph in cluster:
            sign = "" if single else font.sign_of(glyph.number)
            known.setdefault(glyph.number, sign or glyph.drawn or NO_WIDTH_SPACE)
        return single and known[cluster[0].number] == cluster[0].text


class _Row:
    """Glyphs of one height that are shown by one operator."""

    def __init__(self, font: Font, size: float) -> None:
        self._font, self._size = font, size
        self._parts: list[str] = []
        self._behind = 0.0
        self.up = self._risen = 0.0

    def add(self, glyph: Glyph) -> None:
        """Add a glyph at its place; the offset goes to the left, in thousandths of an em."""
        apart = round(-1000 * (self._behind + glyph.right))
        self._parts.append(f"{apart} <{glyph.number:04X}>" if apart else f"<{glyph.number:04X}>")
        self._behind = glyph.advance - _advance(self._font, glyph.number) - glyph.right
        self.up = glyph.up

    def shown(self, *, end: bool = False) -> str:
        """The operator for the glyphs that were added so far; the end brings the line's height back."""
        raised = f"{self.up * self._size:.3f} Ts " if self.up != self._risen else ""
        shown = f"{raised}[{' '.join(self._parts)}] TJ" if self._parts else ""
        if self._parts:
            self._risen, self._parts = self.up, []
        return f"{shown} 0 Ts" if end and self._risen else shown


def _clusters(glyphs: Sequence[Glyph]) -> list[list[Glyph]]:
    """Glyphs that stand for one text together."""
    clusters: list[list[Glyph]] = []
    for glyph in glyphs:
        if glyph.text or not clusters:
            clusters.append([glyph])
        else:
            clusters[-1].append(glyph)
    return clusters


def _advance(font: Font, glyph: int) -> float:
    """Width of a glyph as the font says it, ems."""
    return float(font.shaped.get_glyph_h_advance(glyph)) / font.em


def _composite(document: PDFDocument, font: Font, glyphs: Mapping[int, str]) -> PDFDictionary:
    face = _part_of(font, glyphs)
    program = face.reference_table("CFF ") if "CFF " in face.table_tags else face.blob
    name = f"{_tag(glyphs)}+{font.name}"
    described = document.Reference(
        _descriptor(document, font, name, bytes(program.data), "CFF " in face.table_tags)
    )
    return PDFDictionary({
        "Type": PDFName("Font"),
        "Subtype": PDFName("Type0"),
        "BaseFont": PDFName(name),
        "Encoding": PDFName("Identity-H"),
        "DescendantFonts": PDFArray([document.Reference(_descendant(font, name, glyphs, described))]),
        "ToUnicode": document.Reference(PDFStream(content=_unicode_map(glyphs).encode(), filters=[PDFZCompress])),
    })  # fmt: skip


def _part_of(font: Font, glyphs: Mapping[int, str]) -> hb.Face:
    """The outlines of some glyphs, under their old numbers; nothing that only shaping needs, nothing variable."""
    wanted = hb.SubsetInput()
    wanted.glyph_set.set({0, *glyphs})
    wanted.flags = hb.SubsetFlags.RETAIN_GIDS | hb.SubsetFlags.NO_HINTING | hb.SubsetFlags.NOTDEF_OUTLINE
    wanted.drop_table_tag_set.update(
        _tags("GSUB", "GPOS", "GDEF", "BASE", "DSIG", "STAT", "VORG", "vhea", "vmtx")
    )
    if font.face.has_var_data:
        wanted.pin_all_axes_to_default(font.face)
    return wanted.subset(font.face)


def _tags(*names: str) -> set[int]:
    return {int.from_bytes(name.encode(), "big") for name in names}


def _descriptor(document: PDFDocument, font: Font, name: str, program: bytes, is_cff: bool) -> PDFDictionary:
    stream = PDFStream(PDFDictionary({"Subtype": PDFName("CIDFontType0C")} if is_cff else {"Length1": len(program)}),
                       program, [PDFZCompress])  # fmt: skip
    extents = font.shaped.get_font_extents("ltr")
    up, down = (round(1000 * extent / font.em) for extent in (extents.ascender, extents.descender))
    return PDFDictionary({
        "Type": PDFName("FontDescriptor"),
        "FontName": PDFName(name),
        "Flags": SYMBOLIC,
        "FontBBox": PDFArray([-1000, down, 2000, up]),
        "ItalicAngle": -11 if "Oblique" in name else 0,
        "Ascent": up,
        "Descent": down,
        "CapHeight": up,
        "StemV": 120 if "Bold" in name else 80,
        "FontFile3" if is_cff else "FontFile2": document.Reference(stream),
    })  # fmt: skip


def _descendant(font: Font, name: str, glyphs: Mapping[int, str], described: object) -> PDFDictionary:
    is_cff = "CFF " in font.face.table_tags
    system = {"Registry": PDFString("Adobe"), "Ordering": PDFString("Identity"), "Supplement": 0}
    widths = [(number, PDFArray([round(1000 * _advance(font, number), 1)])) for number in sorted(glyphs)]
    entries = {
        "Type": PDFName("Font"),
        "Subtype": PDFName("CIDFontType0" if is_cff else "CIDFontType2"),
        "BaseFont": PDFName(name),
        "CIDSystemInfo": PDFDictionary(system),
        "FontDescriptor": described,
        "W": PDFArray([part for pair in widths for part in pair]),
    }
    return PDFDictionary(entries if is_cff else entries | {"CIDToGIDMap": PDFName("Identity")})


def _unicode_map(glyphs: Mapping[int, str]) -> str:
    """A CMap from glyph numbers to the text that they stand for."""
    lines = [f"<{number:04X}> <{_utf16(text)}>" for number, text in sorted(glyphs.items())]
    blocks = (lines[start : start + MOST_BLOCK] for start in range(0, len(lines), MOST_BLOCK))
    return CMAP.format(
        blocks="\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    )


def _utf16(text: str, *, mark: bool = False) -> str:
    return ("FEFF" if mark else "") + text.encode("utf-16-be", "replace").hex().upper()


def _tag(glyphs: Mapping[int, str]) -> str:
    """Six letters that tell parts of one font apart."""
    number = hash(tuple(sorted(glyphs))) % 26**6
    return "".join(chr(65 + number // 26**place % 26) for place in range(6))
