"""Who asks: the session of a request that reads, and of one that may write."""

from typing import Annotated

from fastapi import Depends, HTTPException, Request

from catalogs.browser.access import CSRF_HEADER, Session, has_token, own_origin


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
    """HTTPException where a write does not come from a page of ours, which was given the session's token."""
    own = own_origin(request, secure=request.app.state.secure)
    origin = request.headers.get("origin", own)
    if origin != own:
        raise HTTPException(
            403,
            f"This was sent by a page of {origin[:80]}, not of {own[:80]}: nothing was done. Where a proxy with TLS"
            " is before this server, start it with --secure.",
        )
    if not has_token(session, sent):
        raise HTTPException(403, "This page is no longer valid: load it again.")


Reader = Annotated[Session, Depends(_session)]
Writer = Annotated[Session, Depends(_writing)]
