"""Standard input, output and error as the command needs them, however it was started."""

import os
import sys
from io import TextIOWrapper

from flows.terminal import FAILED, output_fault, say


def make_ready() -> None:
    """Stand in for streams that are closed, and let no letter stop the command that the terminal cannot show.

    A closed stream's number would go to the next file that is opened, and what is printed would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is given, and that is this one; programs that we start have it, too.
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.stdin = sys.stdin or open(0, closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def hand_over(code: int) -> int:
    """Write out what waits in the streams; the exit code, which says so where that cannot be done."""
    if fault := output_fault():
        say(fault)
        code = code or FAILED
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Python would try once more at its end, and say so in words of its own.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code
