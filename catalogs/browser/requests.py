"""What pages send: acts, targets and orders; and which designs they mean."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from catalogs.browser import design_details
from catalogs.browser.auth.request_guard import LARGEST_BODY, LONGEST_ADDRESS
from catalogs.browser.orders import Order
from catalogs.browser.search.query import parse
from catalogs.browser.state.result_cache import ResultSnapshot
from catalogs.browser.state.review_state import ReviewState
from catalogs.designs.reviews.review_events import LONGEST_NAME, What
from catalogs.errors import ActError, QueryError
from catalogs.exports.items import Item

BATCH = 2000
"""Whole records that an export holds at once."""


def _whole(text: str) -> str:
    """A text without halves of surrogate pairs: JSON can carry them, and no table can store them."""
    return text.encode("utf-8", "ignore").decode()


Text = Annotated[str, AfterValidator(_whole)]


class GoneError(QueryError):
    """A result is no longer kept."""


class OtherNumberError(QueryError):
    """The number of designs is not the one that the person saw."""


class Target(BaseModel):
    """Which designs an act or an export is about: those of `ids`, or all of a kept `result`, or all of a `query`.

    Designs in `without` are left out of a result or a query. `count` is the number that the person saw: where there is
    another number, nothing is done. `notes_of` is a shortlist whose notes go along.
    """

    model_config = ConfigDict(extra="forbid")
    ids: list[Text] | None = Field(None, max_length=100_000)
    result: Text = Field("", max_length=64)
    query: Text | None = Field(None, max_length=LONGEST_ADDRESS)
    without: list[Text] = Field(default=[], max_length=100_000)
    count: int | None = None
    notes_of: Text = Field("", max_length=LONGEST_NAME)


class ActRequest(BaseModel):
    """An act, as a page sends it. The page chooses `act_id`: an act that is sent twice is filed once."""

    model_config = ConfigDict(extra="forbid")
    what: What
    value: Text = ""
    shortlist: Text = ""
    act_id: Text = ""
    target: Target | None = None


Way = Literal["recipe", "styles", "garments"]


class OrderRequest(BaseModel):
    """More designs like some: by another recipe, in the other styles of their sets, or on the other garments."""

    model_config = ConfigDict(extra="forbid")
    recipe: Text = Field(max_length=200)
    way: Way
    target: Target


class ExportRequest(BaseModel):
    """The form of an export; `target` is a Target as JSON."""

    csrf: str
    kind: str = Field(max_length=40)
    target: str
    title: str = Field("", max_length=200)
    pictures: str = Field("", max_length=1000)
    vendor: str = Field("", max_length=255)
    price: str = Field("", max_length=20)
    product: str = Field("design", max_length=20)


async def _export_form(request: Request) -> ExportRequest:
    """The form of an export. FastAPI's own form fields end at 1 MB, and a target may name 100,000 designs."""
    form = await request.form(max_part_size=LARGEST_BODY)
    try:
        return ExportRequest.model_validate(dict(form))
    except ValidationError as error:
        raise RequestValidationError(error.errors()) from error


ExportForm = Annotated[ExportRequest, Depends(_export_form)]


def target_ids(state: ReviewState, target: Target) -> Sequence[str]:
    """Designs of a target. A whole result is found here, and not by what a page has scrolled past.

    Raises:
        QueryError: the target names designs in no way, or in two ways.
        GoneError: the target's result is no longer kept.
        OtherNumberError: the number of designs is not the one that the person saw.
    """
    if sum((target.ids is not None, bool(target.result), target.query is not None)) != 1:
        raise QueryError("Say which designs are meant: ids, or a result, or a query.")
    if target.ids is not None:
        ids: Sequence[str] = target.ids
    elif target.result:
        ids = find_result(state, target.result).ids
    else:
        ids = state.find(parse(parse_qsl(target.query or "", keep_blank_values=True))).ids
    left_out = set(target.without)
    ids = [design_id for design_id in ids if design_id not in left_out] if left_out else ids
    if target.count is not None and target.count != len(ids):
        raise OtherNumberError(
            f"There are {len(ids)} designs now, not {target.count}: nothing was done. Look again, then repeat."
        )
    return ids


def find_result(state: ReviewState, token: str) -> ResultSnapshot:
    """A result that was found before; GoneError where it is no longer kept."""
    snapshot = state.result(token)
    if snapshot is None:
        raise GoneError("This result was found too long ago: look again, then repeat.")
    return snapshot


def build_order(state: ReviewState, ordering: OrderRequest) -> Order:
    """The order to a mill for more designs like those of a target; ActError where the target has no designs."""
    index = state.index
    records = index.records(
        [index.row[design_id] for design_id in target_ids(state, ordering.target) if design_id in index.row]
    )
    if not records:
        raise ActError("There is nothing to make more of: choose designs first.")
    unique = {
        name: tuple(dict.fromkeys(record[name] for record in records))
        for name in ("garment_id", "style_id", "style_set")
    }
    return Order(
        ordering.recipe,
        garments=() if ordering.way == "garments" else unique["garment_id"],
        styles=() if ordering.way == "styles" else unique["style_id"],
        style_sets=unique["style_set"] if ordering.way == "styles" else (),
    )


def export_items(state: ReviewState, ids: Sequence[str], notes_of: str) -> Iterator[Item]:
    """Designs as they leave the catalog: whole records with verdict, stars and note, read BATCH at a time."""
    shortlist = state.shortlist(notes_of) if notes_of else None
    notes: Mapping[str, str] = {e.design_id: e.note for e in shortlist.entries} if shortlist else {}
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        records = design_details.whole_records(state.catalog, batch)
        for design_id, (verdict, stars) in zip(batch, state.ratings(batch), strict=True):
            if design_id in records:
                yield Item(records[design_id], verdict, stars, notes.get(design_id, ""))
