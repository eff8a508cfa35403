"""The plan is a pure function of records, recipe and what exists."""

import subprocess
import sys
from dataclasses import replace

import pytest

from catalogs.records import Garment, Problem, Style
from flows.errors import SettingsError
from flows.planning.estimates import seconds_a_design
from flows.planning.plan import cut_shards, job_key, plan_designs, select_style_sets
from stylecore.recipe import Recipe

GARMENTS = [Garment(f"g{n}", f"g{n}.png", digest=f"{n}") for n in range(3)]
STYLES = [Style(f"s{n}", f"set-{n % 2}", f"s{n}.png", digest=f"{n}") for n in range(4)]
RECIPE = Recipe()


def test_every_pair_once() -> None:
    """Without anything there, every garment is planned in every style, each under a key of its own."""
    plan = plan_designs(GARMENTS, STYLES, RECIPE, existing=())
    assert {(j.garment.garment_id, j.style.style_id) for j in plan.jobs} == {
        (g.garment_id, s.style_id) for g in GARMENTS for s in STYLES
    }
    assert len({job.key for job in plan.jobs}) == 12


def test_what_exists_is_done() -> None:
    """Existing keys are counted as done and not planned again."""
    everything = plan_designs(GARMENTS, STYLES, RECIPE, existing=())
    rest = plan_designs(GARMENTS, STYLES, RECIPE, existing={job.key for job in everything.jobs[:5]})
    assert (len(rest.jobs), rest.done) == (7, 5)
    assert rest.jobs == everything.jobs[5:]


def test_a_new_style_is_exactly_its_column() -> None:
    """With all of three styles made, a fourth plans one job a garment."""
    made = {job.key for job in plan_designs(GARMENTS, STYLES[:3], RECIPE, ()).jobs}
    plan = plan_designs(GARMENTS, STYLES, RECIPE, made)
    assert {job.style.style_id for job in plan.jobs} == {"s3"}
    assert len(plan.jobs) == 3


def test_changed_pixels_are_exactly_a_row() -> None:
    """A garment with another digest is planned again in every style, and nothing else is."""
    made = {job.key for job in plan_designs(GARMENTS, STYLES, RECIPE, ()).jobs}
    plan = plan_designs([replace(GARMENTS[0], digest="new"), *GARMENTS[1:]], STYLES, RECIPE, made)
    assert [job.garment.garment_id for job in plan.jobs] == ["g0"] * 4


def test_another_recipe_is_everything() -> None:
    """A recipe that changes pixels plans all again; another name for it plans nothing."""
    made = {job.key for job in plan_designs(GARMENTS, STYLES, RECIPE, ()).jobs}
    assert len(plan_designs(GARMENTS, STYLES, replace(RECIPE, detail=0.5), made).jobs) == 12
    assert plan_designs(GARMENTS, STYLES, replace(RECIPE, name="mine"), made).jobs == ()


def test_height_of_a_repeat_shapes_a_print() -> None:
    """Another height of the repeat makes another print; without one, and for other recipes, nothing changes."""
    tall = replace(STYLES[0], repeat_height_cm=16.0)
    keys = [
        job_key(GARMENTS[0], style, "r", printed=printed) for style in (STYLES[0], tall) for printed in (0, 1)
    ]
    assert keys[0] == keys[2]
    assert len(set(keys)) == 3


def test_titles_make_nothing_new() -> None:
    """Correcting a title or a tag leaves every key as it was."""
    retitled = replace(GARMENTS[0], title="better", tags=("x",), row=9)
    assert job_key(retitled, STYLES[0], "r") == job_key(GARMENTS[0], STYLES[0], "r")


def test_without_unusable_records() -> None:
    """Jobs of unusable records leave the plan, and their problems are in it."""
    problem = Problem("file", 2, "g1", "image", "g1.png", "is damaged")
    plan = plan_designs(GARMENTS, STYLES, RECIPE, ()).without([problem], {"g1"}, {"s0"})
    assert {j.garment.garment_id for j in plan.jobs} == {"g0", "g2"}
    assert {j.style.style_id for j in plan.jobs} == {"s1", "s2", "s3"}
    assert plan.problems == (problem,)


