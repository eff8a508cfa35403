"""Gauges of a run for a Prometheus Pushgateway: a run ends by itself, so nobody could come to read them."""

import logging

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway

from flows.progress import Standing

log = logging.getLogger(__name__)


class Gauges:
    """What a run pushes, under its id; a gateway that does not answer is said once and costs nothing else."""

    def __init__(self, gateway: str, run_id: str) -> None:
        """`gateway` is host:port or a URL; with an empty one nothing is pushed."""
        self._gateway, self._run = gateway, run_id
        self._registry = CollectorRegistry()
        self._failed = False
        self._values = {
            name: Gauge(f"stylemill_{name}", text, registry=self._registry)
            for name, text in (
                ("designs_planned", "Designs that the run is to make"),
                ("designs_done", "Designs that went forward, shares of those in work included"),
                ("designs_per_minute", "Rate of the run so far"),
                ("seconds_left", "Seconds until the run is expected to end"),
            )
        }

    def push(self, standing: Standing) -> None:
        """Send how far the run is."""
        if not self._gateway or self._failed:
            return
        self._values["designs_planned"].set(standing.total)
        self._values["designs_done"].set(standing.done)
        self._values["designs_per_minute"].set(standing.a_minute or 0)
        self._values["seconds_left"].set(standing.seconds_left or 0)
        try:
            push_to_gateway(self._gateway, "stylemill", self._registry, {"run": self._run}, timeout=5)
        except Exception as error:  # what is no gateway answers in many ways
            self._failed = True
            log.warning("No more gauges are pushed to STYLEMILL_PUSHGATEWAY: %s", error)
