"""Standard input, output and error as the command needs them, however it was started."""

import os
import sys
from contextlib import suppress
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any

from flows.errors import OutputError

STDIN, STDOUT, STDERR = range(3)


def prepare_streams() -> None:
    """Open streams that are closed, and escape letters that the terminal cannot show.

    The next file that is opened would get the number of a closed stream, and would take what is printed. From now on
    a failed write to standard output is an OutputError, unless the reader went away.
    """
    for number in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            # The system gives the lowest free number, which is this one; programs that we start inherit it.
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
    """Standard output, whose errors name it."""

    def write(self, data: Any, /) -> int:
        """Write as a file does; OutputError where that fails, unless the reader went away (BrokenPipeError)."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"Standard output cannot be written: {error.strerror}.") from error


def flush_streams() -> None:
    """Write out what waits in the streams; OutputError where that fails.

    What cannot be written is dropped: Python would try it once more at its end, and print its own message.
    """
    if sys.stdout.closed:
        # A writer over it failed, closed it, and reported the error.
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output(STDOUT)
    except OutputError:
        _drop_output(STDOUT)
        raise
    with suppress(OSError):
        sys.stderr.flush()


def _drop_output(number: int) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), number)
