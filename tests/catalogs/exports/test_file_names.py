"""File names can be read, whatever the title's script, and every system takes them."""

import re
from email.message import Message
from urllib.parse import unquote

import pytest

from catalogs.exports.file_names import content_disposition, readable_name


@pytest.mark.parametrize(
    ("title", "name", "plain"),
    [
        ("Été 2025 – Größe", "ete-2025-grosse", "ete-2025-grosse"),
        ("Łódź", "lodz", "lodz"),
        ("Ærø Šķūnis Đặng Iğdır þorp", "aero-skunis-dang-igdir-thorp", "aero-skunis-dang-igdir-thorp"),
        ("E\u0301te\u0301 x\u0302y", "ete-xy", "ete-xy"),
        ("Ｆｕｌｌ ﬁt ②", "full-fit-2", "full-fit-2"),
        ("İSTANBUL", "istanbul", "istanbul"),
        ("秋 2025", "秋-2025", "qiu-2025"),
        ("Лето ’27", "лето-27", "leto-27"),
        ("קיץ", "קיץ", "kyts"),
        ("เสื้อ", "เสื้อ", "esueo"),
        ("Spring <27>", "spring-27", "spring-27"),
        ("../../etc/passwd\r\nx: y", "etc-passwd-x-y", "etc-passwd-x-y"),
        ("\u202egnp.exe", "gnp-exe", "gnp-exe"),
        ("🌸🌸", "designs", "designs"),
        ("", "designs", "designs"),
        ("---", "designs", "designs"),
    ],
)
def test_names(title: str, name: str, plain: str) -> None:
    """Latin letters lose their marks, other scripts stay, signs become hyphens; old readers get Latin letters."""
    assert readable_name(title, "designs") == name
    header = content_disposition(name, "csv", "designs")
    assert re.search(r'filename="(.*?)"', header).group(1) == f"{plain}.csv"  # type: ignore[union-attr]
    assert unquote(header.rpartition("''")[2]) == f"{name}.csv"


@pytest.mark.parametrize("title", ["a" * 500, "秋" * 500, "👩" * 500, "𠀀" * 500, "a b " * 100, "é" * 99])
def test_long_titles(title: str) -> None:
    """Names leave room for a date and an ending in what file systems take."""
    name = readable_name(title, "designs")
    assert 0 < len(name) <= 60 and len(name.encode()) <= 150
    assert not name.endswith("-")


@pytest.mark.parametrize("name", ["été-秋", "a'b", 'a"b', "100%", "a\\b"])
def test_header_is_one(name: str) -> None:
    """A header is ASCII, has one line, and a reader of mail headers takes the UTF-8 name from it."""
    header = content_disposition(name, "csv", "designs")
    assert header.isascii() and not {"\r", "\n"} & set(header)
    message = Message()
    message["content-disposition"] = re.sub('filename="[^"]*"; ', "", header)
    assert message.get_filename() == f"{name}.csv"
