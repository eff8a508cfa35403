"""Middleware that gives every request its session, or sends people without one to the token's page."""

from urllib.parse import urlencode

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from catalogs.browser.auth.sessions import COOKIE, Sessions, cookie

OPEN = ("/token", "/static/")
"""Addresses that are answered without a session."""
NO_PAGES = ("/static/", "/api/", "/thumbnails/", "/pictures/", "/templates/", "/styles/")


class SessionMiddleware:
    """ASGI middleware: gives every request its session, or sends a browser without a session to the token's page."""

    def __init__(self, app: ASGIApp, sessions: Sessions, *, secure: bool = False) -> None:
        """`secure`: cookies only go over TLS, as behind a proxy that has it."""
        self._app, self._sessions, self._secure = app, sessions, secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request with a session through; send any other to the token's page."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        session = self._sessions.of(request)
        if session is None and self._sessions.token is None:
            session = self._sessions.begin(request)
            # Only pages get the cookie: a picture's answer could overwrite the cookie of a page under way.
            if _is_page(request):
                send = _with_cookie(
                    send, cookie(scope, COOKIE, self._sessions.cookie_value(session), secure=self._secure)
                )
        scope.setdefault("state", {})["session"] = session
        if session is None and not request.url.path.startswith(OPEN):
            await _to_token(request)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _to_token(request: Request) -> Response:
    if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse("/token?" + urlencode({"next": path}), 303)
    return PlainTextResponse("A token is required: open the start page.", 401)


def _is_page(request: Request) -> bool:
    """Whether a person goes to a page, rather than a page asks for its parts."""
    asked = "text/html" in request.headers.get("accept", "")
    return request.method == "GET" and asked and not request.url.path.startswith(NO_PAGES)


def _with_cookie(send: Send, header: str) -> Send:
    async def answer(message: Message) -> None:
        """Add the cookie to the head of the answer."""
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).append("set-cookie", header)
        await send(message)

    return answer
