"""The browser of a design catalog: its web server, and the mill that makes more designs like chosen ones."""

import os
import socket
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from catalogs.browser.app import create_app
from catalogs.browser.auth.request_guard import LOOPBACK
from catalogs.browser.auth.sessions import Sessions
from catalogs.browser.context import BrowserContext
from catalogs.browser.orders import Estimate, Order, Repetition
from catalogs.browser.runs import Run
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.thumbnails import Pictures
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import QueryError
from catalogs.storage.store_contract import Store
from catalogs.storage.stores import open_store
from flows.errors import FlowsError, SettingsError
from flows.planning.estimates import measured_seconds
from flows.planning.make_plan import make_plan
from flows.planning.run_config import resolve_estimate_config
from flows.planning.selection import Selection
from flows.recipes.kept import kept_name, kept_names
from flows.recipes.named import NAMED, is_named, recipe_from_record
from flows.recipes.text import as_toml
from flows.reports.command_lines import run_command_line
from flows.reports.run_status import KILLED, RunStatus, run_statuses, why_next
from flows.settings import Settings
from flows.wording import format_count, format_duration
from stylecore.errors import RecipeError, StylecoreError, nearest

if TYPE_CHECKING:
    from fastapi import FastAPI

LONGEST_HEADER = 16 * 1024
KILLED_MEANS = "It gives no sign of life: it was killed, or its machine is gone. What it filed stays."
AT_ONCE = 500
"""Connections at most; further clients are asked to come back later."""


@contextmanager
def _errors_for_page() -> Iterator[None]:
    """Turn errors of planning and starting into QueryError, which the page shows as the command would."""
    try:
        yield
    except (FlowsError, StylecoreError) as error:
        raise QueryError(str(error)) from error


@dataclass(frozen=True)
class CatalogMill:
    """Plans and starts runs from the catalogs that the browser's designs were made from."""

    settings: Settings
    garments: str
    styles: str
    designs: str
    api: str = ""
    """Address of the Prefect server that starts runs; without one there is only the command."""

    def recipes(self) -> Sequence[str]:
        """Return the names of recipes: the settings' own, the named ones, and those that the design catalog keeps."""
        kept = kept_names(open_store(self.designs, self.settings.s3))
        return list(dict.fromkeys([self.settings.recipe, *NAMED, *kept]))

    def _require_offered(self, order: Order) -> None:
        """Raise RecipeError unless the page offers the recipe: by its name a client could read any file here."""
        if order.recipe not in self.recipes():
            raise RecipeError(
                f"There is no recipe '{order.recipe[:80]}' here: {nearest(order.recipe, self.recipes())}"
            )

    def plan(self, order: Order) -> Estimate:
        """Return how many designs an order makes, and how long they take; QueryError where it cannot be planned."""
        with _errors_for_page():
            return self._plan_order(order)

    def _plan_order(self, order: Order) -> Estimate:
        self._require_offered(order)
        # Within a request no weights are read, no pictures are decoded, and no torch is loaded.
        config = resolve_estimate_config(
            self.settings, self.garments, self.styles, self.designs, order.recipe
        )
        plan = make_plan(config, _selection(order), check_pictures=False)
        seconds = measured_seconds(config)
        refused = (
            (f"{format_count(len(plan.problems), 'problem')} in the catalogs: 'stylemill check' lists them.",)
            if plan.problems
            else ()
        )
        return Estimate(
            to_make=len(plan.jobs),
            there=plan.done,
            seconds=None if seconds is None else seconds * len(plan.jobs),
            remarks=(*plan.remarks, *refused),
        )

    def command(self, order: Order) -> str:
        """Return the terminal command that carries the order out."""
        return run_command_line(self.garments, self.styles, self.designs, order.recipe, _selection(order))

    def repetition(self, order: Order, recipe_json: str) -> Repetition:
        """Return the command for an order by a recorded recipe: its name, where it is named or kept, else a TOML file.

        QueryError where this version cannot read the recorded recipe.
        """
        with _errors_for_page():
            recipe = recipe_from_record(order.recipe, recipe_json)
            if is_named(recipe):
                return Repetition(self.command(order))
            if (kept := kept_name(recipe)) in self.recipes():
                return Repetition(
                    self.command(replace(order, recipe=kept)), f"{kept}.toml", as_toml(recipe), True
                )
            file = f"{recipe.name}.toml"
            return Repetition(self.command(replace(order, recipe=file)), file, as_toml(recipe))

    @property
    def can_start(self) -> bool:
        """Return whether a Prefect server is configured, which starts runs."""
        return bool(self.api)

    def start(self, order: Order) -> str:
        """Start the deployment for an order; returns the run's name and its page. QueryError where it does not start."""
        with _errors_for_page():
            return self._start_run(order)

    def _start_run(self, order: Order) -> str:
        from flows.orchestration.prefect_api import OF_STYLE_SETS, start_deployment

        self._require_offered(order)
        if not self.api:
            raise SettingsError(
                "There is no Prefect server to start a run: set PREFECT_API_URL, or use the command."
            )
        parameters: dict[str, object] = {
            "garments": self.garments, "styles": self.styles, "designs": self.designs, "recipe": order.recipe,
            "style_sets": list(order.style_sets), "garment_ids": list(order.garments),
            "style_ids": list(order.styles), "run_name": "more like these",
        }  # fmt: skip
        run = start_deployment(OF_STYLE_SETS, parameters)
        return f"{run.name}, {self.api.removesuffix('/api')}/runs/flow-run/{run.id}"


