"""Errors as a page for people and as JSON for scripts, each with what to do."""

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException

from catalogs.browser.auth.request_guard import HEADERS
from catalogs.browser.rendering import page
from catalogs.browser.requests import GoneError, OtherNumberError
from catalogs.errors import (
    ActError,
    CatalogsError,
    ImageError,
    InvalidKeyError,
    NotFoundError,
    QueryError,
)

PLAIN = {
    "Not Found": "There is no such page.",
    "Method Not Allowed": "Nothing can be done that way at this address.",
    "There was an error parsing the body": "What was sent cannot be read: load the page again.",
}
"""Messages of the libraries, in words for people."""
STATUS: Mapping[type[CatalogsError], int] = {
    GoneError: 410, OtherNumberError: 409, QueryError: 400, ActError: 400, InvalidKeyError: 400,
    NotFoundError: 404, ImageError: 404,
}  # fmt: skip


def explain_errors(app: FastAPI, catalog: str) -> None:
    """Have an application answer with its errors in words; `catalog` is the catalog's name for people."""

    def explain(request: Request, status: int, what: str) -> Response:
        # The message may quote a sent value that is no text which can be sent back.
        """An error as a page for people, or as JSON for scripts."""
        what = what.encode("utf-8", "replace").decode()
        wants_page = "text/html" in request.headers.get("accept", "")
        if wants_page and not request.url.path.startswith("/api/"):
            session = getattr(request.state, "session", None)
            return page("error", session, catalog, status, what=what)
        return JSONResponse({"error": what}, status)

    @app.exception_handler(CatalogsError)
    def ours(request: Request, error: CatalogsError) -> Response:
        """Answer with an error that catalogs raised on purpose; 503 where its kind has no status of its own."""
        status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), 503)
        return explain(request, status, str(error))

    @app.exception_handler(StarletteHTTPException)
    def theirs(request: Request, error: StarletteHTTPException) -> Response:
        """Answer with an error of FastAPI or Starlette, in words for people."""
        return explain(request, error.status_code, PLAIN.get(str(error.detail), str(error.detail)))

    @app.exception_handler(RequestValidationError)
    def misspelt(request: Request, error: RequestValidationError) -> Response:
        """Answer with a request that does not fit its model."""
        return explain(request, 422, f"What was sent cannot be understood: {_in_words(error)}.")

    @app.exception_handler(Exception)
    def unforeseen(request: Request, _error: Exception) -> Response:
        """Answer with an error that nobody foresaw; the log has its traceback."""
        answer = explain(request, 500, "That is a fault of Stylemill: the server's log says more.")
        # This answer does not pass the middleware that adds the headers to every other answer.
        answer.headers.update(HEADERS)
        return answer


def _in_words(error: RequestValidationError) -> str:
    """The first problem of a request: the field and the reason.

    The value that was sent is left out, because it may be anything.
    """
    first = error.errors()[0]
    field = ".".join(str(part)[:40] for part in first["loc"] if part not in ("body", "query", "path"))
    return f"{field}: {first['msg']}" if field else str(first["msg"])
