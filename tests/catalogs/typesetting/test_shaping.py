"""Glyphs: every script has a font, letters join, marks have their place, nothing is lost."""

import unicodedata
from collections.abc import Iterator

import pytest

from catalogs.typesetting import fonts
from catalogs.typesetting.fonts import BOLD, OBLIQUE, SANS, SERIF, font_for
from catalogs.typesetting.shaping import Glyph, clusters, missing_letters, shape_line, spelled_text, width_of

TITLES = {
    "Latin": "Żółć, gęślą, Ngữ, Größe",
    "Greek": "Κεντήματα",
    "Cyrillic": "Вологда",
    "Hebrew": "חולצה כחולה",
    "Arabic": "قميص قطني",
    "Persian": "پیراهن گلدار",
    "Thai": "เสื้อยืด",
    "Lao": "ເສື້ອຍືດ",
    "Khmer": "អាវយឺត",
    "Burmese": "တီရှပ်",
    "Hindi": "सूती कमीज़",
    "Bengali": "সুতির জামা",
    "Tamil": "பருத்தி சட்டை",
    "Telugu": "చొక్కా",
    "Amharic": "ቲሸርት",
    "Georgian": "მაისური",
    "Armenian": "շապիկ",
    "simplified Chinese": "夏季T恤",
    "traditional Chinese": "夏季T恤衫 臺灣繡",
    "Japanese": "夏のＴシャツ 山田太郎",
    "Korean": "여름 티셔츠",
    "emoji": "👩\u200d👩\u200d👧 🌸 ❤\ufe0f",
}


def glyphs(text: str, style: str = SANS) -> list[Glyph]:
    return [glyph for stretch in shape_line(text, style).stretches for glyph in stretch.glyphs]


def told(text: str) -> str:
    return "".join(sorted("".join(glyph.text for glyph in glyphs(text))))


@pytest.mark.parametrize("style", [SANS, BOLD, OBLIQUE, SERIF])
@pytest.mark.parametrize("script", TITLES)
def test_every_script(script: str, style: str) -> None:
    """Every style has signs for every script of a catalog: no empty box, and every letter is told."""
    text = TITLES[script]
    assert not missing_letters(text, style)
    assert spelled_text(text, style) == unicodedata.normalize("NFC", text)
    assert all(glyph.number for glyph in glyphs(text, style))
    assert told(text) == "".join(sorted(unicodedata.normalize("NFC", text)))


def test_from_the_right() -> None:
    """Hebrew stands from the right: its first letter is the rightmost glyph."""
    assert [glyph.text for glyph in glyphs("שלום")] == ["ם", "ו", "ל", "ש"]


def test_letters_join() -> None:
    """An Arabic letter has other glyphs alone, at the beginning, in the middle and at the end of a word."""
    alone = glyphs("ب")[0].number
    end, middle, beginning = (glyph.number for glyph in glyphs("ببب"))
    assert len({alone, end, middle, beginning}) == 4
    lam_alef = glyphs("لا")
    assert [glyph.text for glyph in lam_alef] == ["لا"]


def test_letters_join_beside_another_style() -> None:
    """Letters join over a change of direction marks and with brackets beside them."""
    (beginning,) = [glyph.number for glyph in glyphs("(ب") if glyph.text == "ب"]
    assert beginning == glyphs("ب")[0].number


def test_marks_have_their_place() -> None:
    """A Thai mark moves the pen nowhere, and stands elsewhere over a tall letter than over a low one."""
    low, tall = (glyphs(text)[1] for text in ("ผี", "ปี"))
    assert low.advance == tall.advance == 0
    assert (low.number, low.right) != (tall.number, tall.right)


def test_brackets_turn() -> None:
    """A bracket in a line from the right opens to the left, and tells what it looks like."""
    opening, closing = glyphs("()")
    said = [glyph for glyph in glyphs("(א)") if glyph.text in "()"]
    assert [glyph.number for glyph in said] == [opening.number, closing.number]
    assert [glyph.text for glyph in said] == ["(", ")"]


@pytest.mark.parametrize(
    ("text", "spelled"),
    [("བོད", "bod"), ("Tee \ue123", "Tee [U+E123]"), ("\U000e01f0x", "[U+E01F0]x")],
)
def test_letters_without_a_font(text: str, spelled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters that no font has are spelled in Latin or as their numbers, and what they stand for is still told."""
    monkeypatch.setattr(fonts, "font_folders", list)
    for kept in (fonts._found, fonts._of_the_machine, shape_line):
        kept.cache_clear()
    assert missing_letters(text, SANS) and spelled_text(text, SANS) == spelled
    assert told(text) == "".join(sorted(text))
    assert "".join(glyph.drawn for glyph in glyphs(text)) == spelled


def test_same_text_same_width() -> None:
    """Composed and decomposed letters are set alike, and kerning makes a pair narrower."""
    assert width_of("Żółć", SANS, 10) == width_of(unicodedata.normalize("NFD", "Żółć"), SANS, 10)
    assert width_of("AV", SANS, 10) < width_of("A", SANS, 10) + width_of("V", SANS, 10)


def test_marks_belong_to_letters() -> None:
    """A letter keeps its marks, a family its members."""
    assert clusters("x\u0302éกี่👩\u200d👧क्षिa") == ["x\u0302", "é", "กี่", "👩\u200d👧", "क्षि", "a"]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Tests that take fonts away leave none of it behind."""
    yield
    for kept in (fonts._found, fonts._of_the_machine, shape_line):
        kept.cache_clear()


def test_fonts_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Without the packages' fonts those of the machine's folders are taken; a broken file there stops nothing."""
    found = font_for("恤", SANS)
    assert found is not None and found.name.startswith("NotoSansCJK")
    folder = tmp_path_factory.mktemp("fonts")
    (folder / "broken.ttf").write_bytes(b"no font")
    source = next(fonts._files("noto_cjk_sans_jp_regular", "", ("NotoSansCJK*",)))
    (folder / "Own.otf").symlink_to(source)
    monkeypatch.setattr(fonts, "PACKAGES", fonts.PACKAGES[:1])
    monkeypatch.setattr(fonts, "font_folders", lambda: [folder, folder / "missing"])
    for kept in (fonts._found, fonts._of_the_machine, fonts._shipped):
        kept.cache_clear()
    try:
        taken = font_for("恤", SANS)
        assert taken is not None and taken.name == "Own"
        assert font_for("ก", SANS) is None
    finally:
        fonts._shipped.cache_clear()


@pytest.mark.parametrize(("bits", "may"), [(0, True), (4, True), (8, True), (2, False), (0x200, False)])
def test_restricted_fonts(bits: int, may: bool) -> None:
    """A font that may not be embedded, or as bitmaps only, is not taken."""

    class Face:
        table_tags = ("glyf", "cmap", "OS/2")

        def reference_table(self, _tag: str) -> "Face":
            return self

        data = bytes(8) + bits.to_bytes(2, "big")

    assert fonts._is_embeddable(Face()) is may  # type: ignore[arg-type]
