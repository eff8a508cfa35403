"""Routes of orders: more designs like some, planned first and then started by the mill."""

from dataclasses import asdict

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from catalogs.browser.auth.requesters import Writer
from catalogs.browser.context import BrowserContext
from catalogs.browser.orders import Mill
from catalogs.browser.requests import OrderRequest, build_order
from catalogs.errors import QueryError


def add_order_routes(app: FastAPI, context: BrowserContext) -> None:
    """Add the routes of orders to an application."""

    @app.post("/api/again")
    def plan_order(sent: OrderRequest, _session: Writer) -> Response:
        """What an order would come to, and the command that carries it out; nothing is started."""
        mill = _require_mill(context)
        order = build_order(context.state, sent)
        return JSONResponse({**asdict(mill.plan(order)), "command": mill.command(order)})

    @app.post("/api/again/start")
    def start_order(sent: OrderRequest, _session: Writer) -> Response:
        """Start a run for an order, and answer where to watch it."""
        return JSONResponse({"where": _require_mill(context).start(build_order(context.state, sent))})


def _require_mill(context: BrowserContext) -> Mill:
    if context.mill is None:
        raise QueryError("This browser was started without catalogs to make designs from.")
    return context.mill
