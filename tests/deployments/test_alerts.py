"""The alerts are about gauges that runs push."""

import re

import yaml

from flows.reports.monitoring import GAUGES
from tests.conftest import ROOT

RULES = yaml.safe_load((ROOT / "deployments" / "alerts.yaml").read_text())["groups"][0]["rules"]
OF_THE_GATEWAY = {"push_time_seconds"}


def test_they_name_gauges_that_are_there() -> None:
    """Every name in an expression is a gauge of ours or the gateway's, and every rule says what to do."""
    known = {f"stylemill_{name}" for name in GAUGES} | OF_THE_GATEWAY
    assert len(RULES) == 4
    for rule in RULES:
        names = set(re.findall(r"[a-z]+(?:_[a-z]+)+", rule["expr"])) - {"quantile_over_time"}
        assert names and names <= known, rule["alert"]
        assert rule["annotations"]["summary"] and rule["annotations"]["action"]


def test_all_ends_are_watched() -> None:
    """What says how a run ended is watched: success, the time of the end, what was rejected, and the rate."""
    watched = " ".join(rule["expr"] for rule in RULES)
    for name in ("run_success", "run_finished_timestamp_seconds", "rejected", "designs_per_minute"):
        assert f"stylemill_{name}" in watched
