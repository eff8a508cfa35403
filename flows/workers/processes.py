"""Workers as processes of this machine: one a device, each with its encoder and its caches.

A process that is killed, or whose device is lost, loses its shard and nothing else: another process takes its
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
from flows.logs import log_as_json
from flows.painting.outcome import OnAdvance, Outcome
from flows.painting.shard import make_designs
from flows.painting.worker_context import open_worker_context
from flows.planning.devices import choose_batch
from flows.planning.plan import DesignJob
from flows.planning.run_config import RunConfig

log = logging.getLogger(__name__)

LOSSES = 5
"""Processes lost in a row after which a device is still used: one more than one shard can cost."""
SPAWN = multiprocessing.get_context("spawn")
"""A fork would copy CUDA's and Prefect's threads in whatever state they are."""


class WorkerProcesses:
    """Worker processes, one for each device slot, started when the first shard comes to the slot."""

    def __init__(self, config: RunConfig, devices: Sequence[str], on_advance: OnAdvance) -> None:
        """Make one slot for each of `devices`; a device may be named several times."""
        self.concurrent_shards = len(devices)
        self.batch = choose_batch(config.settings.batch, torch.device(devices[0]))
        threads = max(1, (os.cpu_count() or 1) // len(devices))
        self._slots = [DeviceSlot(replace(config, device=device), threads, on_advance) for device in devices]
        self._free: queue.SimpleQueue[DeviceSlot | None] = queue.SimpleQueue()
        for slot in self._slots:
            self._free.put(slot)

    def make_designs(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make a shard's designs in the slot that is free for longest.

        Raises:
            DeviceLostError: every slot was given up.
            WorkerLostError: the process of the slot was lost.
            StoppedError: the run was told to stop.
        """
        slot = self._free.get()
        if slot is None:
            self._free.put(None)
            raise DeviceLostError(
                "Every worker process was lost again and again. Finished designs are filed; see the log for why."
            )
        try:
            return slot.make_designs(jobs, shard)
        finally:
            self._put_back(slot)

    def _put_back(self, slot: "DeviceSlot") -> None:
        """Free a slot, or give it up where it only loses processes; the last one puts None to wake waiting threads."""
        if slot.losses <= LOSSES:
            self._free.put(slot)
            return
        log.error("No more work for %s: %d processes were lost there in a row", slot.device, slot.losses)
        if all(other.losses > LOSSES for other in self._slots):
            self._free.put(None)

    def stop(self) -> None:
        """Tell all processes to file what is finished and to give up the rest of their shards."""
        for slot in self._slots:
            slot.stop()

    def __enter__(self) -> Self:
        """Return these workers; processes are started by their first shard."""
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """End all processes; after an error, tell them to stop first."""
        if error is not None:
            self.stop()
        for slot in self._slots:
            slot.close()


class DeviceSlot:
    """A device and the process that works on it; a lost process is followed by another."""

    def __init__(self, config: RunConfig, threads: int, on_advance: OnAdvance) -> None:
        """Take the device of `config`; its process computes with so many CPU `threads`."""
        self._config, self._threads, self._on_advance = config, threads, on_advance
        self.device, self.losses = config.device, 0
        self._executor: ProcessPoolExecutor | None = None
        self._process = 0
        self._reported = 0.0
        self._stopped = False
        self._lock = threading.Lock()
        """Held while a process is started or ended."""

    def make_designs(self, jobs: Sequence[DesignJob], shard: str) -> Outcome:
        """Make a shard's designs in the process of this slot, which is started if there is none.

        WorkerLostError where the process ended in between; StoppedError where the run was told to stop.
        """
        self._reported = 0.0
        try:
            made = self._running().submit(_make_in_process, self._config, jobs, shard).result()
        except BrokenProcessPool as error:
            self.losses += 1
            self._end()
            # The next try of the shard begins at its beginning.
            self._on_advance(-self._reported)
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
                # A pipe for each process: a queue that all share stays locked when one is killed as it writes.
                receiving, sending = SPAWN.Pipe(duplex=False)
                executor = ProcessPoolExecutor(
                    1, SPAWN, initializer=_prepare_process, initargs=(self._threads, sending)
                )
                self._process, self._executor = executor.submit(os.getpid).result(), executor
                # The process has a copy; when that is closed too, the thread that receives ends.
                sending.close()
                threading.Thread(target=_pass_on, args=(receiving, self._advance), daemon=True).start()
            if self._executor is None or self._stopped:
                raise StoppedError("The run was told to stop.")
            return self._executor

    def _advance(self, designs: float) -> None:
        self._reported += designs
        self._on_advance(designs)

    def stop(self) -> None:
        """Tell the process once to stop: it takes a second signal for impatience, and ends without filing."""
        if not self._stopped and self._process:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGTERM)
        self._stopped = True

    def close(self) -> None:
        """Wait for the end of the process; no other is started."""
        self._stopped = True
        self._end()

    def _end(self) -> None:
        with self._lock:
            executor, self._executor, self._process = self._executor, None, 0
        if executor:
            executor.shutdown()


def _pass_on(receiving: Connection, on_advance: OnAdvance) -> None:
    # OSError: the process was killed in the middle of a message.
    with receiving, suppress(EOFError, OSError):
        while True:
            on_advance(receiving.recv())


_progress_pipe: list[Connection] = []
"""In a worker process: the pipe into which it sends its progress."""
_working = threading.Event()


def _prepare_process(threads: int, sending: Connection) -> None:
    """Prepare a worker process before its first shard."""
    # Ctrl-C reaches all processes of a terminal; the run's own process tells its workers when it is time.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _on_stop)
    torch.set_num_threads(threads)
    _progress_pipe.append(sending)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _on_stop(_number: int, _frame: FrameType | None) -> None:
    if not _working.is_set():
        os._exit(0)
    raise KeyboardInterrupt


def _end_with_parent() -> None:
    """End this process after the run was killed, as nobody takes its outcome: it files what is finished first."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    # The pool's own loop would wait for work that never comes.
    while _working.is_set():
        time.sleep(0.2)
    os._exit(1)


def _make_in_process(config: RunConfig, jobs: Sequence[DesignJob], shard: str) -> Outcome:
    _working.set()
    try:
        return make_designs_apart(config, jobs, shard, _progress_pipe[0].send)
    finally:
        _working.clear()


def make_designs_apart(
    config: RunConfig, jobs: Sequence[DesignJob], shard: str, on_advance: OnAdvance
) -> Outcome:
    """Make a shard's designs in this process, which serves nothing else, and ends where its device is lost.

    StoppedError where the process is interrupted.
    """
    if config.settings.log == "json":
        log_as_json()
    try:
        return make_designs(open_worker_context(config), jobs, shard, on_advance)
    except KeyboardInterrupt as error:
        raise StoppedError("The run was told to stop.") from error
    except SettingsError:
        # The run has checked its settings: the device was there at its start, and is gone now.
        log.exception("%s cannot be used by process %d", config.device, os.getpid())
        os._exit(1)
    except torch.AcceleratorError:
        # A device that failed once fails every call of this process that follows.
        log.exception("%s is lost to process %d", config.device, os.getpid())
        os._exit(1)
