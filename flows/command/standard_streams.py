"""Standard input, output and error as the command needs them, however it was started."""

import os
import sys
from contextlib import suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any

from flows.errors import OutputError

STDIN, STDOUT, STDERR = range(3)


def make_ready() -> None:
    """Stand in for streams that are closed, and let no letter stop the command that the terminal cannot show.

    A closed stream's number would go to the next file that is opened, and what is printed would go into it.
    What standard output does not take is an OutputError from now on, but for a reader that went away.
    """
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given, and that is this one; programs that we start have it, too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    encoding = sys.stdout.encoding if sys.stdout else "utf-8"
    sys.stdin = sys.stdin or open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(STDERR, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = TextIOWrapper(
        BufferedWriter(_Output(STDOUT, "w", closefd=False)),
        encoding=encoding,
        errors="backslashreplace",
        line_buffering=os.isatty(STDOUT),
    )


class _Output(FileIO):
    """Standard output, which says of itself that it cannot be written."""

    def write(self, data: Any, /) -> int:
        """As a file does."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"Standard output cannot be written: {error.strerror}.") from error


def hand_over() -> None:
    """Write out what waits in the streams; OutputError where that cannot be done.

    What cannot be written is let go: Python would try once more at its end, and say so in words of its own.
    """
    if sys.stdout.closed:
        # By a writer over it that failed, and said so.
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _let_go(STDOUT)
    except OutputError:
        _let_go(STDOUT)
        raise
    with suppress(OSError):
        sys.stderr.flush()


def _let_go(number: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
