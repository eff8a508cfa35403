"""The query in a browser's address. The address is the whole state: a query is read from it and written to it."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from urllib.parse import urlencode

from catalogs import keys
from catalogs.errors import InvalidKeyError, QueryError

FACETS = (
    "verdict",
    "set",
    "style",
    "garment",
    "category",
    "recipe",
    "color",
    "flag",
    "stars",
    "licence",
    "run",
)
"""In the order they are shown."""
SORTS = {
    "new": "newest first",
    "old": "oldest first",
    "style": "closest to the style",
    "folds": "folds kept best",
    "loss": "lowest loss",
    "stars": "most stars",
    "garment": "by garment",
    "pattern": "by style",
    "swatch": "closest to the swatch",
}
GROUPS = {"": "not grouped", "garment": "by garment", "style": "by style"}
SWATCH = re.compile(r"#[0-9a-f]{6}")
LONGEST_SEARCH = 200
MOST_VALUES = 200
"""Values of all facets together."""
LONGEST_VALUE = 300
WITHIN = 12.0
"""dE2000 within which a swatch finds a design's colour, where the address does not say."""


@dataclass(frozen=True)
class Query:
    """Which designs, and in what order.

    `facets` maps a facet to the values of which a design must have one. `swatch` is a colour `#rrggbb` that one
    of a design's colours must come within `within` (dE2000) of. `shortlist` keeps to a shortlist, in its order;
    `like` to the near-duplicates of a design. `stacked` shows one of each group of near-duplicates.
    """

    facets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    search: str = ""
    swatch: str = ""
    within: float = WITHIN
    sort: str = ""
    group: str = ""
    shortlist: str = ""
    like: str = ""
    stacked: bool = False

    @property
    def order(self) -> str:
        """How the result is sorted, where the address does not say."""
        return self.sort or ("swatch" if self.swatch else "new")

    def without(self, facet: str) -> "Query":
        """The query without the filter of one facet."""
        return replace(self, facets={name: values for name, values in self.facets.items() if name != facet})

    def address(self) -> str:
        """The query as the part of an address after the `?`; one query has one address."""
        pairs = [(name, value) for name in FACETS for value in self.facets.get(name, ())]
        within = f"{self.within:g}" if self.swatch and self.within != WITHIN else ""
        texts = {
            "q": self.search, "swatch": self.swatch, "within": within, "sort": self.sort, "group": self.group,
            "shortlist": self.shortlist, "like": self.like, "stacked": "1" if self.stacked else "",
        }  # fmt: skip
        return urlencode(pairs + [(name, value) for name, value in texts.items() if value])


def parse(pairs: Iterable[tuple[str, str]]) -> Query:
    """The query of an address's names and values; names that do not belong to a query are left to the page.

    Raises QueryError for a value that is not understood, and says which.
    """
    facets: dict[str, list[str]] = {}
    single: dict[str, str] = {}
    for name, value in pairs:
        if len(value) > LONGEST_VALUE:
            raise QueryError(f"'{name}' has {len(value)} letters: keep it to {LONGEST_VALUE}.")
        if name in FACETS:
            facets.setdefault(name, []).append(value)
        else:
            single[name] = value
    if sum(map(len, facets.values())) > MOST_VALUES:
        raise QueryError(f"More than {MOST_VALUES} values are chosen: choose fewer, or none for all.")
    return Query(
        facets={name: tuple(sorted(set(facets[name]))) for name in FACETS if name in facets},
        search=_search(single.get("q", "")),
        swatch=_swatch(single.get("swatch", "")),
        within=_within(single.get("within", "")),
        sort=_one_of("sort", single.get("sort", ""), ("", *SORTS)),
        group=_one_of("group", single.get("group", ""), GROUPS),
        shortlist=single.get("shortlist", ""),
        like=_checked_id("like", single.get("like", "")),
        stacked=_one_of("stacked", single.get("stacked", ""), ("", "1")) == "1",
    )


def parameter_names() -> set[str]:
    """Every name in an address that belongs to a query."""
    other = {"q" if parameter.name == "search" else parameter.name for parameter in fields(Query)} - {
        "facets"
    }
    return {*FACETS, *other}


def _search(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > LONGEST_SEARCH:
        raise QueryError(f"The search has {len(text)} letters: keep it to {LONGEST_SEARCH}.")
    return text


def _swatch(text: str) -> str:
    text = text.lower()
    if text and not SWATCH.fullmatch(text):
        raise QueryError(f"'{text[:40]}' is no colour: write #rrggbb.")
    return text


def _within(text: str) -> float:
    try:
        distance = float(text) if text else WITHIN
    except ValueError:
        distance = -1.0
    if not 0 <= distance <= 100:
        raise QueryError(f"within='{text[:40]}' is no distance of colours: give dE2000 from 0 to 100.")
    return distance


def _one_of(name: str, value: str, choices: Iterable[str]) -> str:
    known = list(choices)
    if value not in known:
        raise QueryError(f"{name}='{value[:40]}' is not known: give one of {', '.join(filter(None, known))}.")
    return value


def _checked_id(name: str, text: str) -> str:
    try:
        return keys.check_id(text) if text else ""
    except InvalidKeyError as error:
        raise QueryError(f"{name}: {error}") from error
