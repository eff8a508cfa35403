"""A plan is made: both catalogs are read, compared with the designs that exist, and their pictures are checked."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from catalogs.designs.facts import Corrections, correct, find_corrections, lost_rights
from catalogs.errors import CatalogsError
from catalogs.inputs.content_digests import usable_records, with_digests
from catalogs.inputs.digest_cache import DigestCache
from catalogs.inputs.garments import read_garments
from catalogs.inputs.repeats import Cloth
from catalogs.inputs.styles import read_styles
from catalogs.records import Garment, Problem, Style
from flows.planning.plan import Plan, RecordType, plan_designs, select_ids, select_style_sets
from flows.planning.run_config import RunCatalogs, RunConfig, open_catalogs
from flows.planning.selection import Selection
from flows.recipes.remarks import recipe_remarks
from flows.wording import format_count

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _CatalogInputs:
    """All records of both catalogs, and the selected ones with the digests of their contents."""

    all_garments: Sequence[Garment]
    all_styles: Sequence[Style]
    garments: Sequence[Garment]
    styles: Sequence[Style]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    existing: set[str]
    """Ids of designs that are filed; where only some styles are selected, of designs in these."""
    digests: DigestCache


def make_plan(config: RunConfig, selection: Selection | None = None, *, check_pictures: bool = True) -> Plan:
    """Read both catalogs and what exists, and plan the designs that are missing.

    Nothing is written: digests that were read go with the plan (`keep_digests`).

    Args:
        config: the catalogs and the recipe.
        selection: which designs are asked for; all, if not given.
        check_pictures: decode the pictures of records with work, and look for facts to correct; without it the plan
            is quicker, and it is the run that rejects unusable pictures.

    Returns:
        The plan. Records that cannot be used are its problems.

    Raises:
        SettingsError: a selected style set, garment or style is not in the catalogs, or the limit is below 1.
        CatalogsError: a catalog cannot be read.
    """
    selection, catalogs = selection or Selection(), open_catalogs(config)
    inputs = _read_inputs(catalogs, selection)
    plan = _plan_missing(config, selection, inputs)
    if check_pictures:
        plan = _without_unusable_pictures(config, catalogs, plan)
        plan = _with_corrections(catalogs, selection, inputs, plan)
    remarks = tuple(recipe_remarks(config.recipe, plan.garments, plan.styles))
    return plan.with_remarks(remarks).with_limit(selection.limit)


def _read_inputs(catalogs: RunCatalogs, selection: Selection) -> _CatalogInputs:
    garments, styles = read_garments(catalogs.garments), read_styles(catalogs.styles)
    in_sets = select_style_sets(styles.records, selection.style_sets, styles.problems, styles.remarks)
    selected_styles = select_ids(in_sets, selection.style_ids, "style")
    selected_garments = select_ids(garments.records, selection.garment_ids, "garment")
    # Of the selected styles only; other designs are not asked for.
    style_ids = {style.style_id for style in selected_styles} if selection.names_styles else None
    digests, existing = DigestCache(catalogs.designs.store), catalogs.designs.existing(style_ids=style_ids)
    usable_garments, garment_problems = with_digests(catalogs.garments, selected_garments, digests)
    usable_styles, style_problems = with_digests(catalogs.styles, selected_styles, digests)
    problems = (
        *_problems_of(garments.problems, selection.garment_ids),
        *_problems_of(styles.problems, selection.style_ids),
        *garment_problems,
        *style_problems,
    )
    return _CatalogInputs(
        all_garments=garments.records,
        all_styles=styles.records,
        garments=usable_garments,
        styles=usable_styles,
        problems=problems,
        remarks=garments.remarks + styles.remarks,
        existing=existing,
        digests=digests,
    )


def _plan_missing(config: RunConfig, selection: Selection, inputs: _CatalogInputs) -> Plan:
    """The plan of all selected designs that do not exist."""
    rejected = selection.rejected
    plan = plan_designs(
        inputs.garments,
        inputs.styles,
        config.recipe,
        inputs.existing,
        inputs.problems,
        is_selected=rejected.includes if rejected else None,
    )
    remarks = inputs.remarks
    if rejected:
        remarks += rejected.remarks_on_missing(inputs.garments, inputs.styles, inputs.problems)
    if selection.facts_only:
        plan = replace(plan, jobs=(), held_back=len(plan.jobs))
    return replace(plan, digests=inputs.digests, selection=selection).with_remarks(remarks)


def _without_unusable_pictures(config: RunConfig, catalogs: RunCatalogs, plan: Plan) -> Plan:
    """The plan without the records whose pictures cannot be used; it decodes the pictures of all records with work."""
    # Only a print has repeats.
    cloths: dict[str, Cloth] | None = {} if config.recipe.init == "print" else None
    max_pixels = config.settings.max_pixels
    _, bad_garments, garment_notes = usable_records(catalogs.garments, plan.garments, max_pixels, cloths)
    _, bad_styles, style_notes = usable_records(catalogs.styles, plan.styles, max_pixels, cloths)
    without = plan.without(
        [*bad_garments, *bad_styles],
        garments={problem.record for problem in bad_garments},
        styles={problem.record for problem in bad_styles},
    )
    return without.with_remarks(map(str, (*garment_notes, *style_notes)))


def _with_corrections(
    catalogs: RunCatalogs, selection: Selection, inputs: _CatalogInputs, plan: Plan
) -> Plan:
    """The plan with the facts that filed designs carry otherwise than the selected records say them now."""
    # Where only some styles are selected, the facts of garments stay as they are.
    garments = () if selection.names_styles else inputs.garments
    corrections = find_corrections(catalogs.designs, garments, inputs.styles)
    others = find_corrections(
        catalogs.designs,
        _not_selected(inputs.all_garments, garments),
        _not_selected(inputs.all_styles, inputs.styles),
    )
    remarks = (*lost_rights(corrections), *_remarks_on_uncorrected(others))
    if corrections.of_others:
        remarks += (
            f"{corrections.of_others} designs show another picture than the catalog has now under the id: their"
            " credit and titles stay as they were",
        )
    return replace(plan, corrections=corrections).with_remarks(remarks)


def _not_selected(records: Sequence[RecordType], selected: Sequence[RecordType]) -> list[RecordType]:
    ids = {record.record_id for record in selected}
    return [record for record in records if record.record_id not in ids]


def _remarks_on_uncorrected(corrections: Corrections) -> tuple[str, ...]:
    """A remark on facts of records that were not selected; their digests are not known, so all count as of others."""
    if not corrections.of_others:
        return ()
    return (
        f"{format_count(corrections.of_others, 'design')} say other facts of garments or styles that this run does not"
        " correct, as it is for chosen ones only: 'stylemill run --facts-only' corrects those of all",
    )


def _problems_of(problems: Sequence[Problem], ids: Sequence[str]) -> list[Problem]:
    """Problems of the records of these ids; all problems, where no id is given."""
    return [problem for problem in problems if not ids or problem.record in ids]


def correct_facts(config: RunConfig, plan: Plan) -> int:
    """Bring the facts of filed designs up to the catalogs' own; returns how many designs had others."""
    return correct(open_catalogs(config).designs, plan.corrections, config.run_id)


def keep_digests(plan: Plan) -> None:
    """Keep the digests that a plan has read for the next plan, which is slower without them, but the same."""
    try:
        if plan.digests:
            plan.digests.save()
    except CatalogsError as error:
        log.warning("Digests were not kept for the next plan: %s", error)
