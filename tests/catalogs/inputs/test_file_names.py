"""Files are found by the names that people write, and the right name is offered where they are not."""

import time
import unicodedata

import pytest

from catalogs.errors import InvalidKeyError
from catalogs.inputs.file_names import SEARCHES, FileNames


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("tee.png", "tee.png"), ("./tee.png", "tee.png"), ("././tee.png", "tee.png"), ("wet/./a.png", "wet/a.png"),
        ("wet//a.png", "wet/a.png"), ("./wet/a.png", "wet/a.png"),
    ],
)  # fmt: skip
def test_ways_of_writing_a_name(text: str, key: str) -> None:
    """`./` and doubled slashes say nothing."""
    assert FileNames({"tee.png", "wet/a.png"}).find(text) == key


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("other", ["NFC", "NFD"])
@pytest.mark.parametrize("name", ["Blüte.png", "Áo dài/vải.png", "Ōsaka.png"])
def test_accents_apart_from_their_letters(form: str, other: str, name: str) -> None:
    """A name matches the one file that looks the same, whichever of the two writes accents apart."""
    there = unicodedata.normalize(form, name)
    assert FileNames({there, "x.png"}).find(unicodedata.normalize(other, name)) == there


def test_two_files_that_look_the_same() -> None:
    """The one whose name is the same sign by sign is taken; if none is, nobody can say which is meant."""
    apart, together = "a\u0301\u00e9.png", "\u00e1e\u0301.png"
    files = FileNames({apart, together})
    assert files.find(apart) == apart
    with pytest.raises(
        InvalidKeyError, match="2 files beside the catalog have names that look like this one"
    ):
        files.find("\u00e1\u00e9.png")


@pytest.mark.parametrize(
    ("text", "there"),
    [
        ("Tee.PNG", "tee.png"), ("TEE.png", "tee.png"), ("tee.png", "Tee.PNG"), ("tee.jpg", "tee.png"),
        ("tee", "tee.png"), ("tee.pgn", "tee.png"), ("te.png", "tee.png"), ("pics/tee.png", "tee.png"),
        ("tee.png", "pics/tee.png"), ("pics\\tee.png", "pics/tee.png"), ("C:\\Users\\Ann\\tee.png", "tee.png"),
        ("https://shop.example/tee.png", "tee.png"), ("/home/ann/tee.png", "tee.png"), ("../tee.png", "tee.png"),
        ("tee%20blue.png", "tee blue.png"), ("STRASSE.png", "straße.png"), ("pics/TEE.JPG", "all/tee.png"),
    ],
)  # fmt: skip
def test_the_name_that_is_probably_meant(text: str, there: str) -> None:
    """Other case, suffix, folder, slash, misspelling: the file that is there is offered, and not taken."""
    with pytest.raises(InvalidKeyError, match="meant") as caught:
        FileNames({there, "another.png"}).find(text)
    assert f"is '{there}' meant?" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("../x.png", "leaves the catalog"), ("/x.png", "leaves the catalog"), ("a/../../x.png", "leaves the catalog"),
        ("", "is empty"), ("a\\x.png", "use forward slashes"), ("s3://b/x.png", "is an address; copy the file"),
        ("wet/", "leave out '.', '//' and a '/' at the end"), ("gone.png", "copy it there or correct the name"),
    ],
)  # fmt: skip
def test_no_such_file(text: str, words: str) -> None:
    """A name that is no key says why; one without a likeness says to copy the file."""
    with pytest.raises(InvalidKeyError, match=words):
        FileNames({"quite-other"}).find(text)


@pytest.mark.parametrize("wrong", ["g{:06}.jpg", "tee-{:06}.png", "pics/G{:06}.png"])
def test_time_is_linear(wrong: str) -> None:
    """Ten thousand wrong names beside ten thousand files take seconds, whatever is wrong with them."""
    files = FileNames({f"g{number:06}.png" for number in range(10_000)})
    begin = time.perf_counter()
    for number in range(10_000):
        with pytest.raises(InvalidKeyError):
            files.find(wrong.format(number))
    assert time.perf_counter() - begin < 10


def test_letters_are_compared_for_the_first_names_only() -> None:
    """A misspelling is searched for a few times; likenesses that are looked up are offered always."""
    files = FileNames([f"picture-{number}.png" for number in range(50)])
    said = []
    for number in range(SEARCHES + 5):
        with pytest.raises(InvalidKeyError) as caught:
            files.find(f"pixture-{number}.png")
        said.append("meant?" in str(caught.value))
    assert said == [True] * SEARCHES + [False] * 5
    with pytest.raises(InvalidKeyError, match="is 'picture-7.png' meant"):
        files.find("PICTURE-7.png")
