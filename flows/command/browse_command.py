"""The command that serves a design catalog as a page: browse."""

import ipaddress
import socket
from typing import Annotated

import typer

from flows.command.terminal import Designs, open_design_catalog, report_errors, usage_error
from flows.logs import say

PORT = 8420
SHORTEST_TOKEN = 16
"""Characters of a token that a person chooses, at least."""

app = typer.Typer()


@app.command(
    "browse", epilog="Example: stylemill browse --designs ./designs --garments ./garments --styles ./styles"
)
def browse_command(
    designs: Designs = None,
    garments: Annotated[
        str | None, typer.Option(help="Garment catalog, for templates beside designs. [STYLEMILL_GARMENTS]")
    ] = None,
    styles: Annotated[str | None, typer.Option(help="Style catalog, likewise. [STYLEMILL_STYLES]")] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen at; other than loopback asks for a token.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = PORT,
    token: Annotated[
        str | None,
        typer.Option(
            help="What opens the page; made if it is wanted.", envvar="STYLEMILL_TOKEN", show_envvar=True
        ),
    ] = None,
    who: Annotated[
        str | None, typer.Option(help="Your name in the log of verdicts; your login's if not given.")
    ] = None,
    secure: Annotated[
        bool, typer.Option("--secure", help="Cookies over TLS only: behind a proxy that has it.")
    ] = False,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open a browser.")] = False,
) -> None:
    """Open a design catalog as a page to browse, compare, pick and export in. Ctrl-C ends it."""
    with report_errors():
        import webbrowser

        from catalogs.browser.auth.request_guard import LOOPBACK
        from flows.command.browsing import create_browser, listen, serve
        from flows.settings import read_settings

        catalog, loopback = open_design_catalog(designs), _is_loopback(host)
        chosen = token or (None if loopback else _new_token())
        if chosen is not None and len(chosen) < SHORTEST_TOKEN:
            raise usage_error(
                f"The token has {len(chosen)} letters: give {SHORTEST_TOKEN} at least, or none to have one made."
            )
        page = create_browser(
            read_settings(), catalog.store, garments=garments or "", styles=styles or "", token=chosen,
            who=who or _login(), names=(*LOOPBACK, host.lower()) if loopback else (), secure=secure,
        )  # fmt: skip
        sock = listen(host, port)
        address = f"http://{_browser_host(host)}:{sock.getsockname()[1]}/"
        try:
            typer.echo(f"{catalog.store.uri} is open at {address} (Ctrl-C ends it)")
            if chosen and not token:
                typer.echo(f"Token: {chosen}")
            if show:
                webbrowser.open(address)
            serve(page, sock)
        except KeyboardInterrupt:
            say("Closed. What was said is filed.")


def _is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _browser_host(host: str) -> str:
    """The name of a machine in an address for a browser; the machine's own name where it listens at all addresses."""
    try:
        every = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        every = False
    if every:
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _new_token() -> str:
    import secrets

    return secrets.token_urlsafe(24)


def _login() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "somebody"
