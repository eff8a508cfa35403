"""Which landed sets get a run, and how often."""

import logging
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prefect.client.schemas.objects import StateType

from catalogs.storage.memory_store import MemoryStore
from flows.orchestration import landing
from tests.catalogs.inputs.test_style_sets import catalog, sealed


class Server:
    """What of Prefect's client is asked: runs by tag, and a new run by idempotency key."""

    def __init__(self, *before: StateType) -> None:
        """With runs of the set that ended so."""
        self.runs = [SimpleNamespace(state_type=state) for state in before]
        self.started: dict[str, Any] = {}

    def read_flow_runs(self, flow_run_filter: Any) -> list[SimpleNamespace]:
        """Runs of the set."""
        assert flow_run_filter.tags.all_[0].startswith("style-set:autumn@")
        return self.runs

    def read_deployment_by_name(self, name: str) -> SimpleNamespace:
        """The deployment."""
        return SimpleNamespace(id=name)

    def create_flow_run_from_deployment(self, _deployment: str, **run: Any) -> SimpleNamespace:
        """One a key."""
        return self.started.setdefault(run["idempotency_key"], SimpleNamespace(name="a run", **run))


@pytest.fixture(autouse=True)
def _no_run(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Outside a flow there is no run's logger."""
    monkeypatch.setattr(landing, "get_run_logger", lambda: logging.getLogger("test"))
    return


def received(server: Server, store: MemoryStore | None = None) -> bool:
    """Whether a run was started."""
    return landing._receive(server, store or catalog(sealed()), "autumn", "d" * 64)  # type: ignore[arg-type]


def test_one_run_however_often() -> None:
    """Told three times before Prefect knows of a run there is one run, for this set alone."""
    server = Server()
    assert [received(server) for _ in range(3)] == [True] * 3
    (run,) = server.started.values()
    assert run.parameters["style_sets"] == ["autumn"]
    assert run.tags == ["style-set:autumn@dddddddddddddddd"]


@pytest.mark.parametrize(
    "state", [StateType.COMPLETED, StateType.RUNNING, StateType.SCHEDULED, StateType.CANCELLED]
)
def test_a_set_that_has_its_run(state: StateType) -> None:
    """A set whose run is done, at work, to come, or was cancelled by a person gets no other."""
    assert not received(Server(StateType.FAILED, state))


def test_failed_runs_are_tried_again_three_times() -> None:
    """A run that failed or crashed is followed by another, of a key of its own, until there were three."""
    first, second = Server(), Server(StateType.FAILED)
    assert received(first)
    assert received(second)
    assert first.started.keys() != second.started.keys()
    assert received(Server(StateType.FAILED, StateType.CRASHED))
    assert not received(Server(*[StateType.CRASHED] * 3))


def test_other_contents_than_sealed() -> None:
    """A set one of whose pictures is not the one that was sealed gets no run, and no blame either."""
    store = catalog({**sealed(), "leaves.png": b"LEAVES"})
    server = Server()
    assert not received(server, store)
    assert not server.started


@pytest.mark.parametrize(
    ("name", "words"),
    [("autumn", "'autumn' is not there whole"), ("nosuch", "There is no style set 'nosuch' in")],
)
def test_half_a_set_and_none(
    name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A set that is half copied, and one of which there is nothing, are told apart."""
    (tmp_path / "autumn").mkdir()
    (tmp_path / "autumn" / "leaves.png").write_bytes(b"half")
    monkeypatch.setattr(landing, "get_client", lambda **_kind: nullcontext())
    with caplog.at_level(logging.WARNING):
        landing.receive_style_sets.fn(name, str(tmp_path))
    assert words in caplog.text


def test_complete_and_left_out() -> None:
    """Complete sets are told with their digests, the others with what they want."""
    store = catalog(sealed())
    store.write("winter/catalog.csv", b"style_id,image\n")
    complete, left_out = landing.landed_sets(store)
    assert list(complete) == ["autumn"]
    assert "manifest" in left_out["winter"]
