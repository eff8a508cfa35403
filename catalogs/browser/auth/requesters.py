"""The sessions of requests: of one that reads, and of one that may write."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from catalogs.browser.auth.origins import own_origin, refuse_foreign_origin
from catalogs.browser.auth.request_guard import CSRF_HEADER
from catalogs.browser.auth.sessions import Session, has_token


def _session(request: Request) -> Session:
    session: Session | None = request.state.session
    if session is None:
        raise HTTPException(401, "A token is required.")
    return session


def _writing(request: Request) -> Session:
    """The session of a request that may write."""
    session = _session(request)
    require_ours(request, session, request.headers.get(CSRF_HEADER, ""))
    return session


def require_ours(request: Request, session: Session, sent: str) -> None:
    """Raise HTTPException where a write does not come from one of our pages, which have the session's token."""
    expected = own_origin(request, secure=request.app.state.secure)
    origin = request.headers.get("origin")
    if origin is not None and (refusal := refuse_foreign_origin(origin, expected)):
        raise HTTPException(403, refusal)
    if not has_token(session, sent):
        raise HTTPException(403, "This page is no longer valid: load it again.")


Reader = Annotated[Session, Depends(_session)]
Writer = Annotated[Session, Depends(_writing)]
