"""The browser's server: pages, and the answers that their scripts ask for."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import numpy as np
from fastapi import FastAPI, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError

from catalogs.browser import design_details
from catalogs.browser.auth import access
from catalogs.browser.auth.requesters import Reader, Writer, require_ours
from catalogs.browser.downloads import FORMATS, Export, download, require_exportable
from catalogs.browser.orders import Mill, Repetition
from catalogs.browser.refusals import explain_errors
from catalogs.browser.rendering import page
from catalogs.browser.requests import (
    ActRequest,
    ExportForm,
    OrderRequest,
    Target,
    build_order,
    export_items,
    find_result,
    target_ids,
)
from catalogs.browser.responses import design_cells, facet_counts, matrix_cells, page_cells, result_answer
from catalogs.browser.routes.picture_routes import picture_routes
from catalogs.browser.runs import Runs
from catalogs.browser.search.query import GROUPS, SORTS, parse
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.thumbnails import Pictures
from catalogs.designs import provenance
from catalogs.designs.reviews.review_events import VERDICT_WORDS, Act, What
from catalogs.errors import (
    ActError,
    NotFoundError,
    QueryError,
    UnreachableError,
)
from catalogs.exports.shopify import Shop

PAGE_ROWS = 200
"""Designs that one turn of a result's pages holds, at most."""
MOST_COMPARED = 4
PATIENCE = 120.0
"""Seconds after which whoever spoke is told that the log does not answer."""


@dataclass(frozen=True)
class BrowserContext:
    """What the pages of a server are about; `name` is how people know the catalog."""

    board: ReviewState
    pictures: Pictures
    sessions: access.Sessions
    name: str
    mill: Mill | None = None
    runs: Runs = tuple


def create_app(place: BrowserContext, *, names: Collection[str] = (), secure: bool = False) -> FastAPI:
    """The application. It answers to these host names only, where there are any given."""

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        yield
        place.board.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=living)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.state.place, app.state.secure = place, secure
    for routes in (_token_routes, _page_routes, _answer_routes, _writing_routes):
        routes(app, place)
    picture_routes(app, place.board, place.pictures)
    explain_errors(app, place.name)
    app.add_middleware(access.SessionMiddleware, sessions=place.sessions, secure=secure)
    app.add_middleware(access.RequestGuard, names=names)
    return app


def _token_routes(app: FastAPI, place: BrowserContext) -> None:
    sessions = place.sessions

    @app.get("/token")
    def ask(request: Request) -> Response:
        if request.state.session is not None:
            return RedirectResponse("/", 303)
        return page("token", None, place.name, next=_inside(request.query_params.get("next", "/")))

    @app.post("/token")
    def enter(
        request: Request,
        token: Annotated[str, Form(max_length=500)],
        who: Annotated[str, Form(max_length=access.LONGEST_WHO)] = "",
        next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the field's name in the form
    ) -> Response:
        address = request.client.host if request.client else "?"
        if wait := sessions.must_wait(address):
            headers = {"retry-after": str(int(wait) + 1)}
            answer = page(
                "token",
                None,
                place.name,
                429,
                next=_inside(next),
                wrong=f"Too many tries. Wait {wait:.0f} s.",
            )
            answer.headers.update(headers)
            return answer
        if not sessions.opens(token.strip()):
            sessions.was_wrong(address)
            return page("token", None, place.name, 403, next=_inside(next), wrong="That is not the token.")
        session = sessions.begin(request)
        inside = RedirectResponse(_inside(next), 303)
        value, secure = sessions.cookie_value(session), app.state.secure
        inside.headers["set-cookie"] = access.cookie(request.scope, access.COOKIE, value, secure=secure)
        if name := access.clean_name(who):
            inside.headers.append("set-cookie", access.who_cookie(request.scope, name, secure=secure))
        return inside


