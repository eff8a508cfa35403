"""Downloads say what they are: name, kind and length, whatever the title and however large."""

import asyncio
import io
import re
import zipfile
from urllib.parse import unquote

import pytest
from starlette.responses import StreamingResponse

from catalogs.browser.downloads import FORMATS, Export, download
from catalogs.exports import shopify
from catalogs.exports.items import Item
from tests.catalogs.exports.designs import shop


def body(answer: StreamingResponse) -> bytes:
    async def whole() -> bytes:
        return b"".join([bytes(piece) async for piece in answer.body_iterator])  # type: ignore[arg-type]

    return asyncio.run(whole())


def made(kind: str, title: str = "Spring", count: int = 2) -> StreamingResponse:
    store, items = shop(count)
    return download(kind, [Item(item.record, "pick", 3) for item in items], store, Export(title, "Ann"))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("title", "plain", "name"),
    [
        ("Été – Größe", "ete-grosse", "ete-grosse"),
        ("秋 2025", "qiu-2025", "秋-2025"),
        ("🌸", "designs", "designs"),
    ],
)
def test_names(kind: str, title: str, plain: str, name: str) -> None:
    """A download has a name in ASCII and one in UTF-8, with the day and the format's ending; its length is told."""
    answer = made(kind, title)
    header = answer.headers["content-disposition"]
    found = re.fullmatch(r'attachment; filename="(.+?)-(\d{8})\.(.+)"; filename\*=UTF-8\'\'(.+)', header)
    assert found and found[1] == plain and found[3] == FORMATS[kind].ending
    assert unquote(found[4]) == f"{name}-{found[2]}.{found[3]}"
    assert int(answer.headers["content-length"]) == len(body(answer))
    assert answer.headers["content-type"] == FORMATS[kind].media_type


def test_large_shopify_exports_are_zipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Shopify would not take in one file comes as a ZIP, and is called so."""
    monkeypatch.setattr(shopify, "LARGEST", 1500)
    answer = made("shopify", count=9)
    assert answer.headers["content-type"] == "application/zip"
    assert re.search(r'filename="spring-\d{8}\.shopify\.zip"', answer.headers["content-disposition"])
    assert len(zipfile.ZipFile(io.BytesIO(body(answer))).namelist()) > 1
    assert "15 MB" in FORMATS["shopify"].about
