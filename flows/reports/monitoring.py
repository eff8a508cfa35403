"""Gauges of a run for a Prometheus Pushgateway: a run ends by itself, so nobody could come to read them."""

import logging
import threading
import time
from types import TracebackType
from typing import Self

from prometheus_client import CollectorRegistry, Gauge, push_to_gateway

from flows.reports.progress import Pace

log = logging.getLogger(__name__)

EVERY = 15.0
"""Seconds between two pushes."""
PATIENCE = 10.0
"""Seconds that the end of a run waits for a gateway."""
GAUGES = {
    "designs_planned": "Designs that the run is to make",
    "designs_done": "Designs that are made, were met made by others, or were turned away",
    "designs_per_minute": "Rate of the run so far",
    "seconds_left": "Seconds until the run is expected to end; 0 when it has ended",
    "rejected": "Records and pairs that the run has turned away",
    "run_success": "1 when the run has ended as it should, 0 before and when it was stopped",
    "run_finished_timestamp_seconds": "When the run ended, in Unix time; 0 before",
}


class Gauges:
    """What a run pushes, under its id, while this lasts: at once, every 15 s, and when it ends, however it ends.

    A gateway that does not answer is said once, asked again at the next time, and costs the run nothing else.
    """

    def __init__(self, gateway: str, run_id: str, pace: Pace) -> None:
        """`gateway` is host:port or a URL; with an empty one nothing is pushed. `pace` is that of the run."""
        self._gateway, self._run, self._pace = gateway, run_id, pace
        self._registry = CollectorRegistry()
        self._values = {
            name: Gauge(f"stylemill_{name}", text, registry=self._registry) for name, text in GAUGES.items()
        }
        self._ended = threading.Event()
        self._said = False
        self._thread = threading.Thread(target=self._push_now_and_then, name="gauges", daemon=True)

    def __enter__(self) -> Self:
        """Push for the first time, and now and then from here on."""
        if self._gateway:
            self._thread.start()
        return self

    def count_rejected(self, rejected: int) -> None:
        """Take how many records and pairs are turned away by now."""
        self._values["rejected"].set(rejected)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Push for the last time: success is what ends without an error."""
        if not self._gateway:
            return
        self._ended.set()
        self._thread.join(PATIENCE)
        self._values["run_success"].set(kind is None)
        self._values["run_finished_timestamp_seconds"].set(time.time())
        # On a thread that may be left: a gateway that answers a letter at a time would hold a run that is done.
        last = threading.Thread(target=self._push, name="last-gauges", daemon=True)
        last.start()
        last.join(PATIENCE)
        if last.is_alive():
            self._tell_once(f"no whole answer within {PATIENCE:.0f} s")

    def _push_now_and_then(self) -> None:
        self._push()
        while not self._ended.wait(EVERY):
            self._push()

    def _push(self) -> None:
        standing, over = self._pace.standing(), self._ended.is_set()
        self._values["designs_planned"].set(standing.total)
        # Half a design is none.
        self._values["designs_done"].set(standing.whole)
        self._values["designs_per_minute"].set(standing.a_minute or 0)
        self._values["seconds_left"].set(0 if over else standing.seconds_left or 0)
        try:
            push_to_gateway(self._gateway, "stylemill", self._registry, {"run": self._run}, timeout=5)
        except Exception as error:  # what is no gateway answers in many ways
            self._tell_once(str(error))

    def _tell_once(self, why: str) -> None:
        if not self._said:
            log.warning("STYLEMILL_PUSHGATEWAY did not take the gauges, and is asked again later: %s", why)
        self._said = True
