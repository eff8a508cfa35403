"""Routes of pictures: thumbnails, whole designs, and what they were made from."""

from collections.abc import Callable, Mapping
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI, Request, Response

from catalogs.browser.auth.requesters import Reader
from catalogs.browser.context import BrowserContext
from catalogs.browser.thumbnails import SIDES, EncodedPicture, SourcePicture, design_etag
from catalogs.designs import provenance
from catalogs.errors import NotFoundError

FOREVER = "private, max-age=31536000, immutable"
ASK_AGAIN = "private, no-cache"
"""Templates and styles may be replaced, credits of designs corrected: a browser asks whether its copy still holds.

The server answers that quickly.
"""


def add_picture_routes(app: FastAPI, context: BrowserContext) -> None:
    """Add the routes of pictures to an application; they raise NotFoundError for pictures that are not there."""
    # Pictures wait among themselves: acts and pages have threads of their own.
    reading, whole, making = (CapacityLimiter(threads) for threads in (24, 8, 4))
    state, pictures = context.state, context.pictures

    @app.get("/thumbnails/{side}/{design_id}.webp")
    async def thumbnail(side: str, design_id: str, request: Request, _session: Reader) -> Response:
        """Send a small picture of a design; NotFoundError for a side that is not one of SIDES."""
        if side not in map(str, SIDES):
            raise NotFoundError(f"There are no thumbnails of {side[:20]} px.")
        record = state.index.of_id(design_id)
        picture = await to_thread.run_sync(pictures.thumbnail, record, int(side), limiter=reading)
        return _picture(picture, request, _cache_control(record, request))

    @app.get("/pictures/{design_id}.png")
    async def design_picture(design_id: str, request: Request, _session: Reader) -> Response:
        """Send the whole picture of a design."""
        record = state.index.of_id(design_id)
        cache_control = _cache_control(record, request)
        if (etag := design_etag(record)) in _known_etags(request):
            return _unchanged(etag, cache_control)
        picture = await to_thread.run_sync(pictures.design, record, limiter=whole)
        return _picture(picture, request, cache_control)

    @app.get("/templates/{garment_id}.webp")
    async def garment_picture(garment_id: str, request: Request, _session: Reader) -> Response:
        """Send the template of a garment."""
        return await source_picture(pictures.garment, garment_id, request)

    @app.get("/styles/{style_id}.webp")
    async def style_picture(style_id: str, request: Request, _session: Reader) -> Response:
        """Send the picture of a style."""
        return await source_picture(pictures.style, style_id, request)

    async def source_picture(
        find: Callable[[str], SourcePicture], record_id: str, request: Request
    ) -> Response:
        """A template or style as browsers show it, made where it is not kept."""
        source = await to_thread.run_sync(find, record_id, limiter=reading)
        if source.etag in _known_etags(request):
            return _unchanged(source.etag, ASK_AGAIN)
        picture = pictures.ready(source)
        if picture is None:
            picture = await to_thread.run_sync(pictures.source_picture, source, limiter=making)
        return _picture(picture, request, ASK_AGAIN)


def _picture(picture: EncodedPicture, request: Request, cache_control: str) -> Response:
    if picture.etag in _known_etags(request):
        return _unchanged(picture.etag, cache_control)
    headers = {"etag": picture.etag, "cache-control": cache_control}
    return Response(picture.data, media_type=picture.media_type, headers=headers)


def _cache_control(record: Mapping[str, Any], request: Request) -> str:
    """How long a browser may keep a design's picture: for ever where it asked for the version that it gets."""
    return FOREVER if request.query_params.get("v") == provenance.version(record) else ASK_AGAIN


def _unchanged(etag: str, cache_control: str) -> Response:
    return Response(status_code=304, headers={"etag": etag, "cache-control": cache_control})


def _known_etags(request: Request) -> list[str]:
    """Names of contents that the browser has."""
    header = request.headers.get("if-none-match", "")
    return [etag.strip().removeprefix("W/") for etag in header.split(",")]
