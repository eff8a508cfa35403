"""What must be known before work starts: where, with what, and the plan. No Prefect here.

Torch is loaded by the functions that need a device or weights, so that a misspelt place is told at once.
"""

import json
import logging
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from catalogs import keys
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.facts import Corrections, correct, find_corrections, lost_rights
from catalogs.errors import CatalogsError, InvalidKeyError, NotFoundError
from catalogs.inputs.content_digests import usable_records, with_digests
from catalogs.inputs.digest_cache import DigestCache
from catalogs.inputs.garments import read_garments
from catalogs.inputs.repeats import Cloth
from catalogs.inputs.styles import read_styles
from catalogs.records import Garment, Problem, Style
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import locate, open_store
from flows.errors import NothingRejectedError, SettingsError
from flows.recipes.kept import find_known, kept_names
from flows.recipes.named import NAMED, find_recipe
from flows.recipes.remarks import recipe_remarks
from flows.run.planning import Chosen, Plan, of_ids, of_style_sets, plan_designs, seconds_a_design
from flows.run.report_files import read_report
from flows.run.run_command import Asked
from flows.settings import Settings, require_catalog
from flows.wording import counted
from stylecore.errors import RecipeError, nearest
from stylecore.recipe import Recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Which catalogs a run works on, and with which recipe (its weights known) on which device."""

    garments: str
    styles: str
    designs: str
    recipe: Recipe
    device: str
    run_id: str


def resolve_place(
    settings: Settings,
    garments: str | None = None,
    styles: str | None = None,
    designs: str | None = None,
    recipe: str | None = None,
    device: str | None = None,
) -> Place:
    """Arguments over settings.

    SettingsError names a catalog that neither gives, and a design catalog that is a file or an input.
    """
    given = {"garment": garments, "style": styles, "design": designs}
    found = {f"{noun}s": require_catalog(noun, uri, settings) for noun, uri in given.items()}
    # Whole, as reports keep them: a command that goes on is given from any folder.
    found = {name: open_store(uri, settings.s3).uri for name, uri in found.items()}
    _require_own_place(found)
    run_id = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    from flows.run.devices import require_device
    from flows.run.weights import resolve_recipe

    wanted = device or settings.device
    # A cluster's devices are not this machine's.
    chosen = wanted if settings.ray else str(require_device(wanted))
    store = open_store(found["designs"], settings.s3)
    resolved = resolve_recipe(choose_recipe(recipe or settings.recipe, store), settings)
    return Place(**found, recipe=resolved, device=chosen, run_id=run_id)


def place_to_plan(settings: Settings, garments: str, styles: str, designs: str, recipe: str) -> Place:
    """A place to make plans for, not designs: no device is asked for, and no weights are read.

    Which weights the recipe means, the newest design by it says; where there is none, nothing of it is made yet.
    """
    chosen = choose_recipe(recipe, open_store(designs, settings.s3))
    if not chosen.encoder_sha256:
        table = DesignCatalog(open_store(designs, settings.s3)).read(["recipe_json", "created_at"])
        newest = table.sort_by([("created_at", "descending")])["recipe_json"].unique().drop_null()
        chosen = next(_made_by(chosen, newest.to_pylist()), chosen)
    return Place(garments, styles, designs, chosen, settings.device, run_id="")


def _made_by(recipe: Recipe, filed: Iterable[str]) -> Iterator[Recipe]:
    """The recipe with the weights of those filed recipes that are the same but for that."""
    for one in filed:
        resolved = replace(recipe, encoder_sha256=json.loads(one).get("encoder_sha256", ""))
        if resolved.canonical_json() == one:
            yield resolved


def _require_own_place(place: dict[str, str]) -> None:
    """Designs lie in a folder or prefix of their own."""
    designs = place["designs"]
    if Path(designs).exists() and not Path(designs).is_dir():
        raise SettingsError(
            f"The design catalog {designs} is a file: give --designs a folder or s3://bucket/prefix."
        )
    for name in ("garments", "styles"):
        if place[name] == designs:
            raise SettingsError(
                f"The design catalog and the {name} catalog are one place ({designs}): give --designs a folder"
                " or prefix of its own."
            )


def choose_recipe(name: str, designs: Store | None = None) -> Recipe:
    """The recipe called so, of those that a design catalog keeps too, where one is given.

    Where there is none, but a file NAME.toml, the error asks whether that is meant.
    """
    try:
        return find_known(name, designs) if designs else find_recipe(name)
    except RecipeError as error:
        if not name.endswith(".toml") and Path(f"{name}.toml").is_file():
            raise RecipeError(f"There is no recipe '{name}': did you mean {name}.toml?") from error
        raise


def check_pictures(
    settings: Settings, content: str, style: str, out: str, mask: str | None = None
) -> tuple[Store, str]:
    """Store and key of the PNG to write, after a look at all that it is made from.

    SettingsError where `out` is no PNG's name or is one of the pictures; NotFoundError where a picture is
    not there.
    """
    target = _png_to_write(out, settings)
    for name, uri in {"CONTENT": content, "STYLE": style, **({"--mask": mask} if mask else {})}.items():
        _require_picture(name, uri, settings)
        if open_store(uri, settings.s3).uri == open_store(out, settings.s3).uri:
            raise SettingsError(f"OUT '{out}' would write over {name} '{uri}': give OUT another name.")
    return target


def _png_to_write(out: str, settings: Settings) -> tuple[Store, str]:
    if not out or _names_folder(out, settings):
        example = f"{out.rstrip('/')}/design.png" if out else "design.png"
        raise SettingsError(f"OUT '{out}' names no file: give a file name, as {example}.")
    try:
        store, key = locate(out, settings.s3)
    except InvalidKeyError as error:
        raise SettingsError(f"OUT '{out}' cannot be written: {error}.") from error
    if not key.lower().endswith(".png"):
        raise SettingsError(f"'{out}' cannot be written: designs are PNG, so give a name that ends in .png.")
    if Path(store.uri).is_file():
        raise SettingsError(f"OUT '{out}' cannot be written: {store.uri} is a file, not a folder.")
    return store, key


def _require_picture(name: str, uri: str, settings: Settings) -> None:
    if not uri:
        raise SettingsError(f"{name} is empty: give a picture.")
    if _names_folder(uri, settings):
        raise SettingsError(f"{name} '{uri}' is a folder: give a picture in it.")
    store, key = locate(uri, settings.s3)
    if not store.exists(key):
        # Reading it says why.
        store.read(key)


def _names_folder(uri: str, settings: Settings) -> bool:
    return uri.endswith("/") or Path(open_store(uri, settings.s3).uri).is_dir()


@dataclass(frozen=True)
class Rejected:
    """What a run turned away: where it worked, by which recipe, and the pairs and records."""

    run_id: str
    garments: str
    styles: str
    designs: str
    recipe: str
    recipe_digest: str
    pairs: frozenset[tuple[str, str]]
    records: frozenset[str]

    def names(self, garment: Garment, style: Style) -> bool:
        """Whether a design is of a rejected pair, or of a rejected garment, style or style set."""
        return (garment.garment_id, style.style_id) in self.pairs or not self.records.isdisjoint(
            (garment.garment_id, style.style_id, style.style_set)
        )

    def gone(
        self, garments: Sequence[Garment], styles: Sequence[Style], problems: Sequence[Problem]
    ) -> tuple[str, ...]:
        """A remark for each rejected name that the catalogs do not have any more: it cannot be tried again."""
        there = {garment.garment_id for garment in garments} | {problem.record for problem in problems}
        for style in styles:
            there |= {style.style_id, style.style_set}
        named = self.records.union(*self.pairs)
        remarks = [
            f"'{name}' is not in the catalog any more; run the whole command to make what replaced it"
            for name in sorted(named - there - {""})
        ]
        if "" in named - there:
            remarks.append("a record without an id was rejected; run the whole command to make it")
        return tuple(remarks)


def rejected_by(settings: Settings, designs: str | None, run_id: str) -> Rejected:
    """What the report of a run lists as rejected; SettingsError where there is no such run.

    `newest` is the newest run that rejected anything; NothingRejectedError where none did, ReportError where its
    report cannot be read.
    """
    uri = require_catalog("design", designs, settings)
    store = open_store(uri, settings.s3)
    if run_id == "newest":
        run_id = _newest_rejecting(store)
    try:
        report = read_report(store, run_id)
    except (NotFoundError, InvalidKeyError) as error:
        runs = sorted({found.key.split("/")[1] for found in store.list(f"{keys.RUNS}/")})
        raise SettingsError(
            f"There is no run '{run_id}' in {store.uri}: {nearest(run_id, runs)} 'stylemill status' lists them."
        ) from error
    return Rejected(
        run_id=run_id,
        garments=report["garments"],
        styles=report["styles"],
        designs=uri,
        recipe=report["recipe"],
        recipe_digest=report["recipe_digest"],
        pairs=frozenset((one["garment_id"], one["style_id"]) for one in report["failures"]),
        records=frozenset(one["record"] for one in report["problems"]),
    )


def _newest_rejecting(store: Store) -> str:
    runs = [
        found.key.split("/")[1]
        for found in store.list(f"{keys.RUNS}/")
        if found.key.endswith(f"/{keys.REJECTIONS}")
    ]
    if not runs:
        raise NothingRejectedError(f"No run in {store.uri} has rejected anything.")
    # A run's id begins with its time.
    return max(runs)


def recipe_again(rejected: Rejected, given: str | None, settings: Settings) -> str:
    """Name or file of the recipe that a run worked by: one that the settings name, or the catalog keeps."""
    if given:
        return given
    if rejected.recipe in NAMED and NAMED[rejected.recipe]().digest() == rejected.recipe_digest:
        return rejected.recipe
    if Path(settings.recipe).stem == rejected.recipe:
        return settings.recipe
    kept = keys.kept_recipe(rejected.recipe, rejected.recipe_digest)
    return kept if kept in kept_names(open_store(rejected.designs, settings.s3)) else rejected.recipe


def require_same_recipe(place: Place, rejected: Rejected) -> None:
    """SettingsError unless the place's recipe is the one that the run worked by."""
    if place.recipe.digest() != rejected.recipe_digest:
        raise SettingsError(
            f"The run worked by recipe {rejected.recipe} {rejected.recipe_digest[:12]}, but that is"
            f" {place.recipe.digest()[:12]} now: give --recipe with the TOML file that it used, or 'stylemill run'"
            " for designs by the new one."
        )


