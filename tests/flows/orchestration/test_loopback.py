"""What listens on this machine is reached without a proxy, whatever the environment says of proxies."""

import os

import httpx
import pytest

from flows.orchestration.loopback import bypass_proxy_for_loopback


def through_proxy(url: str) -> bool:
    """Whether httpx, which Prefect talks with, would take a proxy for an address."""
    with httpx.Client() as client:
        return client._transport_for_url(httpx.URL(url)) is not client._transport


@pytest.mark.parametrize("proxy", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_no_proxy_for_loopback(proxy: str, host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback is reached directly by every name, and the world outside still through the proxy."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    bypass_proxy_for_loopback()
    assert not through_proxy(f"http://{host}:4200/api")
    assert through_proxy("http://example.com/")


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("", "127.0.0.1,localhost,::1"),
        (".corp.example, 10.0.0.0/8", ".corp.example,10.0.0.0/8,127.0.0.1,localhost,::1"),
        ("localhost", "localhost,127.0.0.1,::1"),
    ],
)
def test_what_the_user_said_stays(name: str, said: str, wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hosts that are excepted by either name stay so, each once, and both names say the same."""
    for one in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(one, said if one == name else "")
    bypass_proxy_for_loopback()
    assert (os.environ["NO_PROXY"], os.environ["no_proxy"]) == (wanted, wanted)


def test_no_proxy_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no host goes through the proxy, nothing is to be added."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "")
    bypass_proxy_for_loopback()
    assert os.environ["NO_PROXY"] == "*"
