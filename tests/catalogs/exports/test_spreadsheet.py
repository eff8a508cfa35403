"""The spreadsheet opens in pandas and Excel, has every column, and computes nothing that anyone wrote."""

import csv
import io
import unicodedata
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from catalogs.designs.design_columns import SCHEMA
from catalogs.exports.items import Item
from catalogs.exports.spreadsheet import cell, harmless, harmless_beginning, table_bytes, write_csv
from tests.catalogs.exports.designs import record

UNSEEN = ("Cc", "Cf", "Zs", "Zl", "Zp")
FILLERS = "\u3164\ufe0f"
"""Letters and marks without a sign, which Unicode counts among letters and marks."""


def written(*items: Item) -> bytes:
    file = io.BytesIO()
    write_csv(items, file)
    return file.getvalue()


def opened(*items: Item) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(written(*items)), keep_default_na=False)


def test_pandas_opens_it() -> None:
    """Pandas finds a row a design, ids first, then what people said, then every column of the catalog."""
    table = opened(Item(record(0), "pick", 4, "more red"), Item(record(1)))
    first = ["design_id", "garment_id", "style_id", "style_set", "verdict", "stars", "note", "credit"]
    assert list(table.columns[:8]) == first
    assert set(SCHEMA.names) <= set(table.columns) and table.columns.is_unique
    assert table["design_id"].tolist() == [record(0)["design_id"], record(1)["design_id"]]
    assert table.loc[0, ["verdict", "stars", "note"]].tolist() == ["pick", "4", "more red"]
    assert table.loc[1, ["verdict", "stars", "note"]].tolist() == ["", "", ""]
    assert table.loc[0, "credit"] == "Style: Paisley 0 · Ann Archer · CC-BY-4.0"
    assert table.loc[0, "garment_tags"] == "summer|tee"
    assert pd.Timestamp(table.loc[0, "created_at"]) == record()["created_at"]
    assert table.loc[0, "recipe_json"] == '{"steps": 20}'


def test_excel_knows_the_encoding() -> None:
    """The file begins with the mark by which Excel knows UTF-8, and accents come back."""
    data = written(Item(record(garment_title="Żółć Ελλάδα 👗")))
    assert data.startswith(b"\xef\xbb\xbf")
    assert "Żółć Ελλάδα 👗" in data.decode("utf-8-sig")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "  =1",
        "\u00a0=1",
        "\ufeff=1",
        "＝1",
        "|cmd",
        "a;=1",
        "a; =1",
        "a\t=1",
        "a\n=1",
        "\0=1",
        "\0\0 =1",
        "=\x001",
        "\x01=1",
        "\x7f=1",
        "\x85=1",
        "\u200b=1",
        "\u200f=1",
        "\u202e=1",
        "\u2066=1",
        "\u00ad=1",
        "\u2060=1",
        "\u3164=1",
        "\ufe0f=1",
        "\U000e0020=1",
        "\u200b\0\u202a =1",
        "＋1",
        "－1",
        "＠SUM(A1)",
        "﹦1",
        "−1",
        "a;\0=1",
        "a;\u200b=1",
        "a;\u202e＝1",
        'a;"=1"',
        "a\r\n=1",
    ],
)
def test_formula(text: str) -> None:
    """No cell, and no part that another separator would make a cell, begins with a sign of a formula."""
    for row in (record(garment_title=text), record(garment_tags=[text]), record(style_further=text)):
        for field in next(
            csv.reader(io.StringIO(written(Item(row, note=text)).decode("utf-8-sig").split("\r\n", 1)[1]))
        ):
            for part in field.replace("\t", ";").replace("\n", ";").replace("\r", ";").split(";"):
                seen = "".join(sign for sign in part if unicodedata.category(sign) not in UNSEEN)
                assert not seen.lstrip(FILLERS + '"').startswith(tuple("=+-@|＝＋－＠﹦−")), field
    assert harmless(text).replace("'", "") == text.replace("\0", "")


def test_formula_in_a_column_name() -> None:
    """A column that the catalog does not know is written too, and its name is no formula."""
    assert "'=x" in opened(Item(record() | {"=x": "1"})).columns


@pytest.mark.parametrize("text", ["Tee; - slim", '12" tee; +1', "=1"])
def test_cells_alone(text: str) -> None:
    """Where cells are known, only the beginning of one is guarded."""
    assert harmless_beginning(text) == ("'" if text.startswith("=") else "") + text


def test_small_tables() -> None:
    """A table of rows is guarded in its names and its cells, and Excel knows its encoding."""
    data = table_bytes(["=a", "b"], [["\0@x", 1], ["Größe", None]])
    assert data.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(data.decode("utf-8-sig")))) == [
        ["'=a", "b"],
        ["'@x", "1"],
        ["Größe", ""],
    ]


def test_arrays_are_lists() -> None:
    """Tags that pandas gives as an array, and a time that it has not, are cells like any other."""
    row = record(garment_tags=np.array(["=a", "b"], object), created_at=pd.NaT)
    table = opened(Item(row))
    assert table.loc[0, ["garment_tags", "created_at"]].tolist() == ["'=a|b", ""]


@pytest.mark.parametrize(
    "text", ["plain", "a-b", "1 + 1 = 2", "mail@host", "it's; fine", "", "חולצה - כחולה", "👩\u200d👧 = 2"]
)
def test_plain_text_stays(text: str) -> None:
    """Text that no spreadsheet computes is written as it is."""
    assert harmless(text) == text


def test_numbers_stay_numbers() -> None:
    """Negative numbers keep their sign and type, null and what is no number are empty, counts of 0 are 0."""
    table = opened(Item(record(loss=-0.25, loss_style=None, loss_content=float("nan"), changed_outside=0)))
    assert table.loc[0, "loss"] == -0.25
    assert table.loc[0, ["loss_style", "loss_content"]].tolist() == ["", ""]
    assert table.loc[0, "changed_outside"] == 0
    assert cell(np.int64(-3)) == -3


def test_text_that_no_encoding_has() -> None:
    """Half characters and NULs do not stop the export."""
    assert opened(Item(record(garment_title="a\ud83db\x00c"))).loc[0, "garment_title"] == "a?bc"


def test_nothing_chosen() -> None:
    """An export of nothing is a header."""
    assert opened().empty and "design_id" in opened().columns


def test_rows_are_taken_one_by_one() -> None:
    """A row is on its way before the last item is known: memory does not hold them all."""
    file, seen = io.BytesIO(), []

    def items() -> Iterator[Item]:
        for number in range(200):
            seen.append(file.tell())
            yield Item(record(number))

    write_csv(items(), file)
    assert 0 < seen[100] < seen[-1] < len(file.getvalue())
    assert not file.closed