def _selection(order: Order) -> Selection:
    return Selection(tuple(order.style_sets), tuple(order.garments), tuple(order.styles))


def create_browser(
    settings: Settings,
    designs: Store,
    *,
    garments: str = "",
    styles: str = "",
    token: str | None = None,
    who: str = "",
    names: Collection[str] = LOOPBACK,
    secure: bool = False,
) -> "FastAPI":
    """Create the web application over a design catalog.

    `token` opens the application; None lets every client of this machine in. It answers to these host `names` only; to
    all names, where there are none.
    """
    uris = garments or settings.garments, styles or settings.styles
    stores = [open_store(uri, settings.s3) if uri else None for uri in uris]
    mill = None
    if stores[0] and stores[1]:
        api = os.environ.get("PREFECT_API_URL", "")
        mill = CatalogMill(settings, stores[0].uri, stores[1].uri, designs.uri, api)
    catalog = DesignCatalog(designs)
    context = BrowserContext(
        state=ReviewState(catalog),
        pictures=Pictures(designs, *stores),
        sessions=Sessions(token, who or "somebody"),
        name=designs.uri,
        mill=mill,
        runs=lambda: [_run_for_page(status) for status in run_statuses(catalog)],
    )
    return create_app(context, names=names, secure=secure)


def _run_for_page(run: RunStatus) -> Run:
    state, _, reason = run.state.partition(": ")
    return Run(
        run_id=run.run, state=state, what=KILLED_MEANS if state == KILLED else reason, started_at=run.started_at,
        recipe=run.recipe, planned=run.planned, made=run.made, turned_away=run.rejected,
        seconds=format_duration(run.seconds), reasons=run.reasons, report=run.report, next=run.next,
        why_next=why_next(run).replace("rejected", "turned away"),
    )  # fmt: skip


def listen(host: str, port: int) -> socket.socket:
    """Open a socket that listens; SettingsError where the address cannot be used."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
        # Now, not when the server is ready: a person who is told the address may open it at once, and waits.
        sock.listen()
    except OSError as error:
        sock.close()
        raise SettingsError(
            f"{host}:{port} cannot be listened at ({error.strerror}): give another --port."
        ) from error
    return sock


def serve(app: "FastAPI", sock: socket.socket) -> None:
    """Serve the application on the socket until a signal ends this process."""
    import uvicorn

    from catalogs.browser.slow_clients import TimedH11Protocol

    config = uvicorn.Config(
        app,
        http=TimedH11Protocol,
        log_level="warning",
        server_header=False,
        h11_max_incomplete_event_size=LONGEST_HEADER,
        limit_concurrency=AT_ONCE,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
    )
    uvicorn.Server(config).run(sockets=[sock])
