"""Gauges of a run for a Prometheus Pushgateway: a run ends by itself, so Prometheus could not fetch them from it."""

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
    """Pushes the gauges of a run, under its id, in a block: at once, every 15 s, and when the block ends, however.

    A gateway that does not answer is reported once and tried again at the next push; the run goes on.
    """

    def __init__(self, gateway: str, run_id: str, pace: Pace) -> None:
        """Take the gateway as host:port or a URL (nothing is pushed where it is empty), and the pace of the run."""
        self._gateway, self._run, self._pace = gateway, run_id, pace
        self._registry = CollectorRegistry()
        self._values = {
            name: Gauge(f"stylemill_{name}", text, registry=self._registry) for name, text in GAUGES.items()
        }
        self._ended = threading.Event()
        self._reported = False
        self._thread = threading.Thread(target=self._push_repeatedly, name="gauges", daemon=True)

    def __enter__(self) -> Self:
        """Push for the first time, and every 15 s from here on."""
        if self._gateway:
            self._thread.start()
        return self

    def count_rejected(self, rejected: int) -> None:
        """Set how many records and pairs the run has rejected by now."""
        self._values["rejected"].set(rejected)

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Push for the last time: a run that ends without an error is a success."""
        if not self._gateway:
            return
        self._ended.set()
        self._thread.join(PATIENCE)
        self._values["run_success"].set(kind is None)
        self._values["run_finished_timestamp_seconds"].set(time.time())
        # On a thread that may be left behind: a gateway that answers byte by byte would hold a run that is done.
        last = threading.Thread(target=self._push, name="last-gauges", daemon=True)
        last.start()
        last.join(PATIENCE)
        if last.is_alive():
            self._report_once(f"no whole answer within {PATIENCE:.0f} s")

    def _push_repeatedly(self) -> None:
        self._push()
        while not self._ended.wait(EVERY):
            self._push()

    def _push(self) -> None:
        progress, ended = self._pace.progress(), self._ended.is_set()
        self._values["designs_planned"].set(progress.total)
        # A design that is in work does not count.
        self._values["designs_done"].set(progress.whole)
        self._values["designs_per_minute"].set(progress.a_minute or 0)
        self._values["seconds_left"].set(0 if ended else progress.seconds_left or 0)
        try:
            push_to_gateway(self._gateway, "stylemill", self._registry, {"run": self._run}, timeout=5)
        except Exception as error:  # a program that is no gateway may answer in any way
            self._report_once(str(error))

    def _report_once(self, why: str) -> None:
        if not self._reported:
            log.warning("STYLEMILL_PUSHGATEWAY did not take the gauges, and is asked again later: %s", why)
        self._reported = True
