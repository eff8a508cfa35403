"""Workers as processes of this machine: one a device, each with its encoder and its caches.

A process that is killed, or whose device is lost, loses its shard and nothing else: another takes its
place. Prefect's own ProcessPoolTaskRunner ends with its first dead process, and its processes know no
devices (docs/decisions/0005-fan-out.md).
"""

import logging
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from types import FrameType, TracebackType
from typing import Self

import torch

from flows.errors import DeviceLostError, SettingsError, StoppedError, WorkerLostError
from flows.logs import as_json
from flows.painting.designing import OnAdvance, Outcome
from flows.run.devices import choose_batch
from flows.run.planning import DesignJob
from flows.run.preparing import Place
from flows.settings import Settings
from flows.workers.in_process import make_shard

log = logging.getLogger(__name__)

LOSSES = 5
"""Processes lost in a row with which a seat goes on: one more than one shard can cost."""
SPAWN = multiprocessing.get_context("spawn")
"""A fork would copy CUDA's and Prefect's threads in whatever state they are."""


class Processes:
    """Worker processes, started when they are first wanted."""

    def __init__(
        self, place: Place, settings: Settings, devices: Sequence[str], on_advance: OnAdvance
    ) -> None:
        """One process for each of `devices`."""
        self.seats, self.batch = len(devices), choose_batch(settings.batch, torch.device(devices[0]))
        threads = max(1, (os.cpu_count() or 1) // len(devices))
        self._all = [_Seat(replace(place, device=one), settings, threads, on_advance) for one in devices]
        self._free: queue.SimpleQueue[_Seat | None] = queue.SimpleQueue()
        for seat in self._all:
            self._free.put(seat)

    def make(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make a shard on the process that is free for longest; DeviceLostError where none is left."""
        seat = self._free.get()
        if seat is None:
            self._free.put(None)
            raise DeviceLostError(
                "Every worker process was lost again and again. Finished designs are filed; see the log for why."
            )
        try:
            return seat.make(jobs, shard)
        finally:
            self._put_back(seat)

    def _put_back(self, seat: "_Seat") -> None:
        """A seat that only ever loses its process is given up; the last one leaves a sign for who waits."""
        if seat.losses <= LOSSES:
            self._free.put(seat)
            return
        log.error("No more work for %s: %d processes were lost there in a row", seat.device, seat.losses)
        if all(one.losses > LOSSES for one in self._all):
            self._free.put(None)

    def stop(self) -> None:
        """Processes file what is finished, and give up the rest of their shards."""
        for seat in self._all:
            seat.stop()

    def __enter__(self) -> Self:
        """Itself; processes are started by their first shard."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End all processes; after an error, told to stop."""
        if error is not None:
            self.stop()
        for seat in self._all:
            seat.close()


class _Seat:
    """A device and the process that works on it; a lost process is followed by another."""

    def __init__(self, place: Place, settings: Settings, threads: int, on_advance: OnAdvance) -> None:
        self._place, self._settings, self._threads, self._on_advance = place, settings, threads, on_advance
        self.device, self.losses = place.device, 0
        self._executor: ProcessPoolExecutor | None = None
        self._process = 0
        self._told = 0.0
        self._stopped = False
        self._lock = threading.Lock()
        """Held while a process is started or ended."""

    def make(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        self._told = 0.0
        try:
            made = self._running().submit(_make, self._place, self._settings, jobs, shard).result()
        except BrokenProcessPool as error:
            self.losses += 1
            self._end()
            # Whoever makes the shard begins at its beginning.
            self._on_advance(-self._told)
            raise WorkerLostError(
                f"The worker process on {self.device} ended while it made designs of style"
                f" {jobs[0].style.style_id}: it was killed, ran out of memory, or lost its device."
            ) from error
        except RuntimeError as error:
            if self._stopped:
                raise StoppedError("The run was told to stop.") from error
            raise
        self.losses = 0
        return made

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._executor is None and not self._stopped:
                # A pipe of its own: a queue that all share stays locked when one is killed as it writes.
                told, tell = SPAWN.Pipe(duplex=False)
                executor = ProcessPoolExecutor(1, SPAWN, initializer=_begin, initargs=(self._threads, tell))
                self._process, self._executor = executor.submit(os.getpid).result(), executor
                # The process has a copy; when that is closed too, the listener ends.
                tell.close()
                threading.Thread(target=_pass_on, args=(told, self._advance), daemon=True).start()
            if self._executor is None or self._stopped:
                raise StoppedError("The run was told to stop.")
            return self._executor

    def _advance(self, designs: float) -> None:
        self._told += designs
        self._on_advance(designs)

    def stop(self) -> None:
        # Once: a process takes the second signal for impatience.
        if not self._stopped and self._process:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGTERM)
        self._stopped = True

    def close(self) -> None:
        self._stopped = True
        self._end()

    def _end(self) -> None:
        with self._lock:
            executor, self._executor, self._process = self._executor, None, 0
        if executor:
            executor.shutdown()


def _pass_on(told: Connection, on_advance: OnAdvance) -> None:
    # OSError: the process was killed in the middle of a message.
    with told, suppress(EOFError, OSError):
        while True:
            on_advance(told.recv())


_here: list[Connection] = []
"""In a worker process: where it tells what went forward."""
_working = threading.Event()


def _begin(threads: int, tell: Connection) -> None:
    """What a worker process does first."""
    # Ctrl-C reaches all processes of a terminal; the run's own tells us, in its own time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    torch.set_num_threads(threads)
    _here.append(tell)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _stop(_number: int, _frame: FrameType | None) -> None:
    if not _working.is_set():
        os._exit(0)
    raise KeyboardInterrupt


def _follow_parent() -> None:
    """A run that was killed has nobody to take the outcome: its workers file what is finished, and end."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    # The pool's own loop would wait for work that never comes.
    while _working.is_set():
        time.sleep(0.2)
    os._exit(1)


def _make(place: Place, settings: Settings, jobs: Sequence[DesignJob], shard: str) -> Outcome:
    _working.set()
    try:
        return make_apart(place, settings, jobs, shard, _here[0].send)
    finally:
        _working.clear()


def make_apart(
    place: Place, settings: Settings, jobs: Sequence[DesignJob], shard: str, on_advance: OnAdvance
) -> Outcome:
    """Make a shard in this process, which is there for nothing else, and ends where its device is lost."""
    if settings.log == "json":
        as_json()
    try:
        return make_shard(place, settings, jobs, shard, on_advance)
    except KeyboardInterrupt as error:
        raise StoppedError("The run was told to stop.") from error
    except SettingsError:
        # The run has looked at its settings: a device that was there is there no more.
        log.exception("%s cannot be used by process %d", place.device, os.getpid())
        os._exit(1)
    except torch.AcceleratorError:
        # A device that failed once fails every call of this process that follows.
        log.exception("%s is lost to process %d", place.device, os.getpid())
        os._exit(1)
