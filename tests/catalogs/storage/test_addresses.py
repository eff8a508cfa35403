"""Addresses as people write them: what is meant is opened, or told, and nothing lies in a folder that nobody named."""

import os
from pathlib import Path

import pytest

from catalogs.errors import NotAllowedError, StoreError
from catalogs.storage.addresses import readable_address, trim_address
from catalogs.storage.local_store import LocalStore
from catalogs.storage.s3_store import S3Store
from catalogs.storage.store_contract import S3Options
from catalogs.storage.stores import locate, open_store


@pytest.mark.parametrize(
    "end", [" ", "\n", "\r\n", "\t", "\u00a0", "\u200b", "\ufeff", "\u202f", " \u2060\n"]
)
@pytest.mark.parametrize("address", ["in/garments", "s3://looks/my garments", "Größe"])
def test_ends_that_come_with_a_copy(end: str, address: str) -> None:
    """Blanks, line breaks and unseen letters at the ends are none of an address; within it they are."""
    assert trim_address(f"{end}{address}{end}") == address
    assert trim_address(f"a{end}b") == f"a{end}b"


@pytest.mark.parametrize("scheme", ["s3", "S3"])
def test_a_scheme_in_capitals(scheme: str) -> None:
    """Schemes have no case."""
    store = open_store(f"{scheme}://looks/a", S3Options())
    assert isinstance(store, S3Store)
    assert store.uri == "s3://looks/a"
    store, key = locate(f"{scheme}://looks/a/b.png", S3Options())
    assert (store.uri, key) == ("s3://looks/a", "b.png")


@pytest.mark.parametrize("start", ["file://", "FILE://", "File://localhost", "file:"])
def test_file_in_capitals(start: str, tmp_path: Path) -> None:
    """Nor has file:, with or without a host."""
    assert open_store(f"{start}{tmp_path}/My%20Designs").uri == f"{tmp_path}/My Designs"


BUCKETS = {
    "s3:/looks/a": "s3://looks/a",
    "s3:looks/a": "s3://looks/a",
    "s3a://looks/a/": "s3://looks/a",
    "S3N://looks/a": "s3://looks/a",
    "arn:aws:s3:::looks/a": "s3://looks/a",
    "arn:aws-cn:s3:::looks": "s3://looks",
    "https://looks.s3.amazonaws.com/a/b": "s3://looks/a/b",
    "https://looks.s3.eu-central-1.amazonaws.com/My%20a": "s3://looks/My a",
    "https://my.looks.s3-eu-west-1.amazonaws.com/": "s3://my.looks",
    "https://s3.eu-central-1.amazonaws.com/looks/a": "s3://looks/a",
    "https://looks.s3.cn-north-1.amazonaws.com.cn/a": "s3://looks/a",
    "https://looks.s3.amazonaws.com/a?X-Amz-Signature=abc": "s3://looks/a",
    "https://s3.console.aws.amazon.com/s3/buckets/looks?region=x&prefix=a/b/&tab=objects": "s3://looks/a/b",
    "https://eu-central-1.console.aws.amazon.com/s3/buckets/looks": "s3://looks",
}


@pytest.mark.parametrize("address", BUCKETS)
def test_other_spellings_of_a_bucket(address: str) -> None:
    """Hadoop's, an ARN, a web page's: the message says how it is written here."""
    with pytest.raises(StoreError) as told:
        open_store(address)
    assert str(told.value).endswith(f"write {BUCKETS[address]}.")
    assert "Signature" not in str(told.value).rpartition("write")[2]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("'in/garments'", "quotes"),
        ('"s3://looks/a"', "quotes"),
        ("\u201cin/garments\u201d", "quotes"),
        ("\u201ein/garments\u201c", "quotes"),
        ("\u00abin/garments\u00bb", "quotes"),
        ("C:\\Users\\ann", "Windows"),
        ("d:/looks", "Windows"),
        ("\\\\server\\share", "Windows"),
        ("$HOME/designs", "variable"),
        ("${LOOKS}/designs", "variable"),
        ("%USERPROFILE%/designs", "variable"),
        ("file:in/garments", "file:///folder"),
        ("file://server/share", "file:///folder"),
        ("gs://looks/a", "a folder or s3://bucket/prefix"),
        ("abfss://c@looks/a", "a folder or s3://bucket/prefix"),
        ("arn:aws:s3:eu-central-1:123456789012:accesspoint/ap", "alias"),
        ("s3://arn:aws:s3:eu-central-1:123456789012:accesspoint/ap/a", "alias"),
        ("s3://lo oks/a", "no bucket's name"),
        ("s3://looks:9000/a", "no bucket's name"),
        ("s3:///looks/a", "no bucket"),
        ("~nosuchuser/a", "no user's home"),
        ("x" * 300, "too long"),
        ("xxxx/" * 1200, "too long"),
        ("a\0b", "null"),
    ],
)
def test_what_is_no_place(address: str, words: str) -> None:
    """Each is told in a line of bounded length, and no folder of that name is made."""
    with pytest.raises(StoreError, match=words) as told:
        open_store(address)
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500


@pytest.mark.parametrize("name", ["C:", "'x'", "$HOME", "%a%", "s3:", "a$b", "50% off", "it's", "x\u201d"])
def test_a_folder_that_is_called_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with an odd name is opened as ./NAME, or by its whole path."""
    monkeypatch.chdir(tmp_path)
    assert open_store(f"./{name}").uri == open_store(f"{tmp_path}/{name}").uri == f"{tmp_path}/{name}"


def test_links_in_a_circle(tmp_path: Path) -> None:
    """They are told as that."""
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(StoreError, match="circle"):
        LocalStore(tmp_path / "a")


def test_a_folder_behind_a_closed_one(tmp_path: Path) -> None:
    """Whoever may not look into the folder above is told so by every command, before it begins."""
    if os.geteuid() != 0:
        pytest.skip("only root can take on another user")
    closed = tmp_path / "closed"
    (closed / "in").mkdir(parents=True)
    closed.chmod(0o700)
    for one in (tmp_path, *list(tmp_path.parents)[:2]):
        one.chmod(0o755)
    os.seteuid(65534)
    try:
        with pytest.raises(NotAllowedError, match=r"owner and mode"):
            open_store(str(closed / "in"))
    finally:
        os.seteuid(0)


def test_no_password_is_shown() -> None:
    """An address with one is told without it."""
    assert readable_address("https://ann:geheim@host/x") == "https://host/x"
