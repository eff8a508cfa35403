"""A run is plain Python: it needs no Prefect, tells who listens, and tries shards again where that helps."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from catalogs.errors import UnreachableError
from catalogs.storage.store_contract import Store
from flows.errors import WorkerLostError
from flows.painting.outcome import Outcome
from flows.planning.make_plan import make_plan
from flows.planning.plan import Plan
from flows.planning.run_config import resolve_run_config
from flows.reports.report import RunReport
from flows.runs.listeners import Listener
from flows.runs.run_plan import run_plan
from flows.runs.shard_runs import RETRIES, ThreadedShards
from flows.settings import Settings
from flows.workers.in_process import InProcessWorker
from tests.conftest import ROOT

PLAIN = """
import json, sys
from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_run_config
from flows.runs.run_plan import run_plan
from flows.settings import Settings
settings = Settings(_env_file=None, **json.loads(sys.argv[1]))
config = resolve_run_config(settings)
done = run_plan(config, make_plan(config))
print(json.dumps({"made": done["made"], "state": done["state"], "prefect": "prefect" in sys.modules}))
"""


def settings_of(catalog: Path, designs: Path) -> Settings:
    """Settings for a run of the small catalog on the CPU."""
    return Settings(**_plain(catalog, designs))


def _plain(catalog: Path, designs: Path) -> dict[str, Any]:
    return {
        "garments": f"{catalog}/garments", "styles": f"{catalog}/styles", "designs": str(designs),
        "recipe": str(catalog / "tiny.toml"), "device": "cpu",
    }  # fmt: skip


class Heard(Listener):
    """Notes what it hears."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.heard: list[str] = []

    def on_plan(self, report: RunReport, plan: Plan, seconds_a_design: float | None) -> None:  # noqa: ARG002
        """With the number of designs."""
        self.heard.append(f"planned {len(plan.jobs)} {report.state}")

    def on_outcome(self, outcome: Outcome) -> None:
        """With the number of new ones."""
        self.heard.append(f"settled {len(outcome.made)}")

    def on_end(
        self,
        store: Store,  # noqa: ARG002
        report: RunReport,
        plan: Plan,  # noqa: ARG002
        made: Mapping[str, str],
        sheet: str | None,
    ) -> None:
        """With what was made."""
        self.heard.append(f"concluded {len(made)} {report.state} {bool(sheet)}")

    def on_warning(self, text: str) -> None:
        """In its words."""
        self.heard.append(text)


@pytest.mark.parametrize("workers", [1, 2])
def test_without_prefect(workers: int, catalog: Path, tmp_path: Path) -> None:
    """In a process that never loads Prefect all designs are made and filed, by one worker and by two."""
    given = json.dumps(_plain(catalog, tmp_path / "designs") | {"workers": workers})
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, given], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"made": 9, "state": "finished", "prefect": False}
    (report,) = (tmp_path / "designs" / "runs").glob("*/report.json")
    assert (report.parent / "contact_sheet.png").exists()


def test_listeners_hear_everything_in_order(catalog: Path, tmp_path: Path) -> None:
    """The plan first, then every shard, then the end; where nothing is to be done, nothing."""
    settings, listener = settings_of(catalog, tmp_path / "designs"), Heard()
    config = resolve_run_config(settings)
    done = run_plan(config, make_plan(config), listener)
    assert done["made"] == 9
    first, *middle, last = listener.heard
    assert (first, last) == ("planned 9 running", "concluded 9 finished True")
    assert sum(int(one.removeprefix("settled ")) for one in middle) == 9
    again = Heard()
    assert run_plan(config, make_plan(config), again)["made"] == 0
    assert again.heard == []


@pytest.mark.parametrize("error", [UnreachableError("away"), WorkerLostError("gone")])
def test_shards_are_tried_again(
    error: Exception, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shard whose store or worker was away goes on, up to as often as is allowed."""
    failed: list[str] = []
    real = InProcessWorker.make_designs

    def make(self: InProcessWorker, jobs: Any, shard: str) -> Outcome:
        if failed.count(shard) < RETRIES:
            failed.append(shard)
            raise error
        return real(self, jobs, shard)

    monkeypatch.setattr(InProcessWorker, "make_designs", make)
    settings = settings_of(catalog, tmp_path / "designs")
    config = resolve_run_config(settings)
    done = run_plan(config, make_plan(config), runner=ThreadedShards(first_wait=0))
    assert (done["made"], done["rejected"]) == (9, 0)
    assert len(failed) == RETRIES * len(set(failed)) > 0


@pytest.mark.parametrize(
    ("error", "state"), [(KeyboardInterrupt(), "interrupted"), (OSError("no room"), "stopped: no room")]
)
def test_a_run_that_ends_early(
    error: BaseException, state: str, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stops a run comes through, and the report says how far it came."""

    def make(self: InProcessWorker, jobs: Any, shard: str) -> Outcome:  # noqa: ARG001
        raise error

    monkeypatch.setattr(InProcessWorker, "make_designs", make)
    settings = settings_of(catalog, tmp_path / "designs")
    config = resolve_run_config(settings)
    with pytest.raises(type(error)):
        run_plan(config, make_plan(config))
    (report,) = (tmp_path / "designs" / "runs").glob("*/report.json")
    told = json.loads(report.read_text())
    assert (told["state"], told["made"], told["planned"]) == (state, 0, 9)
