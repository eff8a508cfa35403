"""The cache of targets: bounded by bytes, the longest unused leave first, and every answer is counted."""

from collections.abc import Callable

import pytest
import torch

from stylecore.objective.target_cache import LIMIT, TargetCache, size_in_bytes
from stylecore.objective.targets import ContentTargets, StyleTargets


def targets(numbers: int, value: float = 0.0) -> StyleTargets:
    """Targets of 4 * `numbers` bytes."""
    return StyleTargets({"gram": {"a": torch.full((1, numbers), value)}}, {})


def making(made: list[str], key: str, numbers: int) -> Callable[[], StyleTargets]:
    """A maker that notes down when it is asked."""

    def make() -> StyleTargets:
        made.append(key)
        return targets(numbers)

    return make


def ask(cache: TargetCache, keys: str, numbers: int = 10) -> str:
    """Ask for one-letter keys in turn; returns those that had to be made."""
    made: list[str] = []
    for key in keys:
        cache.get(key, making(made, key, numbers))
    return "".join(made)


def test_size_in_bytes() -> None:
    """Every tensor of every field counts, in its own precision."""
    content = ContentTargets(
        features={"a": torch.zeros(1, 3, 4, 5)},
        guides={"a": torch.zeros(1, 1, 2, 2)},
        energy_floors={},
        cloth=torch.zeros(1, 1, 8, 8),
        term_targets={"lighting": torch.zeros(1)},
    )
    style = StyleTargets(
        {
            "gram": {"a": torch.zeros(1, 2, 6, 6, dtype=torch.bfloat16)},
            "covariance": {"a": torch.zeros(7, dtype=torch.float64)},
        },
        {},
    )
    assert size_in_bytes(content) == 4 * 60 + 4 * 4 + 4 * 64 + 4
    assert size_in_bytes(style) == 2 * 72 + 8 * 7


def test_made_once() -> None:
    """What was made is given again, the very same, and not made again."""
    cache = TargetCache()
    first = cache.get("k", lambda: targets(5))
    assert cache.get("k", lambda: pytest.fail("made twice")) is first


def test_without_a_key() -> None:
    """Without a key nothing is kept, and every question is a miss."""
    cache, made = TargetCache(), list[str]()
    for _ in range(3):
        cache.get(None, making(made, "x", 5))
    assert (len(made), cache.hits, cache.misses) == (3, 0, 3)


def test_longest_unused_leave_first() -> None:
    """Over the limit the one used longest ago leaves, where a hit counts as use."""
    cache = TargetCache(limit=3 * 40)
    assert ask(cache, "abc") == "abc"
    assert ask(cache, "a") == ""
    assert ask(cache, "d") == "d"  # b was used longest ago
    assert ask(cache, "acd") == ""
    assert ask(cache, "b") == "b"  # now a
    assert ask(cache, "cdb") == ""
    assert ask(cache, "a") == "a"


def test_a_large_one_pushes_out_several() -> None:
    """As many leave as the new one needs, and no more."""
    cache = TargetCache(limit=5 * 40)
    ask(cache, "abcde")
    ask(cache, "L", numbers=30)
    assert ask(cache, "deL") == ""
    assert ask(cache, "c") == "c"


def test_exactly_at_the_limit() -> None:
    """What just fits is kept; what is one byte too large is given but not kept, and pushes nothing out."""
    cache = TargetCache(limit=40)
    assert ask(cache, "aa", numbers=10) == "a"
    cache = TargetCache(limit=40)
    ask(cache, "s", numbers=5)
    assert ask(cache, "bb", numbers=11) == "bb"
    assert ask(cache, "s") == ""


def test_never_above_the_limit() -> None:
    """Whatever is asked for, what is kept never exceeds the limit, and the sum that is kept of it is true."""
    generator = torch.Generator().manual_seed(0)
    cache = TargetCache(limit=1000)
    for _ in range(500):
        key, numbers = (int(torch.randint(1, 30, (1,), generator=generator)) for _ in range(2))
        cache.get(f"{key}", lambda numbers=numbers: targets(10 * numbers))
        kept = sum(map(size_in_bytes, cache._targets.values()))
        assert kept == cache._bytes <= 1000
    assert cache.hits + cache.misses == 500
    assert cache.hits > 20


def test_hit_rate() -> None:
    """The share of questions answered from memory; 0 before the first."""
    cache = TargetCache()
    assert cache.hit_rate == 0
    ask(cache, "aaba")
    assert cache.hit_rate == pytest.approx(0.5)
    assert (cache.hits, cache.misses) == (2, 2)


def test_a_maker_that_fails() -> None:
    """What could not be made is not kept: the next question asks again."""
    cache = TargetCache()
    with pytest.raises(ZeroDivisionError):
        cache.get("k", lambda: targets(1 // 0))
    assert cache.get("k", lambda: targets(3, 7.0)).statistics["gram"]["a"].tolist() == [[7.0] * 3]


def test_own_memory() -> None:
    """Two caches know nothing of each other; the limit is 2 GiB unless told."""
    first, second = TargetCache(), TargetCache()
    ask(first, "a")
    assert ask(second, "a") == "a"
    assert first.limit == LIMIT == 2 * 1024**3