def make_plan(
    place: Place,
    settings: Settings,
    style_sets: Sequence[str],
    limit: int | None = None,
    rejected: Rejected | None = None,
    garment_ids: Sequence[str] = (),
    style_ids: Sequence[str] = (),
    looked_at: bool = True,
    facts_only: bool = False,
) -> Plan:
    """Read both catalogs and what exists, and plan; pictures of records with work are `looked_at`.

    Of `garment_ids` and `style_ids` only, where they are given. With what a run `rejected`, nothing else is
    planned; with `facts_only` nothing is, and all of it is held back. Nothing is written: digests go with the plan.
    """
    garment_store, style_store, designs = open_catalogs(place, settings)
    garments, styles = read_garments(garment_store), read_styles(style_store)
    wanted = of_style_sets(styles.records, style_sets, styles.problems, styles.remarks)
    wanted = of_ids(wanted, style_ids, "style")
    # Of a set's own styles only; what others have is not asked for.
    asked = {style.style_id for style in wanted} if style_sets or style_ids else None
    cache, existing = DigestCache(designs.store), designs.existing(style_ids=asked)
    own_garments, garment_problems = with_digests(
        garment_store, of_ids(garments.records, garment_ids, "garment"), cache
    )
    own_styles, style_problems = with_digests(style_store, wanted, cache)
    problems = [
        *_about(garments.problems, garment_ids), *_about(styles.problems, style_ids), *garment_problems, *style_problems,
    ]  # fmt: skip
    remarks = garments.remarks + styles.remarks
    if rejected:
        plan = plan_designs(own_garments, own_styles, place.recipe, existing, problems, rejected.names)
        remarks += rejected.gone(own_garments, own_styles, problems)
    else:
        plan = plan_designs(own_garments, own_styles, place.recipe, existing, problems)
    if facts_only:
        plan = replace(plan, jobs=(), held_back=len(plan.jobs))
    if looked_at:
        # Of repeats only a print knows.
        cloths: dict[str, Cloth] | None = {} if place.recipe.init == "print" else None
        _, bad_garments, garment_notes = usable_records(
            garment_store, plan.garments, settings.max_pixels, cloths
        )
        _, bad_styles, style_notes = usable_records(style_store, plan.styles, settings.max_pixels, cloths)
        remarks += tuple(map(str, (*garment_notes, *style_notes)))
        plan = plan.without(
            [*bad_garments, *bad_styles], {p.record for p in bad_garments}, {p.record for p in bad_styles}
        )
        # Of a set's own styles only, too.
        known = () if asked is not None else own_garments
        plan = replace(plan, corrections=find_corrections(designs, known, own_styles))
        remarks += lost_rights(plan.corrections)
        rest = _others(garments.records, known), _others(styles.records, own_styles)
        remarks += _left_uncorrected(find_corrections(designs, *rest))
        if plan.corrections.of_others:
            remarks += (
                f"{plan.corrections.of_others} designs show another picture than the catalog has now under the id: their"
                " credit and titles stay as they were",
            )
    chosen = Asked(
        tuple(style_sets), tuple(garment_ids), tuple(style_ids), limit, rejected.run_id if rejected else ""
    )
    plan = replace(plan, digests=cache, asked=chosen)
    remarks += tuple(recipe_remarks(place.recipe, plan.garments, plan.styles))
    return plan.with_remarks(remarks).limited(limit)


