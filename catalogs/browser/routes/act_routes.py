"""Routes of acts: verdicts, stars, shortlists and undoing; and the name that a person acts under."""

import asyncio
import secrets
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import FastAPI, Form, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from catalogs.browser.auth import sessions
from catalogs.browser.auth.requesters import Writer
from catalogs.browser.context import BrowserContext
from catalogs.browser.requests import ActRequest, target_ids
from catalogs.browser.routes.result_routes import PAGE_ROWS
from catalogs.browser.state.review_state import ReviewState
from catalogs.designs.reviews.review_events import Act, What
from catalogs.errors import ActError, UnreachableError

PATIENCE = 120.0
"""Seconds after which a person hears that the log does not answer."""


def add_act_routes(app: FastAPI, context: BrowserContext) -> None:
    """Add the routes of acts to an application; they raise UnreachableError where the log does not answer."""
    state = context.state

    @app.post("/api/acts")
    async def file_act(sent: ActRequest, session: Writer) -> Response:
        """File an act and answer when it is in the log; UnreachableError where the log does not answer in time."""
        # This task only waits for the log: it holds no thread that others need.
        filing = await run_in_threadpool(_submit, state, sent, session.who)
        try:
            # Shielded: a waiter that gives up does not call the act off. It is filed when the log answers again.
            filed = await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(filing)), PATIENCE)
        except TimeoutError as error:
            raise UnreachableError(
                "The log does not answer: whether this was filed is not known. Look again."
            ) from error
        return JSONResponse({"act": filed.act_id, "seq": filed.seq, **_consequences(state, filed)})

    @app.post("/api/who")
    def set_name(
        request: Request, name: Annotated[str, Form(max_length=sessions.LONGEST_WHO)], session: Writer
    ) -> Response:
        """Remember the name that a person wants to act under, in a cookie."""
        who = sessions.clean_name(name) or session.who
        header = sessions.who_cookie(request.scope, who, secure=request.app.state.secure)
        return JSONResponse({"who": who}, headers={"set-cookie": header})


def _submit(state: ReviewState, sent: ActRequest, who: str) -> "Future[Act]":
    """Hand the act that a page sent to the log's writer."""
    designs = target_ids(state, sent.target) if sent.target else ()
    value = sent.value
    if sent.what is What.UNDO and not value:
        last = state.undoable(who)
        if last is None:
            raise ActError("There is nothing to undo.")
        value = last.act_id
    act_id = sent.act_id or secrets.token_hex(12)
    return state.submit(Act(act_id, who, datetime.now(UTC), sent.what, tuple(designs), value, sent.shortlist))


def _consequences(state: ReviewState, filed: Act) -> dict[str, Any]:
    """What now holds of the designs that an act was about: as many of them as a page can show."""
    about = state.undone_by(filed)
    designs = about.designs if about else ()
    first = designs[:PAGE_ROWS]
    ratings = {design_id: list(rating) for design_id, rating in zip(first, state.ratings(first), strict=True)}
    return {"count": len(designs), "about": str(about.what) if about else "", "ratings": ratings}
