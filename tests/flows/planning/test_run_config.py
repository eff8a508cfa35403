"""A run's configuration is made once and travels: it arrives unchanged, and shows no secret on the way."""

import pickle
from pathlib import Path

from flows.planning.run_config import open_catalogs, resolve_run_config
from flows.planning.selection import Rejected, Selection
from flows.settings import Settings


def test_it_arrives_in_other_processes_unchanged(catalog: Path, tmp_path: Path) -> None:
    """A pickled configuration is equal and of the same hash, by which workers keep what they have opened."""
    settings = Settings(
        garments=f"{catalog}/garments", styles=f"{catalog}/styles", designs=str(tmp_path / "designs"),
        recipe=str(catalog / "tiny.toml"), device="cpu", pushgateway="http://ann:secret@gateway",
    )  # fmt: skip
    config = resolve_run_config(settings)
    arrived = pickle.loads(pickle.dumps(config))
    assert arrived == config and hash(arrived) == hash(config)
    assert "secret" not in repr(config)
    catalogs = open_catalogs(arrived)
    uris = catalogs.garments.uri, catalogs.styles.uri, catalogs.designs.store.uri
    assert uris == (config.garments, config.styles, config.designs)


def test_a_selection_is_recorded_in_plain_types() -> None:
    """A report keeps what was asked for, and of a retry only the id of the run that it retries."""
    rejected = Rejected("r1", "g", "s", "d", "house", "ab", frozenset(), frozenset({"g1"}))
    assert Selection(("set",), ("g1",), (), 3).as_record() == {
        "style_sets": ("set",), "garment_ids": ("g1",), "style_ids": (), "limit": 3, "retry_of": "",
    }  # fmt: skip
    assert Selection(rejected=rejected).as_record()["retry_of"] == "r1"
