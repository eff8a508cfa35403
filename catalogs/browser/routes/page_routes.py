"""Routes of the pages that people open: the grid, a design, a comparison, shortlists and runs."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

import numpy as np
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from catalogs.browser import design_details
from catalogs.browser.auth.requesters import Reader
from catalogs.browser.auth.sessions import Session
from catalogs.browser.context import BrowserContext
from catalogs.browser.downloads import FORMATS
from catalogs.browser.orders import Repetition
from catalogs.browser.rendering import page
from catalogs.browser.responses import design_cells, result_answer
from catalogs.browser.routes.local_paths import local_path
from catalogs.browser.search.query import GROUPS, SORTS, parse
from catalogs.browser.state.review_state import ReviewState
from catalogs.designs import provenance
from catalogs.designs.reviews.review_events import VERDICT_WORDS
from catalogs.errors import NotFoundError, QueryError

MOST_COMPARED = 4


def add_page_routes(app: FastAPI, context: BrowserContext) -> None:
    """Add the routes of pages to an application.

    They raise NotFoundError for designs that are not there, and QueryError for addresses that mean nothing.
    """

    @app.get("/")
    def grid(request: Request, session: Reader) -> Response:
        """Show the designs of the query in the address; an address without a query gets the unreviewed ones."""
        if not request.query_params:
            return RedirectResponse("/?verdict=unreviewed", 303)
        query = parse(request.query_params.multi_items())
        data = {**result_answer(context.state, query), **_choices(context)}
        return page("grid", session, context.name, data=data, query=query, sorts=SORTS, groups=GROUPS)

    @app.get("/designs/{design_id}")
    def design(design_id: str, request: Request, session: Reader) -> Response:
        """Show a design with its measures, its origin, its recipe and its history."""
        return _design_page(context, design_id, request, session)

    @app.get("/recipes/{design_id}.toml")
    def recipe_file(design_id: str, _session: Reader) -> Response:
        """Send the recipe of a design as a file; raises NotFoundError where its name says all."""
        context.state.index.of_id(design_id)
        repetition = _repetition(context, design_details.whole_record(context.state.catalog, design_id))
        if repetition is None or not repetition.toml:
            raise NotFoundError(f"The recipe of design '{design_id[:80]}' has a name: no file is needed.")
        headers = {"content-disposition": f"attachment; filename*=UTF-8''{quote(repetition.file)}"}
        return Response(repetition.toml, media_type="application/toml", headers=headers)

    @app.get("/compare")
    def compare(request: Request, session: Reader) -> Response:
        """Show two to four designs side by side; raises QueryError for fewer."""
        ids = list(dict.fromkeys(request.query_params.getlist("id")))[:MOST_COMPARED]
        if len(ids) < 2:
            raise QueryError("Choose two to four designs to compare.")
        return _comparison_page(context, ids, request, session)

    _add_list_pages(app, context)


def _add_list_pages(app: FastAPI, context: BrowserContext) -> None:
    """Add the pages that list shortlists and runs."""

    @app.get("/shortlists")
    def shortlists(session: Reader) -> Response:
        """Show the open shortlists, each with a few of its designs."""
        opened = context.state.shortlists()
        covers = {
            shortlist.name: _covers(context.state, [entry.design_id for entry in shortlist.entries])
            for shortlist in opened
        }
        return page(
            "shortlists", session, context.name, shortlists=opened, covers=covers, data=_choices(context)
        )

    @app.get("/shortlist")
    def shortlist(name: str, session: Reader) -> Response:
        """Show a shortlist; raises QueryError where no open one has the name."""
        return _shortlist_page(context, name, session)

    @app.get("/runs")
    def runs(session: Reader) -> Response:
        """Show the newest runs and what to do next about each."""
        return page("runs", session, context.name, runs=context.runs())


def _design_page(context: BrowserContext, design_id: str, request: Request, session: Session) -> Response:
    state = context.state
    index = state.index
    record = index.of_id(design_id)
    whole = design_details.whole_record(state.catalog, design_id)
    ((verdict, stars),) = state.ratings([design_id])
    near = index.stacks(np.asarray([index.row[design_id]], np.int64))[0]
    return page(
        "design", session, context.name, record=record, whole=whole,
        measures=design_details.measure_rows(record), lineage=design_details.lineage_rows(whole),
        recipe=design_details.recipe_rows(whole), credit=provenance.credit(record),
        again=_repetition(context, whole),
        history=state.history(design_id), verdict=verdict, stars=stars, near=near,
        back=local_path(request.query_params.get("back", "/")),
        data={"design": design_cells(state, [design_id])[0], **_choices(context)},
    )  # fmt: skip


def _comparison_page(
    context: BrowserContext, ids: Sequence[str], request: Request, session: Session
) -> Response:
    index = context.state.index
    records = [index.of_id(design_id) for design_id in ids]
    wholes = design_details.whole_records(context.state.catalog, ids)
    differences = design_details.recipe_differences(
        [wholes[design_id] for design_id in ids if design_id in wholes]
    )
    return page(
        "compare", session, context.name, records=records,
        measures=[design_details.measure_rows(record) for record in records], differences=differences,
        back=local_path(request.query_params.get("back", "/")),
        data={"designs": design_cells(context.state, ids), **_choices(context)},
    )  # fmt: skip


def _shortlist_page(context: BrowserContext, name: str, session: Session) -> Response:
    state = context.state
    shortlist = state.shortlist(name)
    if shortlist is None:
        raise QueryError(f"There is no shortlist '{name[:80]}'.")
    index = state.index
    present = [entry for entry in shortlist.entries if entry.design_id in index.row]
    cells = design_cells(state, [entry.design_id for entry in present])
    entries = [
        {**cell, "note": entry.note, "added_by": entry.added_by}
        for cell, entry in zip(cells, present, strict=True)
    ]
    return page(
        "shortlist", session, context.name, shortlist=shortlist, gone=len(shortlist.entries) - len(present),
        data={"name": shortlist.name, "entries": entries, **_choices(context)},
    )  # fmt: skip


def _repetition(context: BrowserContext, record: Mapping[str, Any]) -> Repetition | None:
    """How a design is made again; None without a mill, or where this version does not know its recipe."""
    if context.mill is None:
        return None
    try:
        order = design_details.repeat_order(record)
        return context.mill.repetition(order, str(record.get("recipe_json") or ""))
    except QueryError:
        return None


def _covers(state: ReviewState, ids: Sequence[str]) -> list[dict[str, Any]]:
    """The first four designs of a shortlist that are still in the catalog, as a grid shows them."""
    index = state.index
    return design_cells(state, list(islice((design_id for design_id in ids if design_id in index.row), 4)))


def _choices(context: BrowserContext) -> dict[str, Any]:
    """What every page can offer: words of verdicts, shortlists, recipes to make more by, formats to export."""
    mill = context.mill
    return {
        "shortlists": context.state.shortlist_names(),
        "recipes": list(mill.recipes()) if mill else [],
        "canStart": bool(mill and mill.can_start),
        "verdicts": VERDICT_WORDS,
        "formats": [
            {"name": name, "title": export_format.title, "about": export_format.about}
            for name, export_format in FORMATS.items()
        ],
    }
