"""Routes of the token's page: a person gives the token, and the server begins a session."""

from typing import Annotated

from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse

from catalogs.browser.auth import sessions
from catalogs.browser.context import BrowserContext
from catalogs.browser.rendering import page
from catalogs.browser.routes.local_paths import local_path


def add_token_routes(app: FastAPI, context: BrowserContext) -> None:
    """Add the routes of the token's page to an application."""

    @app.get("/token")
    def ask_for_token(request: Request) -> Response:
        """Show the form for the token; a browser with a session is sent to the start page."""
        if request.state.session is not None:
            return RedirectResponse("/", 303)
        return page("token", None, context.name, next=local_path(request.query_params.get("next", "/")))

    @app.post("/token")
    def begin_session(
        request: Request,
        token: Annotated[str, Form(max_length=500)],
        who: Annotated[str, Form(max_length=sessions.LONGEST_WHO)] = "",
        next: Annotated[str, Form(max_length=2000)] = "/",  # noqa: A002 - the field's name in the form
    ) -> Response:
        """Begin a session where the token is right; refuse a wrong token, and an address that tries too often."""
        address = request.client.host if request.client else "?"
        if wait := context.sessions.must_wait(address):
            wrong = f"Too many tries. Wait {wait:.0f} s."
            answer = page("token", None, context.name, 429, next=local_path(next), wrong=wrong)
            answer.headers["retry-after"] = str(int(wait) + 1)
            return answer
        if not context.sessions.opens(token.strip()):
            context.sessions.was_wrong(address)
            wrong = "That is not the token."
            return page("token", None, context.name, 403, next=local_path(next), wrong=wrong)
        return _with_session(request, context, sessions.clean_name(who), local_path(next))


def _with_session(request: Request, context: BrowserContext, name: str, path: str) -> Response:
    """The way to a page, with the cookies of a new session and of the person's name, where one was given."""
    secure = request.app.state.secure
    value = context.sessions.cookie_value(context.sessions.begin(request))
    answer = RedirectResponse(path, 303)
    answer.headers["set-cookie"] = sessions.cookie(request.scope, sessions.COOKIE, value, secure=secure)
    if name:
        answer.headers.append("set-cookie", sessions.who_cookie(request.scope, name, secure=secure))
    return answer
