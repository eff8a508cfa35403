"""Origins of writes: whether the page that sent one is of this server."""

from urllib.parse import urlsplit

from starlette.requests import Request

PORTS = {"http": 80, "https": 443}
PASS_HOST = (
    "Where a proxy is before this server, have it pass the Host header on (nginx: proxy_set_header Host $host; or"
    " $http_host where the proxy has a port of its own)."
)


def own_origin(request: Request, *, secure: bool) -> str:
    """The origin of our own pages, as browsers write it."""
    scheme = "https" if secure else request.url.scheme
    return f"{scheme}://{request.headers.get('host', '')}"


def refuse_foreign_origin(origin: str, own_origin_text: str) -> str:
    """Why a write of a page of `origin` is refused, and what to do; empty where the origin is our own."""
    sent, ours = _parts(origin), _parts(own_origin_text)
    if sent == ours and sent[1]:
        return ""
    remedies = []
    if sent[1:] != ours[1:]:
        remedies.append(PASS_HOST)
    if sent[0] == "https" and ours[0] == "http":
        remedies.append("Where a proxy with TLS is before this server, start it with --secure.")
    elif sent[0] == "http" and ours[0] == "https":
        remedies.append("This server's pages come by https: open them so, or leave --secure out.")
    said = f"This was sent by a page of {origin[:80]}, not of {own_origin_text[:80]}: nothing was done."
    return " ".join([said, *remedies])


def _parts(origin: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of an origin. The port is None where it is the scheme's own, so both spellings are equal.

    The host is empty where the text is no origin.
    """
    try:
        address = urlsplit(origin)
        host, port = address.hostname or "", address.port
    except ValueError:
        return "", "", None
    if "@" in address.netloc or origin.count("/") != 2:
        return "", "", None
    return address.scheme, host, None if port == PORTS.get(address.scheme) else port
