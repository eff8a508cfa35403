"""Servers on this machine are reached directly, also where a proxy is set for other machines."""

import os

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def bypass_proxy_for_loopback() -> None:
    """Add this machine's own addresses to NO_PROXY and no_proxy; programs that we start inherit them.

    Some programs read the one spelling and some the other, so both get the same value.
    """
    listed = ",".join(os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY"))
    hosts = [host.strip() for host in listed.split(",")]
    if "*" in hosts:
        return
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(
        dict.fromkeys(host for host in (*hosts, *LOOPBACK) if host)
    )
