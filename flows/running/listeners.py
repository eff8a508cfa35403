"""Who is told of a run while it is on: nobody but the log, unless somebody listens."""

import logging
from collections.abc import Mapping

from catalogs.storage.store_contract import Store
from flows.painting.designing import Outcome
from flows.reports.progress import Standing
from flows.reports.report import RunReport
from flows.run.planning import Plan

log = logging.getLogger(__name__)


class Listener:
    """Hears what happens in a run, in this order; each does nothing here but where it says so."""

    stops: tuple[type[BaseException], ...] = (KeyboardInterrupt,)
    """What interrupts a run in order; any other error stops it."""

    def planned(self, report: RunReport, plan: Plan, seconds_a_design: float | None) -> None:
        """The run begins; `seconds_a_design` is expected, None where nothing is known."""

    def stands(self, standing: Standing) -> None:
        """How far the run is, once a minute at most."""

    def settled(self, outcome: Outcome) -> None:
        """What came of a shard."""

    def concluded(
        self, store: Store, report: RunReport, plan: Plan, made: Mapping[str, str], sheet: str | None
    ) -> None:
        """The report is filed. `made` has the pictures' keys by design; `sheet` is the contact sheet's URI."""

    def warned(self, text: str) -> None:
        """What could not be done beside the designs; the log has it here."""
        log.warning(text)