def _others(records: Sequence[Chosen], chosen: Sequence[Chosen]) -> list[Chosen]:
    """Records that were not chosen."""
    ids = {record.record_id for record in chosen}
    return [record for record in records if record.record_id not in ids]


def _left_uncorrected(corrections: Corrections) -> tuple[str, ...]:
    """A remark on facts of records that were not chosen; their digests are not known, so all count as of others."""
    if not corrections.of_others:
        return ()
    return (
        f"{counted(corrections.of_others, 'design')} say other facts of garments or styles that this run does not"
        " correct, as it is for chosen ones only: 'stylemill run --facts-only' corrects those of all",
    )


def _about(problems: Sequence[Problem], ids: Sequence[str]) -> list[Problem]:
    """Problems of the records that were asked for; all, where all were."""
    return [one for one in problems if not ids or one.record in ids]


def correct_facts(place: Place, plan: Plan, settings: Settings) -> int:
    """Bring the facts of designs that are there up to the catalogs' own; returns how many designs had others."""
    return correct(open_catalogs(place, settings)[2], plan.corrections, place.run_id)


def keep_digests(plan: Plan) -> None:
    """Keep what the plan has read for the next one; without it that is slower, and no other."""
    try:
        if plan.digests:
            plan.digests.save()
    except CatalogsError as error:
        log.warning("Digests were not kept for the next plan: %s", error)


