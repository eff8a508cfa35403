"""The browser's server: an application with its routes, its middleware and its error pages."""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from catalogs.browser.auth.request_guard import RequestGuard
from catalogs.browser.auth.session_middleware import SessionMiddleware
from catalogs.browser.context import BrowserContext
from catalogs.browser.refusals import explain_errors
from catalogs.browser.routes.act_routes import add_act_routes
from catalogs.browser.routes.export_routes import add_export_routes
from catalogs.browser.routes.order_routes import add_order_routes
from catalogs.browser.routes.page_routes import add_page_routes
from catalogs.browser.routes.picture_routes import add_picture_routes
from catalogs.browser.routes.result_routes import add_result_routes
from catalogs.browser.routes.token_routes import add_token_routes

ROUTES = (
    add_token_routes, add_page_routes, add_result_routes, add_act_routes, add_order_routes, add_export_routes,
    add_picture_routes,
)  # fmt: skip


def create_app(context: BrowserContext, *, names: Collection[str] = (), secure: bool = False) -> FastAPI:
    """The application. It answers to these host `names` only; to all names where none are given.

    `secure`: cookies go over TLS only, as behind a proxy that has it.
    """

    @asynccontextmanager
    async def closed_at_the_end(_app: FastAPI) -> AsyncIterator[None]:
        """Close the state when the server ends, so that every act is filed."""
        yield
        context.state.close()

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=closed_at_the_end)
    app.mount("/static", StaticFiles(directory=Path(__file__).parent / "static"), name="static")
    app.state.context, app.state.secure = context, secure
    for add_routes in ROUTES:
        add_routes(app, context)
    explain_errors(app, context.name)
    app.add_middleware(SessionMiddleware, sessions=context.sessions, secure=secure)
    app.add_middleware(RequestGuard, names=names)
    return app
