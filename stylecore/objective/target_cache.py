"""A bounded cache of targets: a style's statistics, a garment's features and its folds are taken once."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from stylecore.objective.targets import ContentTargets, Folds, StyleTargets, named_tensors

LIMIT = 2**31
"""Bytes of targets that are kept, on the device where they are used."""

AnyTargets = TypeVar("AnyTargets", ContentTargets, StyleTargets, Folds)


@dataclass
class TargetCache:
    """Targets by key, those used longest ago dropped first; `hits` and `misses` are for the run's report."""

    limit: int = LIMIT
    hits: int = 0
    misses: int = 0
    _targets: "OrderedDict[Hashable, Any]" = field(default_factory=OrderedDict)
    _bytes: int = 0

    def get(self, key: Hashable, make: Callable[[], AnyTargets]) -> AnyTargets:
        """The targets of a key, from memory or else made by `make`; with the key None they are not kept.

        A key belongs to targets of one kind.
        """
        if key in self._targets:
            self.hits += 1
            self._targets.move_to_end(key)
            known: AnyTargets = self._targets[key]
            return known
        self.misses += 1
        made = make()
        if key is not None and size_in_bytes(made) <= self.limit:
            self._targets[key], self._bytes = made, self._bytes + size_in_bytes(made)
            while self._bytes > self.limit:
                self._bytes -= size_in_bytes(self._targets.popitem(last=False)[1])
        return made

    def clear(self) -> None:
        """Forget all targets; hits and misses stay."""
        self._targets.clear()
        self._bytes = 0

    @property
    def hit_rate(self) -> float:
        """Share of the calls of `get` that were answered from memory, 0 to 1; 0 where there was none."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else 0.0


def size_in_bytes(targets: ContentTargets | StyleTargets | Folds) -> int:
    """Memory of all tensors of the targets, in bytes."""
    return sum(tensor.nbytes for _, tensor in named_tensors(targets))
