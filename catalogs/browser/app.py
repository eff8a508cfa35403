"""The browser's server: pages, and the answers that their scripts ask for."""

import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

import numpy as np
from fastapi import Depends, FastAPI, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException as StarletteHTTPException

from catalogs.acts import Act, What
from catalogs.browser import access, describing
from catalogs.browser.again import Mill, Order
from catalogs.browser.board import Board, Kept
from catalogs.browser.downloads import FORMATS, download
from catalogs.browser.index import Count, Rows, matrix
from catalogs.browser.pictures import SIDES, Found, Pictures
from catalogs.browser.query import FACETS, GROUPS, SORTS, Query, parse
from catalogs.errors import (
    ActError,
    CatalogsError,
    ImageError,
    InvalidKeyError,
    NotFoundError,
    QueryError,
)
from catalogs.exports.items import Item

PAGE_ROWS = 200
"""Designs that one turn of a result's pages holds, at most."""
FIRST_ROWS = 60
"""Designs that the first answer brings along."""
MOST_COMPARED = 4
FOREVER = "private, max-age=31536000, immutable"

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


class Target(BaseModel):
    """Which designs an act or an export is about: some, or all that a query finds.

    `count` is how many the person was told; where the query finds another number, nothing is done.
    """

    model_config = ConfigDict(extra="forbid")
    ids: list[str] = Field(default=[], max_length=100_000)
    query: str | None = Field(None, max_length=access.LONGEST_ADDRESS)
    result: str = Field("", max_length=64)
    count: int | None = None


class Saying(BaseModel):
    """An act, as a page sends it. `act_id` is the page's own: sent twice, it is done once."""

    model_config = ConfigDict(extra="forbid")
    what: What
    value: str = ""
    shortlist: str = ""
    act_id: str = ""
    target: Target = Target()


class Ordering(BaseModel):
    """More designs like these."""

    model_config = ConfigDict(extra="forbid")
    recipe: str
    garments: list[str] = Field(default=[], max_length=10_000)
    styles: list[str] = Field(default=[], max_length=10_000)
    style_sets: list[str] = Field(default=[], max_length=1_000)

    def order(self) -> Order:
        """As the mill takes it."""
        return Order(self.recipe, tuple(self.garments), tuple(self.styles), tuple(self.style_sets))


def create_app(place: Place, *, loopback: bool, secure: bool = False) -> FastAPI:
    """The application. `loopback`: it answers to its own machine's names only."""

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
    app.add_middleware(access.Guard, loopback=loopback)
    return app


def _session(request: Request) -> access.Session:
    session: access.Session | None = request.state.session
    if session is None:
        raise HTTPException(401, "A token is required.")
    return session


def _writing(request: Request) -> access.Session:
    """The session of a request that may write."""
    session = _session(request)
    if not access.writes_allowed(request, session, request.headers.get(access.CSRF_HEADER, "")):
        raise HTTPException(403, "This page is no longer valid: load it again.")
    return session


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
        who: Annotated[str, Form(max_length=60)] = "",
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
        session = sessions.begin()
        session.who = _name(who) or session.who
        inside = RedirectResponse(_inside(next), 303)
        inside.headers["set-cookie"] = access.cookie(request.scope, session, secure=app.state.secure)
        return inside


