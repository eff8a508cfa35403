"""A bounded cache of targets: a style's statistics and a garment's features are taken once."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from stylecore.objective import Targets

LIMIT = 2**31
"""Bytes of targets that are kept, on the device where they are used."""


@dataclass
class TargetCache:
    """Targets by key, those used longest ago dropped first; `hits` and `misses` are for the run's report."""

    limit: int = LIMIT
    hits: int = 0
    misses: int = 0
    _kept: "OrderedDict[str, Targets]" = field(default_factory=OrderedDict)
    _bytes: int = 0

    def get(self, key: str, make: Callable[[], Targets]) -> Targets:
        """The targets called `key`, made if they are not known; without a key they are not kept."""
        if key in self._kept:
            self.hits += 1
            self._kept.move_to_end(key)
            return self._kept[key]
        self.misses += 1
        made = make()
        if key and size_in_bytes(made) <= self.limit:
            self._kept[key], self._bytes = made, self._bytes + size_in_bytes(made)
            while self._bytes > self.limit:
                self._bytes -= size_in_bytes(self._kept.popitem(last=False)[1])
        return made

    def clear(self) -> None:
        """Forget all targets; hits and misses stay."""
        self._kept.clear()
        self._bytes = 0

    @property
    def hit_rate(self) -> float:
        """Share of the questions that were answered from memory; 0 where none was asked."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


def size_in_bytes(targets: Targets) -> int:
    """Memory of all tensors."""
    return sum(tensor.nbytes for field in fields(targets) for tensor in getattr(targets, field.name).values())
