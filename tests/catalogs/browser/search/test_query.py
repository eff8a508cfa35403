"""An address says what is shown, and nothing else does."""

from urllib.parse import parse_qsl

import pytest

from catalogs.browser.search.query import Query, parse
from catalogs.errors import QueryError


def read(address: str) -> Query:
    """The query of an address."""
    return parse(parse_qsl(address, keep_blank_values=True))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "verdict=unreviewed",
        "set=a&set=b&garment=tee&q=blue+shirt&sort=folds&group=style&stacked=1",
        "color=&licence=",
        "swatch=%23336699&within=5",
        "shortlist=Fr%C3%BChling+%2F+27&like=abc",
    ],
)
def test_there_and_back(address: str) -> None:
    """A query's address gives the query again, and one query has one address."""
    query = read(address)
    assert read(query.address()) == query
    assert query.address() == read(query.address()).address()


def test_one_address() -> None:
    """The order of values does not matter."""
    assert read("set=b&set=a&q= x ").address() == read("q=x&set=a&set=b&set=a").address()


def test_page_names_are_left() -> None:
    """What belongs to the page is no part of the query."""
    assert read("view=matrix&size=s&at=5") == Query()


def test_sorted_by_swatch() -> None:
    """A swatch sorts by nearness unless told otherwise; else the newest come first."""
    assert (read("swatch=%23336699").order, read("swatch=%23336699&sort=old").order, read("").order) == (
        "swatch",
        "old",
        "new",
    )


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("sort=name", "not known"),
        ("group=run", "not known"),
        ("swatch=blue", "no colour"),
        ("swatch=%23336699&within=-1", "no distance"),
        ("swatch=%23336699&within=nan", "no distance"),
        ("like=../../etc/passwd", "cannot be an id"),
        ("stacked=yes", "not known"),
        ("q=" + "a" * 201, "201 letters"),
        ("set=" + "a" * 301, "301 letters"),
        ("&".join(f"set={n}" for n in range(201)), "More than 200 values"),
    ],
)
def test_refused(address: str, message: str) -> None:
    """What cannot be meant is refused by name."""
    with pytest.raises(QueryError, match=message):
        read(address)
