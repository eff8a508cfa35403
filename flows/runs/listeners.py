"""The listener of a run: it is told what happens while the run is on, and writes warnings to the log."""

import logging
from collections.abc import Mapping

from catalogs.storage.store_contract import Store
from flows.painting.outcome import Outcome
from flows.planning.plan import Plan
from flows.reports.progress import RunProgress
from flows.reports.report import RunReport

log = logging.getLogger(__name__)


class Listener:
    """Is called while a run is on, in the order of its methods; all of them do nothing here, but `on_warning`."""

    stops: tuple[type[BaseException], ...] = (KeyboardInterrupt,)
    """Errors that interrupt a run in order; any other error stops it."""

    def on_plan(self, report: RunReport, plan: Plan, seconds_a_design: float | None) -> None:
        """Take the plan as the run begins; `seconds_a_design` is expected, and None where nothing is known."""

    def on_progress(self, progress: RunProgress) -> None:
        """Take how far the run is, once a minute at most."""

    def on_outcome(self, outcome: Outcome) -> None:
        """Take what came of a shard."""

    def on_end(
        self, store: Store, report: RunReport, plan: Plan, made: Mapping[str, str], sheet: str | None
    ) -> None:
        """Take the filed report. `made` has the pictures' keys by design; `sheet` is the contact sheet's URI."""

    def on_warning(self, text: str) -> None:
        """Take what could not be done beside the designs; here it goes into the log."""
        log.warning(text)
