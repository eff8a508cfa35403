"""Sessions: wrong tokens are counted, whoever asks at the same time."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from catalogs.browser.auth import sessions
from catalogs.browser.auth.sessions import Sessions


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_threads")
def test_wrong_tokens_from_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """No wrong token is forgotten where several come at once, also where more addresses come than are remembered."""
    monkeypatch.setattr(sessions, "ADDRESSES", 20)
    for _ in range(20):
        _guess_at_once(Sessions("a-token-of-some-length", "ann"))


def _guess_at_once(guard: Sessions) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: guard.was_wrong("10.0.0.1"), range(8)))
        assert len(guard._recent(sessions._network("10.0.0.1"))) == 8
        # 400 networks: each pushes out one that was remembered.
        list(pool.map(lambda n: guard.was_wrong(f"10.{n % 200}.{n // 200}.1"), range(400)))
        list(pool.map(lambda n: guard.must_wait(f"10.{n % 200}.9.1"), range(400)))
