"""What listens on this machine is reached directly, also where a proxy is set for the world outside."""

import os

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def spare_loopback() -> None:
    """Put this machine's own addresses into NO_PROXY, beside what is there; programs that we start have it, too.

    Both spellings are read, and some programs prefer the one and some the other, so both say the same.
    """
    said = ",".join(os.environ.get(name, "") for name in ("no_proxy", "NO_PROXY"))
    hosts = [host.strip() for host in said.split(",")]
    if "*" in hosts:
        return
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(
        dict.fromkeys(host for host in (*hosts, *LOOPBACK) if host)
    )
