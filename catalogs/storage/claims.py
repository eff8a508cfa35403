"""Claims on designs: which run is making which design, so that runs at once share the work instead of doubling it.

A claim is an object that only one holder can create. A holder is alive as long as it sends heartbeats: it writes
an object anew every `BEAT` seconds. A claim expires when its holder has sent no heartbeat for `LEASE` seconds, or
when the holder's process on this machine has ended; then another holder may take the claim over. Times are the
store's own, because the clocks of machines may differ.

Claims only save work. Records are inserted once, whoever makes them; a take-over that two holders try at once may
leave both at work on one design, which does no harm.
"""

import json
import logging
import os
import platform
import threading
import time
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from catalogs import keys
from catalogs.errors import CatalogsError, NotFoundError
from catalogs.storage.store_contract import Store

log = logging.getLogger(__name__)

BEAT = 15.0
"""Seconds between two heartbeats."""
LEASE = timedelta(seconds=180)
"""Time without a heartbeat after which a claim expires: several beats, and a slow store's retries."""
DOUBT = LEASE.total_seconds() / 2
"""Seconds without a heartbeat of this holder after which another may have taken its claims over."""
LOOK = 2.0
"""Seconds for which a list of living holders is used."""
AT_ONCE = 16
"""Requests to the store at once."""


class Claims:
    """The claims of one holder (a run) in a design catalog."""

    def __init__(self, store: Store, holder: str) -> None:
        """`holder` is an id that no other process has; nothing is written before `held`."""
        self._store, self._holder = store, keys.check_id(holder)
        self._living: set[str] = set()
        self._looked = -LOOK
        self._lock = threading.Lock()
        self._beaten, self._doubtful = time.monotonic(), False
        self._holders: dict[str, str] = {}
        """The holder of each claim that was read; a claim is read once."""

    @property
    def holder(self) -> str:
        """The id of this holder, as other runs see it."""
        return self._holder

    @contextmanager
    def held(self) -> Iterator[None]:
        """While this lasts, a thread sends the holder's heartbeats."""
        self._beat()
        over = threading.Event()
        thread = threading.Thread(target=self._keep_beating, args=(over,), name="sign-of-life", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            # An error of the removal would stop others' work too, and is reported there.
            with suppress(CatalogsError):
                self._store.delete(keys.claim_holder(self._holder))

    @contextmanager
    def taken(self, designs: Collection[str]) -> Iterator[set[str]]:
        """While this lasts, the holder claims those of the designs that no other living holder has; gives them."""
        ours = self._take(designs)
        try:
            yield ours
        finally:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self._release, ours))

    def _release(self, design: str) -> None:
        # A claim that stays makes another run wait until this run ends, and does no other harm.
        with suppress(CatalogsError):
            doubtful = self._doubtful or time.monotonic() - self._beaten > DOUBT
            if not doubtful or self._holder_of(design) == self._holder:
                self._store.delete(keys.claim(design))

    def at_work(self, designs: Collection[str]) -> dict[str, str]:
        """Designs that another living holder has claimed, and that holder's id."""
        if not designs:
            return {}
        claimed = {info.key.removeprefix(keys.CLAIM_DESIGNS) for info in self._store.list(keys.CLAIM_DESIGNS)}
        wanted = [design for design in designs if design in claimed]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            holders = dict(zip(wanted, pool.map(self._first_holder_of, wanted), strict=True))
        return {design: holder for design, holder in holders.items() if holder and holder in self.others()}

    def _first_holder_of(self, design: str) -> str | None:
        if design not in self._holders and (holder := self._holder_of(design)):
            self._holders[design] = holder
        return self._holders.get(design)

    def others(self) -> set[str]:
        """Ids of the other holders that are alive."""
        return self._alive() - {self._holder}

    def now(self) -> datetime:
        """The store's own time, by the holder's last heartbeat: at most one beat old. Only while `held` lasts.

        Raises NotFoundError where the heartbeat's object was removed meanwhile.
        """
        own_key = keys.claim_holder(self._holder)
        sign = self._store.stat(own_key)
        if sign is None:
            raise NotFoundError(
                f"{self._store.uri}/{own_key}: our own sign of life was removed meanwhile. Run the same command again."
            )
        return sign.modified

    def _take(self, designs: Collection[str]) -> set[str]:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return {
                design for design, ours in zip(designs, pool.map(self._claim, designs), strict=True) if ours
            }

    def _claim(self, design: str) -> bool:
        key, name = keys.claim(design), self._holder.encode()
        if self._store.create(key, name):
            return True
        holder = self._holder_of(design)
        self._holders[design] = holder or ""
        # The claim is this holder's already: the shard was tried before, or the answer to the creation was lost.
        if holder == self._holder:
            return True
        if holder is not None and holder in self._alive():
            return False
        self._store.delete(key)
        return self._store.create(key, name)

    def _holder_of(self, design: str) -> str | None:
        try:
            return self._store.read(keys.claim(design)).decode()
        except NotFoundError:
            return None

    def _keep_beating(self, over: threading.Event) -> None:
        while not over.wait(BEAT):
            # An unreachable store is reported by the threads that write designs.
            try:
                self._beat()
            except Exception as error:
                log.warning("No sign of life could be given: %s", error)

    def _beat(self) -> None:
        sign = {"place": PLACE, "pid": os.getpid()}
        self._store.write(keys.claim_holder(self._holder), json.dumps(sign).encode())
        now = time.monotonic()
        self._doubtful |= now - self._beaten > DOUBT
        self._beaten = now

    def _alive(self) -> set[str]:
        """Holders that are alive, as of the last `LOOK` seconds."""
        with self._lock:
            if time.monotonic() - self._looked >= LOOK:
                self._living = set(self._list_alive())
                self._looked = time.monotonic()
            return self._living

    def _list_alive(self) -> Iterator[str]:
        signs = {info.key: info.modified for info in self._store.list(keys.CLAIM_HOLDERS)}
        own_key = keys.claim_holder(self._holder)
        # This holder's heartbeat is at most one beat old, by the store's clock.
        now = signs.get(own_key) or max(signs.values(), default=datetime.min)
        for key, modified in signs.items():
            # In both directions: a clock that was set back leaves old heartbeats in the future.
            if key == own_key or (abs(now - modified) < LEASE and self._is_alive(key)):
                yield keys.holder_of(key)

    def _is_alive(self, key: str) -> bool:
        """Whether a heartbeat is of another machine, or of a process of this machine that still runs."""
        try:
            sign = json.loads(self._store.read(key))
            return sign["place"] != PLACE or _is_process(int(sign["pid"]))
        except (NotFoundError, ValueError, KeyError, TypeError, RecursionError):
            # The object was removed meanwhile, or is no heartbeat.
            return False


def _process_place() -> str:
    """The machine since its last start, and the container on it: the place in which a process number is unique."""
    parts = [platform.node()]
    with suppress(OSError):
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text().strip()]
        parts += [str(Path("/proc/self/ns/pid").readlink())]
    return " ".join(parts)


PLACE = _process_place()


def _is_process(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
