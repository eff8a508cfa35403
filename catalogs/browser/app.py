"""The browser's server: pages, and the answers that their scripts ask for."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import numpy as np
from anyio import CapacityLimiter, to_thread
from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader
from pydantic import ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from catalogs import provenance
from catalogs.acts import Act, What
from catalogs.browser import access, describing
from catalogs.browser.again import Mill, Repetition
from catalogs.browser.asking import (
    GoneError,
    Ordering,
    OtherNumberError,
    Saying,
    Target,
    items,
    kept,
    ordered,
    targeted,
)
from catalogs.browser.board import Board
from catalogs.browser.downloads import FORMATS, download, require_exportable
from catalogs.browser.index import Index
from catalogs.browser.pictures import SIDES, Found, Pictures, Source
from catalogs.browser.query import GROUPS, SORTS, parse
from catalogs.browser.showing import answer, cells, counted, laid_out
from catalogs.errors import (
    ActError,
    CatalogsError,
    ImageError,
    InvalidKeyError,
    NotFoundError,
    QueryError,
    UnreachableError,
)

PAGE_ROWS = 200
"""Designs that one turn of a result's pages holds, at most."""
MOST_COMPARED = 4
PATIENCE = 120.0
"""Seconds after which whoever spoke is told that the log does not answer."""
FOREVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
"""Templates and styles may be replaced: a browser asks whether its copy still holds, which is quickly answered."""

