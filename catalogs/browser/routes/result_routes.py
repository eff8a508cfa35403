"""Routes that pages' scripts ask for results: designs of a query, counts, turned pages, a matrix."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from catalogs.browser.auth.requesters import Reader
from catalogs.browser.context import BrowserContext
from catalogs.browser.requests import find_result
from catalogs.browser.responses import (
    design_cells,
    facet_counts,
    matrix_cells,
    page_cells,
    result_answer,
)
from catalogs.browser.search.query import parse

PAGE_ROWS = 200
"""Designs that one turn of a result's pages holds, at most."""


def add_result_routes(app: FastAPI, context: BrowserContext) -> None:
    """Add the routes of results to an application."""
    state = context.state

    @app.get("/api/result")
    def result(request: Request, _session: Reader) -> Response:
        """The result of the query in the address: its size, its facets and its first designs."""
        return JSONResponse(result_answer(state, parse(request.query_params.multi_items())))

    @app.get("/api/counts")
    def counts(request: Request, _session: Reader) -> Response:
        """The facets of the query in the address, with their counts."""
        return JSONResponse({"facets": facet_counts(state, parse(request.query_params.multi_items()))})

    @app.get("/api/result/{token}")
    def turn_page(token: str, start: int, count: int, _session: Reader) -> Response:
        """Designs of a kept result from `start` on, PAGE_ROWS at most."""
        snapshot = find_result(state, token)
        rows = page_cells(state, snapshot, max(start, 0), min(max(count, 0), PAGE_ROWS))
        return JSONResponse({"designs": rows})

    @app.get("/api/matrix/{token}")
    def as_matrix(token: str, _session: Reader) -> Response:
        """A kept result as a matrix of garments and styles."""
        return JSONResponse(matrix_cells(state, find_result(state, token).ids))

    @app.get("/api/design/{design_id}")
    def design_cell(design_id: str, _session: Reader) -> Response:
        """One design as a grid shows it; NotFoundError where the catalog does not have it."""
        state.index.of_id(design_id)
        return JSONResponse(design_cells(state, [design_id])[0])
