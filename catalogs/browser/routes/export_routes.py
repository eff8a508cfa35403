"""Routes of exports: whether one can be made, and the download itself."""

from collections.abc import Sequence

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from catalogs.browser.auth.requesters import Reader, Writer, require_ours
from catalogs.browser.auth.sessions import clean_name
from catalogs.browser.context import BrowserContext
from catalogs.browser.downloads import Export, download, require_exportable
from catalogs.browser.requests import ExportForm, Target, export_items, target_ids
from catalogs.browser.state.review_state import ReviewState
from catalogs.errors import QueryError
from catalogs.exports.shopify import Shop


def add_export_routes(app: FastAPI, context: BrowserContext) -> None:
    """Add the routes of exports to an application; they raise QueryError for a form that names no designs."""
    state = context.state

    @app.post("/export")
    def export(request: Request, session: Reader, form: ExportForm) -> Response:
        """Send an export as a download; QueryError where the form does not say which designs it is of."""
        require_ours(request, session, form.csrf)
        try:
            target = Target.model_validate_json(form.target)
        except ValidationError as error:
            raise QueryError("It does not say which designs are to be exported.") from error
        shop = Shop(form.pictures.strip(), clean_name(form.vendor), form.price.strip(), form.product)
        items = export_items(state, _exportable_ids(state, form.kind, target), target.notes_of)
        about = Export(clean_name(form.title) or context.name, session.who, shop)
        return download(form.kind, items, state.catalog.store, about)

    @app.post("/api/exportable")
    def exportable(
        target: Target,
        kind: str,
        _session: Writer,
        pictures: str = "",
        price: str = "",
        product: str = "design",
    ) -> Response:
        """Whether an export can be made, and of how many designs.

        A page asks before it starts a download, because a download that fails cannot tell the page why.
        """
        Shop(pictures.strip(), price=price.strip(), product=product)
        return JSONResponse({"count": len(_exportable_ids(state, kind, target))})


def _exportable_ids(state: ReviewState, kind: str, target: Target) -> Sequence[str]:
    ids = target_ids(state, target)
    require_exportable(kind, len(ids))
    return ids