templates = Environment(
    loader=PackageLoader("catalogs.browser", "pages"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Place:
    """What the pages of a server are about; `name` is how people know the catalog."""

    board: Board
    pictures: Pictures
    sessions: access.Sessions
    name: str
    mill: Mill | None = None


def create_app(place: Place, *, names: Collection[str] = (), secure: bool = False) -> FastAPI:
    """The application. It answers to these host names only, where there are any given."""

    @asynccontextmanager
    async def living(_app: FastAPI) -> AsyncIterator[None]:
        yield
        place.board.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=living)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.state.place, app.state.secure = place, secure
    for routes in (_token_routes, _page_routes, _answer_routes, _writing_routes, _picture_routes):
        routes(app, place)
    _explain_errors(app)
    app.add_middleware(access.Gate, sessions=place.sessions, secure=secure)
    app.add_middleware(access.Guard, names=names)
    return app


def _session(request: Request) -> access.Session:
    session: access.Session | None = request.state.session
    if session is None:
        raise HTTPException(401, "A token is required.")
    return session


def _writing(request: Request) -> access.Session:
    """The session of a request that may write."""
    session = _session(request)
    _require_ours(request, session, request.headers.get(access.CSRF_HEADER, ""))
    return session


def _require_ours(request: Request, session: access.Session, sent: str) -> None:
    """HTTPException where a write does not come from a page of ours, which was given the session's token."""
    own = access.own_origin(request, secure=request.app.state.secure)
    origin = request.headers.get("origin", own)
    if origin != own:
        raise HTTPException(
            403,
            f"This was sent by a page of {origin[:80]}, not of {own[:80]}: nothing was done. Where a proxy with TLS"
            " is before this server, start it with --secure.",
        )
    if not access.has_token(session, sent):
        raise HTTPException(403, "This page is no longer valid: load it again.")


Reader = Annotated[access.Session, Depends(_session)]
Writer = Annotated[access.Session, Depends(_writing)]


def _page(
    name: str, session: access.Session | None, place: Place, status: int = 200, **values: Any
) -> HTMLResponse:
    common = {"session": session, "catalog": place.name, "page": name, "data": values.get("data") or {}}
    return HTMLResponse(templates.get_template(f"{name}.html").render(**{**common, **values}), status)


def _token_routes(app: FastAPI, place: Place) -> None:
    sessions = place.sessions

    @app.get("/token")
    def ask(request: Request) -> Response:
        if request.state.session is not None:
            return RedirectResponse("/", 303)
        return _page("token", None, place, next=_inside(request.query_params.get("next", "/")))

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
            answer = _page(
                "token", None, place, 429, next=_inside(next), wrong=f"Too many tries. Wait {wait:.0f} s."
            )
            answer.headers.update(headers)
            return answer
        if not sessions.opens(token.strip()):
            sessions.was_wrong(address)
            return _page("token", None, place, 403, next=_inside(next), wrong="That is not the token.")
        session = sessions.begin(request)
        inside = RedirectResponse(_inside(next), 303)
        value, secure = sessions.cookie_value(session), app.state.secure
        inside.headers["set-cookie"] = access.cookie(request.scope, access.COOKIE, value, secure=secure)
        if name := access.name_of(who):
            inside.headers.append("set-cookie", access.who_cookie(request.scope, name, secure=secure))
        return inside


def _inside(path: str) -> str:
    """A path of this server, whatever was asked for."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"


def _page_routes(app: FastAPI, place: Place) -> None:
    board = place.board

    @app.get("/")
    def grid(request: Request, session: Reader) -> Response:
        if not request.query_params:
            return RedirectResponse("/?verdict=unreviewed", 303)
        query = parse(request.query_params.multi_items())
        data = {**answer(board, query), **_choices(place)}
        return _page("grid", session, place, data=data, query=query, sorts=SORTS, groups=GROUPS)

    @app.get("/designs/{design_id}")
    def design(design_id: str, request: Request, session: Reader) -> Response:
        index = board.index
        record = _record(index, design_id)
        whole = describing.whole_record(board.catalog, design_id)
        ((verdict, stars),) = board.ratings([design_id])
        near = index.stacks(np.asarray([index.row[design_id]], np.int64))[0]
        return _page(
            "design", session, place, record=record, whole=whole,
            measures=describing.measures(record), lineage=describing.lineage(whole),
            recipe=describing.recipe(whole), credit=provenance.credit(record),
            again=_repetition(place, whole),
            history=board.history(design_id), verdict=verdict, stars=stars, near=near,
            back=_inside(request.query_params.get("back", "/")),
            data={"design": cells(board, [design_id])[0], **_choices(place)},
        )  # fmt: skip

    @app.get("/recipes/{design_id}.toml")
    def recipe(design_id: str, _session: Reader) -> Response:
        _record(board.index, design_id)
        found = _repetition(place, describing.whole_record(board.catalog, design_id))
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
        records = [_record(index, one) for one in ids]
        wholes = describing.whole_records(board.catalog, ids)
        return _page(
            "compare", session, place, records=records, measures=[describing.measures(r) for r in records],
            differences=describing.differences([wholes[one] for one in ids if one in wholes]),
            back=_inside(request.query_params.get("back", "/")),
            data={"designs": cells(board, ids), **_choices(place)},
        )  # fmt: skip

    @app.get("/shortlists")
    def shortlists(session: Reader) -> Response:
        found = board.shortlists()
        covers = {one.name: _covers(board, [e.design_id for e in one.entries]) for one in found}
        return _page("shortlists", session, place, shortlists=found, covers=covers, data=_choices(place))

    @app.get("/shortlist")
    def shortlist(name: str, session: Reader) -> Response:
        found = board.shortlist(name)
        if found is None:
            raise QueryError(f"There is no shortlist '{name[:80]}'.")
        index = board.index
        there = [entry for entry in found.entries if entry.design_id in index.row]
        shown = cells(board, [entry.design_id for entry in there])
        entries = [
            {**cell, "note": e.note, "added_by": e.added_by} for cell, e in zip(shown, there, strict=True)
        ]
        return _page(
            "shortlist", session, place, shortlist=found, gone=len(found.entries) - len(there),
            data={"name": found.name, "entries": entries, **_choices(place)},
        )  # fmt: skip


def _repetition(place: Place, record: Mapping[str, Any]) -> Repetition | None:
    """How a design is made again; None without a mill, or where this version does not know its recipe."""
    if place.mill is None:
        return None
    try:
        return place.mill.repetition(describing.order_of(record), str(record.get("recipe_json") or ""))
    except QueryError:
        return None


def _covers(board: Board, ids: Sequence[str]) -> list[dict[str, Any]]:
    index = board.index
    return cells(board, list(islice((one for one in ids if one in index.row), 4)))


def _choices(place: Place) -> dict[str, Any]:
    """What every page can offer: shortlists to put designs on, recipes to make more by, formats to export."""
    return {
        "shortlists": place.board.shortlist_names(),
        "recipes": list(place.mill.recipes()) if place.mill else [],
        "canStart": bool(place.mill and place.mill.can_start),
        "formats": [{"name": name, "title": one.title} for name, one in FORMATS.items()],
    }


def _answer_routes(app: FastAPI, place: Place) -> None:
    board = place.board

    @app.get("/api/result")
    def result(request: Request, _session: Reader) -> Response:
        return JSONResponse(answer(board, parse(request.query_params.multi_items())))

    @app.get("/api/counts")
    def counts(request: Request, _session: Reader) -> Response:
        return JSONResponse({"facets": counted(board, parse(request.query_params.multi_items()))})

    @app.get("/api/result/{token}")
    def turn(token: str, start: int, count: int, _session: Reader) -> Response:
        found = kept(board, token)
        ids = found.ids[max(start, 0) : max(start, 0) + min(max(count, 0), PAGE_ROWS)]
        return JSONResponse({"designs": cells(board, ids, stacked=found.query.stacked)})

    @app.get("/api/matrix/{token}")
    def as_matrix(token: str, _session: Reader) -> Response:
        return JSONResponse(laid_out(board, kept(board, token).ids))

    @app.get("/api/design/{design_id}")
    def one(design_id: str, _session: Reader) -> Response:
        _record(board.index, design_id)
        return JSONResponse(cells(board, [design_id])[0])


def _record(index: Index, design_id: str) -> dict[str, Any]:
    """A design's row, of one index: a newer one may have it elsewhere."""
    row = index.row.get(design_id)
    if row is None:
        raise NotFoundError(f"There is no design '{design_id[:80]}' in this catalog.")
    return index.record(row)


def _writing_routes(app: FastAPI, place: Place) -> None:
    board = place.board

    @app.post("/api/acts")
    async def act(saying: Saying, session: Writer) -> Response:
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
        who = access.name_of(name) or session.who
        header = access.who_cookie(request.scope, who, secure=app.state.secure)
        return JSONResponse({"who": who}, headers={"set-cookie": header})

    @app.post("/api/again")
    def plan(ordering: Ordering, _session: Writer) -> Response:
        mill = _mill(place)
        order = ordered(board, ordering)
        return JSONResponse({**asdict(mill.plan(order)), "command": mill.command(order)})

    @app.post("/api/again/start")
    def start(ordering: Ordering, _session: Writer) -> Response:
        return JSONResponse({"where": _mill(place).start(ordered(board, ordering))})

    @app.post("/export")
    def export(
        request: Request,
        session: Reader,
        csrf: Annotated[str, Form()],
        kind: Annotated[str, Form(max_length=40)],
        target: Annotated[str, Form()],
        title: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        _require_ours(request, session, csrf)
        try:
            asked = Target.model_validate_json(target)
        except ValidationError as error:
            raise QueryError("It does not say which designs are to be exported.") from error
        ids = _exportable(board, kind, asked)
        chosen = items(board, ids, asked.notes_of)
        return download(kind, chosen, board.catalog.store, access.name_of(title) or place.name, session.who)

    @app.post("/api/exportable")
    def exportable(asked: Target, kind: str, _session: Writer) -> Response:
        """Whether an export can be made: a page asks before it starts a download, which could tell it nothing."""
        return JSONResponse({"count": len(_exportable(board, kind, asked))})


def _exportable(board: Board, kind: str, asked: Target) -> Sequence[str]:
    ids = targeted(board, asked)
    require_exportable(kind, len(ids))
    return ids


def _submit(board: Board, saying: Saying, who: str) -> "Future[Act]":
    """Hand what a page says to the log's writer."""
    designs = targeted(board, saying.target) if saying.target else ()
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


def _mill(place: Place) -> Mill:
    if place.mill is None:
        raise QueryError("This browser was started without catalogs to make designs from.")
    return place.mill


def _said(board: Board, filed: Act) -> dict[str, Any]:
    """What now holds of the designs that an act was about, as far as a page can show it."""
    about = board.undone_by(filed)
    designs = about.designs if about else ()
    shown = designs[:PAGE_ROWS]
    ratings = {one: list(rating) for one, rating in zip(shown, board.ratings(shown), strict=True)}
    return {"count": len(designs), "about": str(about.what) if about else "", "ratings": ratings}


def _picture_routes(app: FastAPI, place: Place) -> None:
    board, pictures = place.board, place.pictures
    # Pictures wait among themselves: acts and pages have threads of their own.
    reading, whole, making = (CapacityLimiter(threads) for threads in (24, 8, 4))

    @app.get("/thumbnails/{side}/{design_id}.webp")
    async def thumbnail(side: str, design_id: str, request: Request, _session: Reader) -> Response:
        if side not in map(str, SIDES):
            raise NotFoundError(f"There are no thumbnails of {side[:20]} px.")
        record = _record(board.index, design_id)
        found = await to_thread.run_sync(pictures.thumbnail, record, int(side), limiter=reading)
        return _picture(found, request)

    @app.get("/pictures/{design_id}.png")
    async def design(design_id: str, request: Request, _session: Reader) -> Response:
        record = _record(board.index, design_id)
        # It is known without reading the picture.
        if (etag := f'"{record["image_sha256"]}"') in _known(request):
            return _unchanged(etag, FOREVER)
        return _picture(await to_thread.run_sync(pictures.design, record, limiter=whole), request)

    @app.get("/templates/{garment_id}.webp")
    async def garment(garment_id: str, request: Request, _session: Reader) -> Response:
        return await shown(pictures.garment, garment_id, request)

    @app.get("/styles/{style_id}.webp")
    async def style(style_id: str, request: Request, _session: Reader) -> Response:
        return await shown(pictures.style, style_id, request)

    async def shown(find: Callable[[str], Source], record_id: str, request: Request) -> Response:
        source = await to_thread.run_sync(find, record_id, limiter=reading)
        if source.etag in _known(request):
            return _unchanged(source.etag, ASK_AGAIN)
        found = pictures.ready(source)
        if found is None:
            found = await to_thread.run_sync(pictures.shown, source, limiter=making)
        return _picture(found, request, ASK_AGAIN)


def _picture(found: Found, request: Request, keep: str = FOREVER) -> Response:
    if found.etag in _known(request):
        return _unchanged(found.etag, keep)
    headers = {"etag": found.etag, "cache-control": keep}
    return Response(found.data, media_type=found.media_type, headers=headers)


def _unchanged(etag: str, keep: str) -> Response:
    return Response(status_code=304, headers={"etag": etag, "cache-control": keep})


def _known(request: Request) -> list[str]:
    """Names of contents that the browser has."""
    return [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]


PLAIN = {
    "Not Found": "There is no such page.",
    "Method Not Allowed": "Nothing can be done that way at this address.",
    "There was an error parsing the body": "What was sent cannot be read: load the page again.",
}
"""What the libraries say, in words for people."""
STATUS: Mapping[type[CatalogsError], int] = {
    GoneError: 410, OtherNumberError: 409, QueryError: 400, ActError: 400, InvalidKeyError: 400,
    NotFoundError: 404, ImageError: 404,
}  # fmt: skip


def _explain_errors(app: FastAPI) -> None:
    """Errors as a page for people and as JSON for scripts, each with what to do."""

    def explain(request: Request, status: int, what: str) -> Response:
        # It may quote what was sent, which need not be text that can be sent back.
        what = what.encode("utf-8", "replace").decode()
        wants_page = "text/html" in request.headers.get("accept", "")
        if wants_page and not request.url.path.startswith("/api/"):
            place: Place = app.state.place
            session = getattr(request.state, "session", None)
            return _page("error", session, place, status, what=what)
        return JSONResponse({"error": what}, status)

    @app.exception_handler(CatalogsError)
    def ours(request: Request, error: CatalogsError) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 503)
        return explain(request, status, str(error))

    @app.exception_handler(StarletteHTTPException)
    def theirs(request: Request, error: StarletteHTTPException) -> Response:
        return explain(request, error.status_code, PLAIN.get(str(error.detail), str(error.detail)))

    @app.exception_handler(RequestValidationError)
    def misspelt(request: Request, error: RequestValidationError) -> Response:
        return explain(request, 422, f"What was sent cannot be understood: {_in_words(error)}.")

    @app.exception_handler(Exception)
    def unforeseen(request: Request, _error: Exception) -> Response:
        return explain(request, 500, "That is a fault of Stylemill: the server's log says more.")


def _in_words(error: RequestValidationError) -> str:
    """The first of what is wrong: the field and why, without what was sent, which may be anything."""
    first = error.errors()[0]
    field = ".".join(str(part)[:40] for part in first["loc"] if part not in ("body", "query", "path"))
    return f"{field}: {first['msg']}" if field else str(first["msg"])


def to_query(**values: str) -> str:
    """Part of an address, for templates."""
    return urlencode(values)


templates.filters["tojson_data"] = lambda value: json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
templates.filters["short_place"] = lambda uri: "/".join(uri.rstrip("/").split("/")[-2:])
templates.globals["to_query"] = to_query
