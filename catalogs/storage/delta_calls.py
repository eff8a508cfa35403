"""Calls of the Delta library: errors get their meaning, and a call whose failure may pass is tried again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pyarrow as pa
from deltalake.exceptions import CommitFailedError, DeltaError
from tenacity import RetryCallState, Retrying, wait_random_exponential

from catalogs.errors import CatalogsError, UnreachableError
from catalogs.storage import delta_errors

COMMIT_ATTEMPTS = 200
"""Of 16 writers of one style each loses 15 races of 16: one in 13 would lose 40 in a row."""
UNANSWERED_ATTEMPTS = 5
"""Tries of calls without an answer that the Delta library does not repeat: conditional puts, broken off answers."""
PAUSES = wait_random_exponential(multiplier=0.05, max=5.0, exp_base=1.5)
"""Seconds before the next try: random, up to a limit that grows by half each time, to five seconds."""
FAILURES = (DeltaError, OSError, pa.ArrowException)
"""The exceptions of the Delta library; reading a Parquet file that is cut raises Arrow's."""

T = TypeVar("T")


class DeltaCalls:
    """Calls for the table at one URI."""

    def __init__(self, uri: str) -> None:
        """`uri` is the table's address, as messages show it."""
        self._uri = uri

    @contextmanager
    def explained_panics(self) -> Iterator[None]:
        """Around calls of the library: a panic of its Rust code becomes a CatalogsError.

        A panic is not an Exception, so that no `except Exception` would catch it.
        """
        try:
            yield
        except BaseException as error:
            if not delta_errors.is_panic(error):
                raise
            raise self.explain(error) from error

    def explain(self, error: BaseException) -> CatalogsError:
        """The error to raise for an error of the library: what it means for the table, and what to do."""
        return delta_errors.explain_error(self._uri, error)

    def retried(self, work: Callable[[], T]) -> T:
        """What some work returns; work that loses a race or gets no answer is done again after a random pause.

        Raises:
            UnreachableError: every try lost its race, or the store gave no answer.
            CatalogsError: what any other error of the library means.
        """
        try:
            return Retrying(retry=self._is_passing, wait=PAUSES, reraise=True)(work)
        except CommitFailedError as error:
            if not delta_errors.is_lost_race(error):
                raise self.explain(error) from error
            raise UnreachableError(
                f"{self._uri}: {COMMIT_ATTEMPTS} commits in a row lost the race against"
                " other runs. Run the same command again; designs already filed are kept."
            ) from error
        except FAILURES as error:
            raise self.explain(error) from error

    def _is_passing(self, state: RetryCallState) -> bool:
        """Whether a try failed for a reason that the next try may not meet: a lost race, or no answer."""
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, CommitFailedError):
            return delta_errors.is_lost_race(error) and state.attempt_number < COMMIT_ATTEMPTS
        if not isinstance(error, FAILURES) or state.attempt_number >= UNANSWERED_ATTEMPTS:
            return False
        unanswered = isinstance(self.explain(error), UnreachableError)
        return unanswered and not delta_errors.was_repeated(error)