def estimate(place: Place, settings: Settings) -> float | None:
    """Expected device seconds a design: from designs of this recipe and device, else from a model.

    On a cluster, whose devices are not known here, from designs of this recipe on any device.
    """
    from flows.run.devices import device_name, require_device

    if settings.ray:
        return seconds_measured(place, settings)
    here = require_device(place.device)
    return seconds_measured(place, settings, device_name(here), here.type)


def seconds_measured(place: Place, settings: Settings, device: str = "", kind: str = "") -> float | None:
    """Expected device seconds a design, from designs of this recipe on a device of this name; on any without one.

    Where there are none, from the model of this kind of device, if it has one.
    """
    table = open_catalogs(place, settings)[2].read(["recipe_digest", "device", "seconds"])
    rows = zip(*(table[column].to_pylist() for column in table.column_names), strict=True)
    digest = place.recipe.digest()
    measured = [s for recipe, name, s in rows if recipe == digest and device in ("", name)]
    return seconds_a_design(place.recipe, kind, measured)


def open_catalogs(place: Place, settings: Settings) -> tuple[Store, Store, DesignCatalog]:
    """The stores of garments and styles, and the design catalog."""
    return (
        open_store(place.garments, settings.s3),
        open_store(place.styles, settings.s3),
        DesignCatalog(open_store(place.designs, settings.s3)),
    )
