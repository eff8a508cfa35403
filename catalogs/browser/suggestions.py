"""Suggestions for an empty result: the nearest queries that find something."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from catalogs.browser.search.query import Query
from catalogs.browser.search.search_text import searchable
from catalogs.browser.state.review_state import ReviewState

COLOR_WORDS = {
    family: (family, *words.split())
    for family, words in {
        "black": "jet ebony onyx",
        "white": "ivory snow",
        "grey": "gray charcoal silver slate anthracite graphite ash",
        "beige": "cream sand tan ecru oatmeal nude stone linen buff",
        "red": "scarlet crimson burgundy bordeaux maroon cherry ruby wine",
        "orange": "rust apricot tangerine terracotta amber copper",
        "yellow": "mustard lemon gold golden ochre saffron",
        "green": "olive emerald sage lime mint khaki forest bottle pine",
        "turquoise": "teal aqua cyan petrol aquamarine",
        "blue": "navy indigo azure cobalt royal denim sky",
        "purple": "violet lilac lavender plum mauve aubergine",
        "pink": "rose fuchsia magenta blush salmon coral",
        "brown": "chocolate coffee camel chestnut tobacco mocha",
    }.items()
}
"""English names of colours that shops use, by the family of the main colour that they belong to."""
FAMILIES = {word: family for family, words in COLOR_WORDS.items() for word in words}
MOST_WAYS = 3
"""Colours that a page offers; each is counted over all designs."""


@dataclass(frozen=True)
class Suggestion:
    """A query near one that found nothing: its label, its address, and how many designs it finds."""

    what: str
    address: str
    count: int


def color_suggestions(state: ReviewState, query: Query) -> list[Suggestion]:
    """For every word of a search that names a colour, the search without the word, filtered by that main colour.

    Where that finds nothing either, the suggestion is the main colour alone.
    """
    words = list(dict.fromkeys(query.search.split()))
    suggestions: list[Suggestion] = []
    for n, word in enumerate(words):
        family = FAMILIES.get(searchable(word))
        if family and len(suggestions) < MOST_WAYS:
            facets = {**query.facets, "color": (family,)}
            other = replace(query, facets=facets, search=" ".join(words[:n] + words[n + 1 :]))
            ways = [other, replace(other, search="")]
            counted = [Suggestion(family, variant.address(), state.count(variant)) for variant in ways]
            suggestions.append(next((way for way in counted if way.count), counted[-1]))
    return suggestions


def filter_to_remove(state: ReviewState, query: Query) -> Suggestion | None:
    """The filter whose removal finds most designs; None where the removal of no single filter finds any."""
    ways = [
        Suggestion(name, variant.address(), state.count(variant))
        for name, variant in _without_each_filter(query)
    ]
    best = max(ways, key=lambda way: way.count, default=None)
    return best if best and best.count else None


def _without_each_filter(query: Query) -> Iterator[tuple[str, Query]]:
    """The query without each of its filters in turn; the search is one of them."""
    yield from ((name, query.without(name)) for name in query.facets)
    others = {
        "search": replace(query, search=""),
        "swatch": replace(query, swatch=""),
        "shortlist": replace(query, shortlist=""),
        "like": replace(query, like=""),
    }
    yield from ((name, variant) for name, variant in others.items() if variant != query)
