"""Text that people saved in another encoding is read where it says so, and named with its line where it does not."""

from pathlib import Path

import pytest

from flows.errors import SettingsError
from flows.text_files import LARGEST_TEXT, read_text

TEXT = "# für Anna\nlouder = 1\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_that_say_so(encoding: str, tmp_path: Path) -> None:
    """UTF-8, and the others with their mark, are one text."""
    (tmp_path / "a").write_bytes(TEXT.encode(encoding))
    assert read_text(tmp_path / "a")[0] == TEXT


@pytest.mark.parametrize("order", ["be", "le"])
@pytest.mark.parametrize("bits", ["16", "32"])
def test_marks_of_either_order(bits: str, order: str, tmp_path: Path) -> None:
    """The mark says which byte comes first."""
    (tmp_path / "a").write_bytes(f"\ufeff{TEXT}".encode(f"utf-{bits}-{order}"))
    assert read_text(tmp_path / "a")[0] == TEXT


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x = 1\n# f\xfcr Anna\n", "line 2: byte 0xfc is not UTF-8.*Save the file as UTF-8"),
        ("x = 1\n".encode("utf-16-le"), "line 1: it holds zero bytes.*Save the file as UTF-8"),
        ("x = 1\n".encode("utf-16")[:-1], "line 1: byte 0x0a is not UTF-16 text. Save"),
        (b"#" * (LARGEST_TEXT + 1), "more than 1048576 bytes"),
    ],
    ids=["Latin-1", "UTF-16 without a mark", "half a letter", "large"],
)
def test_no_text(data: bytes, words: str, tmp_path: Path) -> None:
    """What is no text is refused with the file and the line."""
    (tmp_path / "a.toml").write_bytes(data)
    with pytest.raises(SettingsError, match=f"a.toml.*{words}"):
        read_text(tmp_path / "a.toml")


def test_no_file(tmp_path: Path) -> None:
    """What cannot be read is named."""
    for path in (tmp_path / "nosuch", tmp_path):
        with pytest.raises(SettingsError, match=f"{path} cannot be read"):
            read_text(path)
