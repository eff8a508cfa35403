"""Routes of pictures: thumbnails, whole designs, and what they were made from."""

from collections.abc import Callable, Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response

from catalogs.browser.auth.requesters import Reader
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.thumbnails import SIDES, EncodedPicture, Pictures, SourcePicture, design_etag
from catalogs.designs import provenance
from catalogs.errors import NotFoundError

FOREVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
"""Templates and styles may be replaced, credits of designs corrected: a browser asks whether its copy still holds.

That is quickly answered.
"""


def picture_routes(app: FastAPI, board: ReviewState, pictures: Pictures) -> None:
    """Add the routes of pictures to an application."""
    # Pictures wait among themselves: acts and pages have threads of their own.
    reading, whole, making = (CapacityLimiter(threads) for threads in (24, 8, 4))

    @app.get("/thumbnails/{side}/{design_id}.webp")
    async def thumbnail(side: str, design_id: str, request: Request, _session: Reader) -> Response:
        if side not in map(str, SIDES):
            raise NotFoundError(f"There are no thumbnails of {side[:20]} px.")
        record = board.index.of_id(design_id)
        found = await to_thread.run_sync(pictures.thumbnail, record, int(side), limiter=reading)
        return _picture(found, request, _holds(record, request))

    @app.get("/pictures/{design_id}.png")
    async def design(design_id: str, request: Request, _session: Reader) -> Response:
        record = board.index.of_id(design_id)
        keep = _holds(record, request)
        if (etag := design_etag(record)) in _known(request):
            return _unchanged(etag, keep)
        return _picture(await to_thread.run_sync(pictures.design, record, limiter=whole), request, keep)

    @app.get("/templates/{garment_id}.webp")
    async def garment(garment_id: str, request: Request, _session: Reader) -> Response:
        return await shown(pictures.garment, garment_id, request)

    @app.get("/styles/{style_id}.webp")
    async def style(style_id: str, request: Request, _session: Reader) -> Response:
        return await shown(pictures.style, style_id, request)

    async def shown(find: Callable[[str], SourcePicture], record_id: str, request: Request) -> Response:
        source = await to_thread.run_sync(find, record_id, limiter=reading)
        if source.etag in _known(request):
            return _unchanged(source.etag, ASK_AGAIN)
        found = pictures.ready(source)
        if found is None:
            found = await to_thread.run_sync(pictures.shown, source, limiter=making)
        return _picture(found, request, ASK_AGAIN)


def _picture(found: EncodedPicture, request: Request, keep: str) -> Response:
    if found.etag in _known(request):
        return _unchanged(found.etag, keep)
    headers = {"etag": found.etag, "cache-control": keep}
    return Response(found.data, media_type=found.media_type, headers=headers)


def _holds(record: Mapping[str, Any], request: Request) -> str:
    """How long a browser may keep a design's picture: for ever where it asked for the version that it gets."""
    return FOREVER if request.query_params.get("v") == provenance.version(record) else ASK_AGAIN


def _unchanged(etag: str, keep: str) -> Response:
    return Response(status_code=304, headers={"etag": etag, "cache-control": keep})


def _known(request: Request) -> list[str]:
    """Names of contents that the browser has."""
    return [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
