"""Pictures come first, records in time, and every device choice is one that was asked for."""

import dataclasses
import signal
from pathlib import Path

import pytest
import torch
from cachetools import LRUCache

from catalogs.designs.design_catalog import DesignCatalog
from catalogs.records import Design
from flows.errors import DeviceMemoryError, SettingsError
from flows.painting import filing, shard, worker_context
from flows.painting.image_tensors import read_template, to_content, to_design
from flows.painting.worker_context import open_worker_context
from flows.planning.devices import choose_batch, choose_precision, require_device
from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_run_config
from flows.settings import Settings


@pytest.fixture
def work(catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A worker context and the jobs of one style."""
    monkeypatch.setenv("STYLEMILL_BATCH", "1")
    settings = Settings(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "designs"),
        recipe=str(catalog / "tiny.toml"), device="cpu",
    )  # fmt: skip
    config = resolve_run_config(settings)
    jobs = [job for job in make_plan(config).jobs if job.style.style_id == "s0"]
    open_worker_context.cache_clear()
    return open_worker_context(config), jobs


def test_no_record_before_its_picture(work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whenever records are filed, all their pictures are there already."""
    tools, jobs = work
    real = DesignCatalog.file
    seen: list[int] = []

    def file(catalog: DesignCatalog, designs: list[Design]) -> int:
        designs = list(designs)
        assert all(catalog.store.exists(design.image) for design in designs)
        seen.append(len(designs))
        return real(catalog, designs)

    monkeypatch.setattr(DesignCatalog, "file", file)
    outcome = shard.make_designs(tools, jobs)
    assert sum(seen) == len(outcome.made) == 3


@pytest.mark.parametrize(("seconds", "at_once"), [(0.0001, False), (3600, True)])
def test_records_wait_no_longer_than_commit_seconds(
    work, monkeypatch: pytest.MonkeyPatch, seconds: float, at_once: bool
) -> None:
    """Records are filed as soon as the time is over, and else together at the shard's end."""
    tools, jobs = work
    settings = tools.config.settings.model_copy(update={"commit_seconds": seconds})
    tools.config = dataclasses.replace(tools.config, settings=settings)
    seen: list[int] = []
    monkeypatch.setattr(DesignCatalog, "file", lambda _catalog, designs: seen.append(len(list(designs))))
    shard.make_designs(tools, jobs)
    assert sum(seen) == 3
    assert (seen == [3]) == at_once


def test_what_is_there_by_now_is_not_made_again(work) -> None:
    """A shard that another run finished in the meantime makes nothing and says what it met."""
    tools, jobs = work
    assert len(shard.make_designs(tools, jobs).made) == 3
    again = shard.make_designs(tools, jobs)
    assert (again.made, len(again.met)) == ([], 3)


def test_a_failing_upload_keeps_what_was_made(work, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the store fails in the middle of a shard, finished designs get their records all the same."""
    tools, jobs = work
    real = DesignCatalog.add_picture
    calls: list[str] = []

    def add(catalog: DesignCatalog, design_id: str, png: bytes) -> tuple[str, str]:
        calls.append(design_id)
        if len(calls) == 3:
            raise OSError("the wire was cut")
        return real(catalog, design_id, png)

    monkeypatch.setattr(DesignCatalog, "add_picture", add)
    with pytest.raises(OSError, match="the wire was cut"):
        shard.make_designs(tools, jobs)
    assert tools.catalogs.designs.existing() == set(calls[:2])


def test_batches_that_do_not_fit_are_halved(work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory halves the batch until it fits, for the rest of the run, and says so; every design is made."""
    tools, jobs = work
    tools.batch, asked, real, told = 4, [], shard.mill, []

    def mill(pairs, *args, slots: int, **options):
        asked.append(slots)
        finished = real(pairs, *args, slots=slots, **options)
        if slots > 1:
            yield next(finished)
            raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        yield from finished

    monkeypatch.setattr(shard, "mill", mill)
    outcome = shard.make_designs(tools, jobs, on_advance=told.append)
    assert asked == [4, 2, 1]
    assert (len(outcome.made), len(set(outcome.made))) == (3, 3)
    assert outcome.remarks == [
        f"batches of {n} did not fit the memory of cpu: they are {n // 2} now" for n in (4, 2)
    ]
    assert tools.batch == 1
    assert sum(told) == pytest.approx(3)


def test_large_recipes_are_halved_from_what_they_were_given(work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large pairs come a few at a time whatever the batch, and halving begins there, not at the batch's size."""
    tools, jobs = work
    recipe = dataclasses.replace(tools.config.recipe, large_steps=1)
    tools.batch, tools.config = 16, dataclasses.replace(tools.config, recipe=recipe)
    asked: list[int] = []

    def mill(*_args, slots: int, **_options):
        asked.append(slots)
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        yield

    monkeypatch.setattr(shard, "mill", mill)
    with pytest.raises(DeviceMemoryError):
        shard.make_designs(tools, jobs)
    assert asked == [4, 2, 1]


def test_a_pair_that_does_not_fit_is_said(work, monkeypatch: pytest.MonkeyPatch) -> None:
    """When not even one pair fits, the error names the recipe and what to do."""
    tools, jobs = work

    def mill(*_args, **_options):
        raise torch.OutOfMemoryError("tried to allocate 20 GiB")
        yield

    monkeypatch.setattr(shard, "mill", mill)
    with pytest.raises(DeviceMemoryError, match="One pair of recipe tiny .* smaller canvas"):
        shard.make_designs(tools, jobs)


@pytest.mark.parametrize("part", ["to_pair", "to_design"])
def test_a_job_that_fails_for_no_known_reason_is_put_aside(
    work, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """Three unforeseen failures of one job, before or after the mill, set it aside with its traceback; others go on."""
    tools, jobs = work
    module = shard if part == "to_pair" else filing
    bad, real, tries = jobs[1], getattr(module, part), []

    def faulty(*args):
        failing = args[0] if part == "to_pair" else args[2]
        if failing is (bad if part == "to_pair" else tools.templates[bad.garment.garment_id]):
            tries.append(failing)
            raise ValueError("no such luck")
        return real(*args)

    monkeypatch.setattr(module, part, faulty)
    told: list[float] = []
    outcome = shard.make_designs(tools, jobs, on_advance=told.append)
    assert set(outcome.made) == {jobs[0].key, jobs[2].key}
    (failure,) = outcome.failures
    assert (failure.garment_id, failure.style_id) == (bad.garment.garment_id, bad.style.style_id)
    assert failure.reason.startswith("ValueError: no such luck; 3 times; its traceback is in runs/")
    assert len(tries) == 1 + shard.ATTEMPTS
    text = tools.catalogs.designs.store.read(f"runs/{tools.config.run_id}/quarantine/{bad.key}.txt").decode()
    assert "Traceback" in text and "no such luck" in text
    assert sum(told) == pytest.approx(3)


def test_an_interrupt_between_picture_and_record(work, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C just after a picture was written takes effect after its record is filed."""
    tools, jobs = work
    real = DesignCatalog.add_picture

    def add(catalog: DesignCatalog, design_id: str, png: bytes) -> tuple[str, str]:
        added = real(catalog, design_id, png)
        signal.raise_signal(signal.SIGINT)
        return added

    monkeypatch.setattr(DesignCatalog, "add_picture", add)
    with pytest.raises(KeyboardInterrupt):
        shard.make_designs(tools, jobs)
    assert len(tools.catalogs.designs.existing([job.key for job in jobs])) == 1


def test_an_unchanged_canvas_gives_the_template_back(work) -> None:
    """Garment to content and back without a stroke gives nearly the template, and exactly it outside the mask."""
    tools, jobs = work
    template = read_template(tools.catalogs.garments, jobs[0].garment, 10**6)
    canvas = to_content(template, tools.config.recipe)
    made = to_design(canvas.content, canvas, template, tools.config.recipe)
    assert template.mask is not None
    assert (made.rgb[template.mask == 0] == template.picture.rgb[template.mask == 0]).all()
    assert abs(made.rgb.astype(int) - template.picture.rgb).mean() < 6


def test_bfloat16_is_chosen_only_where_the_device_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` follows the hardware; a precision that was asked for is taken as it is."""
    cpu = torch.device("cpu")
    for has, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr("flows.planning.devices._has_bfloat16", lambda has=has: has)
        assert choose_precision("auto", cpu) == expected
    assert choose_precision("bfloat16", cpu) == "bfloat16"


def test_batches_fit_the_device() -> None:
    """A GPU gets many pairs, a CPU one, and a wanted size is taken."""
    assert choose_batch(0, torch.device("cpu")) == 1
    assert choose_batch(0, torch.device("cuda")) == 16
    assert choose_batch(7, torch.device("cpu")) == 7


def test_contents_replaced_during_a_run(work, catalog: Path) -> None:
    """A garment whose picture was replaced since the plan is a problem, and the others are made."""
    tools, jobs = work
    (catalog / "garments" / "g1.png").write_bytes((catalog / "garments" / "g0.png").read_bytes())
    outcome = shard.make_designs(tools, jobs)
    assert len(outcome.made) == 2
    assert [(p.record, p.what) for p in outcome.problems] == [
        ("g1", "the picture or mask was replaced while the run was on; run again to use the new one")
    ]


def test_templates_kept_are_bounded(work) -> None:
    """Decoded garments over the limit in bytes leave memory, the one used longest ago first."""
    tools, jobs = work
    tools.templates = LRUCache(2 * 120 * 96 * 4, getsizeof=tools.templates.getsizeof)
    for job in jobs:
        tools.template(job.garment)
    assert list(tools.templates) == ["g1", "g2"]


def test_a_device_that_is_no_device() -> None:
    """A word that names no device is refused with what would."""
    with pytest.raises(SettingsError, match="'gpu' is not there.*cuda:0"):
        require_device("gpu")


def test_templates_are_decoded_once(work, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next style of the same garments decodes nothing again."""
    tools, jobs = work
    for job in jobs:
        tools.template(job.garment)
    monkeypatch.setattr(worker_context, "read_template", lambda *_: pytest.fail("decoded again"))
    for job in jobs:
        tools.template(job.garment)