def _inside(path: str) -> str:
    """A path of this server, whatever was asked for."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"


def _page_routes(app: FastAPI, place: BrowserContext) -> None:
    board = place.board

    @app.get("/")
    def grid(request: Request, session: Reader) -> Response:
        if not request.query_params:
            return RedirectResponse("/?verdict=unreviewed", 303)
        query = parse(request.query_params.multi_items())
        data = {**result_answer(board, query), **_choices(place)}
        return page("grid", session, place.name, data=data, query=query, sorts=SORTS, groups=GROUPS)

    @app.get("/designs/{design_id}")
    def design(design_id: str, request: Request, session: Reader) -> Response:
        index = board.index
        record = index.of_id(design_id)
        whole = design_details.whole_record(board.catalog, design_id)
        ((verdict, stars),) = board.ratings([design_id])
        near = index.stacks(np.asarray([index.row[design_id]], np.int64))[0]
        return page(
            "design", session, place.name, record=record, whole=whole,
            measures=design_details.measure_rows(record), lineage=design_details.lineage_rows(whole),
            recipe=design_details.recipe_rows(whole), credit=provenance.credit(record),
            again=_repetition(place, whole),
            history=board.history(design_id), verdict=verdict, stars=stars, near=near,
            back=_inside(request.query_params.get("back", "/")),
            data={"design": design_cells(board, [design_id])[0], **_choices(place)},
        )  # fmt: skip

    @app.get("/recipes/{design_id}.toml")
    def recipe(design_id: str, _session: Reader) -> Response:
        board.index.of_id(design_id)
        found = _repetition(place, design_details.whole_record(board.catalog, design_id))
        if found is None or not found.toml:
            raise NotFoundError(f"The recipe of design '{design_id[:80]}' has a name: no file is needed.")
        disposition = f"attachment; filename*=UTF-8''{quote(found.file)}"
        return Response(
            found.toml, media_type="application/toml", headers={"content-disposition": disposition}
        )

    @app.get("/compare")
    def compare(request: Request, session: Reader) -> Response:
        ids = list(dict.fromkeys(request.query_params.getlist("id")))[:MOST_COMPARED]
        if len(ids) < 2:
            raise QueryError("Choose two to four designs to compare.")
        index = board.index
        records = [index.of_id(one) for one in ids]
        wholes = design_details.whole_records(board.catalog, ids)
        return page(
            "compare", session, place.name, records=records, measures=[design_details.measure_rows(r) for r in records],
            differences=design_details.recipe_differences([wholes[one] for one in ids if one in wholes]),
            back=_inside(request.query_params.get("back", "/")),
            data={"designs": design_cells(board, ids), **_choices(place)},
        )  # fmt: skip

    @app.get("/shortlists")
    def shortlists(session: Reader) -> Response:
        found = board.shortlists()
        covers = {one.name: _covers(board, [e.design_id for e in one.entries]) for one in found}
        return page("shortlists", session, place.name, shortlists=found, covers=covers, data=_choices(place))

    @app.get("/shortlist")
    def shortlist(name: str, session: Reader) -> Response:
        found = board.shortlist(name)
        if found is None:
            raise QueryError(f"There is no shortlist '{name[:80]}'.")
        index = board.index
        there = [entry for entry in found.entries if entry.design_id in index.row]
        shown = design_cells(board, [entry.design_id for entry in there])
        entries = [
            {**cell, "note": e.note, "added_by": e.added_by} for cell, e in zip(shown, there, strict=True)
        ]
        return page(
            "shortlist", session, place.name, shortlist=found, gone=len(found.entries) - len(there),
            data={"name": found.name, "entries": entries, **_choices(place)},
        )  # fmt: skip

    @app.get("/runs")
    def runs(session: Reader) -> Response:
        return page("runs", session, place.name, runs=place.runs())


def _repetition(place: BrowserContext, record: Mapping[str, Any]) -> Repetition | None:
    """How a design is made again; None without a mill, or where this version does not know its recipe."""
    if place.mill is None:
        return None
    try:
        return place.mill.repetition(
            design_details.repeat_order(record), str(record.get("recipe_json") or "")
        )
    except QueryError:
        return None


def _covers(board: ReviewState, ids: Sequence[str]) -> list[dict[str, Any]]:
    index = board.index
    return design_cells(board, list(islice((one for one in ids if one in index.row), 4)))


def _choices(place: BrowserContext) -> dict[str, Any]:
    """What every page can offer: words of verdicts, shortlists, recipes to make more by, formats to export."""
    return {
        "shortlists": place.board.shortlist_names(),
        "recipes": list(place.mill.recipes()) if place.mill else [],
        "canStart": bool(place.mill and place.mill.can_start),
        "verdicts": VERDICT_WORDS,
        "formats": [{"name": name, "title": one.title, "about": one.about} for name, one in FORMATS.items()],
    }


def _answer_routes(app: FastAPI, place: BrowserContext) -> None:
    board = place.board

    @app.get("/api/result")
    def result(request: Request, _session: Reader) -> Response:
        return JSONResponse(result_answer(board, parse(request.query_params.multi_items())))

    @app.get("/api/counts")
    def counts(request: Request, _session: Reader) -> Response:
        return JSONResponse({"facets": facet_counts(board, parse(request.query_params.multi_items()))})

    @app.get("/api/result/{token}")
    def turn(token: str, start: int, count: int, _session: Reader) -> Response:
        found = find_result(board, token)
        return JSONResponse(
            {"designs": page_cells(board, found, max(start, 0), min(max(count, 0), PAGE_ROWS))}
        )

    @app.get("/api/matrix/{token}")
    def as_matrix(token: str, _session: Reader) -> Response:
        return JSONResponse(matrix_cells(board, find_result(board, token).ids))

    @app.get("/api/design/{design_id}")
    def one(design_id: str, _session: Reader) -> Response:
        board.index.of_id(design_id)
        return JSONResponse(design_cells(board, [design_id])[0])


def _writing_routes(app: FastAPI, place: BrowserContext) -> None:
    board = place.board

    @app.post("/api/acts")
    async def act(saying: ActRequest, session: Writer) -> Response:
        # Only waiting for the log is done here: it holds no thread that others need.
        filing = await run_in_threadpool(_submit, board, saying, session.who)
        try:
            # Shielded: who waits no longer does not call the act off. It is filed when the log answers again.
            filed = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(filing)), PATIENCE)
        except TimeoutError as error:
            raise UnreachableError(
                "The log does not answer: whether this was filed is not known. Look again."
            ) from error
        return JSONResponse({"act": filed.act_id, "seq": filed.seq, **_said(board, filed)})

    @app.post("/api/who")
    def call_me(
        request: Request, name: Annotated[str, Form(max_length=access.LONGEST_WHO)], session: Writer
    ) -> Response:
        who = access.clean_name(name) or session.who
        header = access.who_cookie(request.scope, who, secure=app.state.secure)
        return JSONResponse({"who": who}, headers={"set-cookie": header})

    @app.post("/api/again")
    def plan(ordering: OrderRequest, _session: Writer) -> Response:
        mill = _mill(place)
        order = build_order(board, ordering)
        return JSONResponse({**asdict(mill.plan(order)), "command": mill.command(order)})

    @app.post("/api/again/start")
    def start(ordering: OrderRequest, _session: Writer) -> Response:
        return JSONResponse({"where": _mill(place).start(build_order(board, ordering))})

    @app.post("/export")
    def export(request: Request, session: Reader, form: ExportForm) -> Response:
        require_ours(request, session, form.csrf)
        try:
            asked = Target.model_validate_json(form.target)
        except ValidationError as error:
            raise QueryError("It does not say which designs are to be exported.") from error
        shop = Shop(form.pictures.strip(), access.clean_name(form.vendor), form.price.strip(), form.product)
        ids = _exportable(board, form.kind, asked)
        chosen = export_items(board, ids, asked.notes_of)
        told = Export(access.clean_name(form.title) or place.name, session.who, shop)
        return download(form.kind, chosen, board.catalog.store, told)

    @app.post("/api/exportable")
    def exportable(
        asked: Target,
        kind: str,
        _session: Writer,
        pictures: str = "",
        price: str = "",
        product: str = "design",
    ) -> Response:
        """Whether an export can be made: a page asks before it starts a download, which could tell it nothing."""
        Shop(pictures.strip(), price=price.strip(), product=product)
        return JSONResponse({"count": len(_exportable(board, kind, asked))})


def _exportable(board: ReviewState, kind: str, asked: Target) -> Sequence[str]:
    ids = target_ids(board, asked)
    require_exportable(kind, len(ids))
    return ids


def _submit(board: ReviewState, saying: ActRequest, who: str) -> "Future[Act]":
    """Hand what a page says to the log's writer."""
    designs = target_ids(board, saying.target) if saying.target else ()
    value = saying.value
    if saying.what is What.UNDO and not value:
        last = board.undoable(who)
        if last is None:
            raise ActError("There is nothing to undo.")
        value = last.act_id
    act_id = saying.act_id or secrets.token_hex(12)
    return board.submit(
        Act(act_id, who, datetime.now(UTC), saying.what, tuple(designs), value, saying.shortlist)
    )


def _mill(place: BrowserContext) -> Mill:
    if place.mill is None:
        raise QueryError("This browser was started without catalogs to make designs from.")
    return place.mill


def _said(board: ReviewState, filed: Act) -> dict[str, Any]:
    """What now holds of the designs that an act was about, as far as a page can show it."""
    about = board.undone_by(filed)
    designs = about.designs if about else ()
    shown = designs[:PAGE_ROWS]
    ratings = {one: list(rating) for one, rating in zip(shown, board.ratings(shown), strict=True)}
    return {"count": len(designs), "about": str(about.what) if about else "", "ratings": ratings}