def test_limit_holds_the_rest_back() -> None:
    """A limit keeps the first jobs and counts the others."""
    plan = plan_designs(GARMENTS, STYLES, RECIPE, ()).with_limit(5)
    assert (len(plan.jobs), plan.held_back) == (5, 7)
    assert plan_designs(GARMENTS, STYLES, RECIPE, ()).with_limit(99).held_back == 0
    with pytest.raises(SettingsError, match="must be at least 1"):
        plan_designs(GARMENTS, STYLES, RECIPE, ()).with_limit(0)


@pytest.mark.parametrize("limit", range(1, 12))
def test_limit_goes_diagonally(limit: int) -> None:
    """As many garments and styles as can be are among the first few, in the plan's order, and no pair twice."""
    whole = plan_designs(GARMENTS, STYLES, RECIPE, ())
    plan = whole.with_limit(limit)
    assert len({job.style.style_id for job in plan.jobs}) == min(limit, len(STYLES))
    assert len({job.garment.garment_id for job in plan.jobs}) == min(limit, len(GARMENTS))
    assert list(plan.jobs) == [job for job in whole.jobs if job in plan.jobs] and len(plan.jobs) == limit


def test_limit_of_what_is_left() -> None:
    """Where styles have work for different garments, every limit up to all of it is kept."""
    whole = plan_designs(GARMENTS, STYLES, RECIPE, ())
    rest = plan_designs(GARMENTS, STYLES, RECIPE, {job.key for job in whole.jobs[:5]})
    for limit in range(1, 7):
        assert len(set(rest.with_limit(limit).jobs)) == limit


def test_style_sets() -> None:
    """Only the wanted sets are kept; one that is not there is refused with the nearest."""
    assert {s.style_id for s in select_style_sets(STYLES, ["set-1"])} == {"s1", "s3"}
    assert select_style_sets(STYLES, []) == STYLES
    with pytest.raises(SettingsError, match="did you mean 'set-1'"):
        select_style_sets(STYLES, ["set1"])


def test_a_set_whose_rows_are_all_rejected() -> None:
    """A set that is missing because its rows are rejected is refused with the reason of the first."""
    problem = Problem("catalog.csv", 9, "s9", "image", "s9.png", "there is no such file beside the catalog")
    with pytest.raises(SettingsError, match=r"1 problem in.*row 9 \(s9\), image 's9.png': there is no such"):
        select_style_sets(STYLES, ["set-9"], [problem])


def test_shards_hold_one_style_and_every_job() -> None:
    """Shards keep the order, hold one style each, and no more jobs than wanted."""
    jobs = plan_designs(GARMENTS, STYLES, RECIPE, ()).jobs
    cut = cut_shards(jobs, 2)
    assert [job for shard in cut for job in shard] == list(jobs)
    assert all(len({job.style.style_id for job in shard}) == 1 and len(shard) <= 2 for shard in cut)
    assert [len(shard) for shard in cut] == [2, 1] * 4
    assert cut_shards((), 2) == []


def test_estimate_prefers_what_was_measured() -> None:
    """Measured designs give their median; without any, a CPU has a model and a GPU admits it has none."""
    assert seconds_a_design(RECIPE, "cuda", [1, 9, 2]) == 2
    assert seconds_a_design(RECIPE, "cuda") is None
    slow, fast = (seconds_a_design(replace(RECIPE, encoder=e), "cpu") for e in ("vgg19", "embedded"))
    assert slow is not None
    assert fast is not None
    assert slow > 5 * fast


@pytest.mark.parametrize(
    "module", ["flows.planning.plan", "flows.command.cli", "catalogs.designs.design_catalog", "stylecore"]
)
def test_light_modules_do_not_load_torch(module: str) -> None:
    """Planning, the command's help, the catalogs and recipes are there without torch."""
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_help_loads_nothing_heavy() -> None:
    """`stylemill --help` loads neither torch nor Prefect nor pandas, which is what makes it quick."""
    code = (
        "import sys; sys.argv = ['stylemill', '--help']\n"
        "from flows.command.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "sys.exit(len({'torch', 'prefect', 'pandas', 'boto3', 'pyarrow'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, stdout=subprocess.DEVNULL).returncode == 0
    )