def _inside(path: str) -> str:
    """A path of this server, whatever was asked for."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if inside else "/"


def _name(who: str) -> str:
    return "".join(letter for letter in who if letter.isprintable()).strip()[:60]


def _page_routes(app: FastAPI, place: Place) -> None:
    board = place.board

    @app.get("/")
    def grid(request: Request, session: Reader) -> Response:
        if not request.query_params:
            return RedirectResponse("/?verdict=unreviewed", 303)
        query = parse(request.query_params.multi_items())
        data = {**_answer(board, query), **_choices(place)}
        return _page("grid", session, place, data=data, query=query, sorts=SORTS, groups=GROUPS)

    @app.get("/designs/{design_id}")
    def design(design_id: str, request: Request, session: Reader) -> Response:
        row = _row_of(board, design_id)
        record = board.index.record(row)
        whole = describing.whole_record(board.catalog, design_id)
        ((verdict, stars),) = board.ratings([design_id])
        return _page(
            "design", session, place, record=record, whole=whole,
            measures=describing.measures(record), lineage=describing.lineage(whole),
            recipe=describing.recipe(whole), credit=describing.credit(record),
            again=place.mill.command(describing.order_of(record)) if place.mill else "",
            history=board.history(design_id), verdict=verdict, stars=stars,
            near=int(board.index.stacks(_rows([row]))[0]), back=_inside(request.query_params.get("back", "/")),
            data={"design": _cell(board, [row])[0], **_choices(place)},
        )  # fmt: skip

    @app.get("/compare")
    def compare(request: Request, session: Reader) -> Response:
        ids = list(dict.fromkeys(request.query_params.getlist("id")))[:MOST_COMPARED]
        if len(ids) < 2:
            raise QueryError("Choose two to four designs to compare.")
        rows = [_row_of(board, one) for one in ids]
        records = board.index.records(rows)
        wholes = [describing.whole_record(board.catalog, one) for one in ids]
        return _page(
            "compare", session, place, records=records, measures=[describing.measures(r) for r in records],
            differences=describing.differences(wholes), back=_inside(request.query_params.get("back", "/")),
            data={"designs": _cell(board, rows), **_choices(place)},
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
        there = [entry for entry in found.entries if entry.design_id in board.index.row]
        rows = [board.index.row[entry.design_id] for entry in there]
        cells = _cell(board, rows)
        entries = [
            {**cell, "note": e.note, "added_by": e.added_by} for cell, e in zip(cells, there, strict=True)
        ]
        return _page(
            "shortlist", session, place, shortlist=found, gone=len(found.entries) - len(there),
            data={"name": found.name, "entries": entries, **_choices(place)},
        )  # fmt: skip


def _covers(board: Board, ids: Sequence[str]) -> list[dict[str, Any]]:
    return _cell(board, [board.index.row[one] for one in ids if one in board.index.row][:4])


def _choices(place: Place) -> dict[str, Any]:
    """What every page can offer: shortlists to put designs on, recipes to make more by, formats to export."""
    return {
        "shortlists": [one.name for one in place.board.shortlists()],
        "recipes": list(place.mill.recipes()) if place.mill else [],
        "canStart": bool(place.mill and place.mill.can_start),
        "formats": [{"name": name, "title": one.title} for name, one in FORMATS.items()],
    }


def _answer_routes(app: FastAPI, place: Place) -> None:
    board = place.board

    @app.get("/api/result")
    def result(request: Request, _session: Reader) -> Response:
        return JSONResponse(_answer(board, parse(request.query_params.multi_items())))

    @app.get("/api/counts")
    def counts(request: Request, _session: Reader) -> Response:
        return JSONResponse({"facets": _counted(board, parse(request.query_params.multi_items()))})

    @app.get("/api/result/{token}")
    def turn(token: str, start: int, count: int, _session: Reader) -> Response:
        kept = _kept(board, token)
        rows = kept.result.rows[max(start, 0) : max(start, 0) + min(max(count, 0), PAGE_ROWS)]
        return JSONResponse({"designs": _cell(board, rows.tolist(), kept)})

    @app.get("/api/matrix/{token}")
    def laid_out(token: str, _session: Reader) -> Response:
        kept = _kept(board, token)
        found = matrix(kept.index, kept.result.rows)
        rows = [row for row, _ in found.cells.values()]
        cells = _cell(board, rows, kept)
        return JSONResponse(
            {
                "garments": [asdict(one) for one in found.garments],
                "styles": [asdict(one) for one in found.styles],
                "cells": [
                    {"at": list(at), "count": count, "design": cell}
                    for (at, (_, count)), cell in zip(found.cells.items(), cells, strict=True)
                ],
            }
        )

    @app.get("/api/design/{design_id}")
    def one(design_id: str, _session: Reader) -> Response:
        return JSONResponse(_cell(board, [_row_of(board, design_id)])[0])


def _kept(board: Board, token: str) -> Kept:
    kept = board.kept(token)
    if kept is None:
        raise HTTPException(410, "This result was found too long ago: it is looked for again.")
    return kept


def _answer(board: Board, query: Query) -> dict[str, Any]:
    kept = board.find(query)
    rows = kept.result.rows
    return {
        "result": kept.token,
        "total": len(rows),
        "all": len(kept.index),
        "address": query.address(),
        "facets": _counted(board, query),
        "chosen": {name: list(query.facets.get(name, ())) for name in FACETS},
        "groups": [_value(one) for one in kept.result.groups],
        "designs": _cell(board, rows[:FIRST_ROWS].tolist(), kept),
    }


def _counted(board: Board, query: Query) -> dict[str, list[list[Any]]]:
    return {name: [_value(one) for one in counts] for name, counts in board.counts(query).items()}


def _value(one: Count) -> list[Any]:
    return [one.value, one.title, one.count]


def _rows(rows: Sequence[int]) -> Rows:
    return np.asarray(rows, np.int64)


def _cell(board: Board, rows: Sequence[int], kept: Kept | None = None) -> list[dict[str, Any]]:
    """What a grid shows of designs."""
    index = kept.index if kept else board.index
    records = index.records(rows)
    ratings = board.ratings(record["design_id"] for record in records)
    stacks = index.stacks(_rows(rows)) if kept and kept.query.stacked and len(rows) else [1] * len(rows)
    return [
        {
            "id": record["design_id"],
            "garment": record["garment_title"] or record["garment_id"],
            "style": record["style_title"] or record["style_id"],
            "garmentId": record["garment_id"],
            "styleId": record["style_id"],
            "set": record["style_set"],
            "recipe": record["recipe"],
            "sha": record["image_sha256"][:12],
            "width": record["width"],
            "height": record["height"],
            "colors": record["colors"] or [],
            "flags": [name for name, mask in index.flags.items() if mask[row]],
            "verdict": verdict,
            "stars": stars,
            "stack": stack,
        }
        for record, row, (verdict, stars), stack in zip(records, rows, ratings, stacks, strict=True)
    ]


def _row_of(board: Board, design_id: str) -> int:
    row = board.index.row.get(design_id)
    if row is None:
        raise NotFoundError(f"There is no design '{design_id[:80]}' in this catalog.")
    return row


def _writing_routes(app: FastAPI, place: Place) -> None:
    board = place.board

    @app.post("/api/acts")
    def act(saying: Saying, session: Writer) -> Response:
        designs = _targeted(board, saying.target) if saying.what is not What.UNDO else ()
        value = saying.value
        if saying.what is What.UNDO and not value:
            last = board.undoable(session.who)
            if last is None:
                raise ActError("There is nothing to undo.")
            value = last.act_id
        filed = board.say(
            Act(
                saying.act_id or secrets.token_hex(12), session.who, datetime.now(UTC), saying.what,
                tuple(designs), value, saying.shortlist,
            )
        )  # fmt: skip
        return JSONResponse({"act": filed.act_id, "seq": filed.seq, **_said(board, filed)})

    @app.post("/api/who")
    def call_me(name: Annotated[str, Form(max_length=60)], session: Writer) -> Response:
        session.who = _name(name) or session.who
        return JSONResponse({"who": session.who})

    @app.post("/api/again")
    def plan(ordering: Ordering, _session: Writer) -> Response:
        mill = _mill(place)
        order = ordering.order()
        return JSONResponse({**asdict(mill.plan(order)), "command": mill.command(order)})

    @app.post("/api/again/start")
    def start(ordering: Ordering, _session: Writer) -> Response:
        return JSONResponse({"where": _mill(place).start(ordering.order())})

    @app.post("/export")
    def export(
        request: Request,
        session: Reader,
        csrf: Annotated[str, Form()],
        kind: Annotated[str, Form(max_length=40)],
        target: Annotated[str, Form()],
        title: Annotated[str, Form(max_length=200)] = "",
    ) -> Response:
        if not access.writes_allowed(request, session, csrf):
            raise HTTPException(403, "This page is no longer valid: load it again.")
        if kind not in FORMATS:
            raise QueryError(f"'{kind[:40]}' is no format: give one of {', '.join(FORMATS)}.")
        asked = Target.model_validate_json(target)
        items = _items(board, _targeted(board, asked), _shortlist_of(asked))
        return download(kind, items, board.catalog.store, _name(title) or place.name, session.who)


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


def _targeted(board: Board, target: Target) -> Sequence[str]:
    """Designs of a target. A whole result is derived here, never from what a page has scrolled past."""
    if target.result:
        kept = _kept(board, target.result)
        ids = [kept.index.ids[row] for row in kept.result.rows]
    elif target.query is not None:
        kept = board.find(parse(parse_qsl(target.query, keep_blank_values=True)))
        ids = [kept.index.ids[row] for row in kept.result.rows]
    else:
        return target.ids
    if target.ids:
        left_out = set(target.ids)
        ids = [one for one in ids if one not in left_out]
    if target.count is not None and target.count != len(ids):
        raise HTTPException(
            409,
            f"There are {len(ids)} designs now, not {target.count}: nothing was done. Look again, then repeat.",
        )
    return ids


def _shortlist_of(target: Target) -> str:
    return dict(parse_qsl(target.query or "")).get("shortlist", "")


def _items(board: Board, ids: Sequence[str], shortlist: str) -> list[Item]:
    """Designs as they leave the catalog: whole records, with what was said of them."""
    there = [one for one in ids if one in board.index.row]
    records = describing.whole_records(board.catalog, there)
    found = board.shortlist(shortlist) if shortlist else None
    notes: Mapping[str, str] = {e.design_id: e.note for e in found.entries} if found else {}
    return [
        Item(records[one], verdict, stars, notes.get(one, ""))
        for one, (verdict, stars) in zip(there, board.ratings(there), strict=True)
        if one in records
    ]


def _picture_routes(app: FastAPI, place: Place) -> None:
    board, pictures = place.board, place.pictures

    @app.get("/thumbnails/{side}/{design_id}.webp")
    def thumbnail(side: int, design_id: str, request: Request, _session: Reader) -> Response:
        if side not in SIDES:
            raise NotFoundError(f"There are no thumbnails of {side} px.")
        record = board.index.record(_row_of(board, design_id))
        return _picture(pictures.thumbnail(record, side), request)

    @app.get("/pictures/{design_id}.png")
    def design(design_id: str, request: Request, _session: Reader) -> Response:
        return _picture(pictures.design(board.index.record(_row_of(board, design_id))), request)

    @app.get("/templates/{garment_id}.webp")
    def garment(garment_id: str, request: Request, _session: Reader) -> Response:
        return _picture(pictures.garment(garment_id), request, "private, max-age=300")

    @app.get("/styles/{style_id}.webp")
    def style(style_id: str, request: Request, _session: Reader) -> Response:
        return _picture(pictures.style(style_id), request, "private, max-age=300")


def _picture(found: Found, request: Request, keep: str = FOREVER) -> Response:
    headers = {"etag": found.etag, "cache-control": keep}
    if found.etag in [one.strip() for one in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(found.data, media_type=found.media_type, headers=headers)


STATUS: Mapping[type[CatalogsError], int] = {
    QueryError: 400, ActError: 400, InvalidKeyError: 400, NotFoundError: 404, ImageError: 404,
}  # fmt: skip


def _explain_errors(app: FastAPI) -> None:
    """Errors as a page for people and as JSON for scripts, each with what to do."""

    def answer(request: Request, status: int, what: str) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "")
        if wants_page and not request.url.path.startswith("/api/"):
            place: Place = app.state.place
            session = getattr(request.state, "session", None)
            return _page("error", session, place, status, what=what)
        return JSONResponse({"error": what}, status)

    @app.exception_handler(CatalogsError)
    def ours(request: Request, error: CatalogsError) -> Response:
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 503)
        return answer(request, status, str(error))

    @app.exception_handler(StarletteHTTPException)
    def theirs(request: Request, error: StarletteHTTPException) -> Response:
        what = (
            error.detail
            if error.status_code != 404 or error.detail != "Not Found"
            else "There is no such page."
        )
        return answer(request, error.status_code, what)


def to_query(**values: str) -> str:
    """Part of an address, for templates."""
    return urlencode(values)


templates.filters["tojson_data"] = lambda value: json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")
templates.filters["short_place"] = lambda uri: "/".join(uri.rstrip("/").split("/")[-2:])
templates.globals["to_query"] = to_query
