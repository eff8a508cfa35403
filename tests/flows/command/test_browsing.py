"""More like these: what people chose becomes a plan, a command, or a run."""

import json
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from typer.testing import CliRunner

from catalogs.browser.design_details import repeat_order
from catalogs.browser.orders import Order
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.errors import QueryError
from catalogs.storage.stores import open_store
from flows.command.browse_command import _browser_host, _is_loopback
from flows.command.browsing import CatalogMill, listen
from flows.command.cli import app
from flows.errors import SettingsError
from flows.recipes.named import NAMED, find_recipe
from flows.settings import Settings
from tests.conftest import ROOT


@pytest.fixture
def mill(catalog: Path) -> CatalogMill:
    """Over three garments and three styles, by a tiny recipe."""
    settings = Settings(_env_file=None, recipe=str(catalog / "tiny.toml"), device="cpu")  # type: ignore[call-arg]
    return CatalogMill(settings, *(str(catalog / name) for name in ("garments", "styles", "designs")))


def order(mill: CatalogMill, **chosen: tuple[str, ...]) -> Order:
    """An order by the settings' recipe."""
    return Order(mill.settings.recipe, **chosen)


def test_plan(mill: CatalogMill) -> None:
    """The plan counts what was chosen, and nothing is written."""
    assert mill.plan(order(mill, garments=("g0", "g2"), styles=("s1",))).to_make == 2
    assert mill.plan(order(mill, styles=("s0", "s1"))).to_make == 6
    assert mill.plan(order(mill, style_sets=("set-0",))).to_make == 6
    assert not Path(mill.designs).exists()


@pytest.mark.usefixtures("shared_prefect")
def test_command_does_the_same(mill: CatalogMill) -> None:
    """The command that is shown makes what the plan said, and the plan then finds it there."""
    chosen = order(mill, garments=("g1",), styles=("s0", "s2"))
    words = shlex.split(mill.command(chosen))
    assert words[:2] == ["stylemill", "run"]
    done = CliRunner().invoke(app, [*words[1:], "--device", "cpu"])
    assert done.exit_code == 0, done.output
    found = mill.plan(chosen)
    assert (found.to_make, found.there) == (0, 2)
    assert found.seconds == 0


@pytest.mark.usefixtures("shared_prefect")
def test_recipe_of_a_file_is_made_again(
    mill: CatalogMill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A design by a TOML recipe that is gone offers the file, and the command that reads it finds that design made."""
    done = CliRunner().invoke(
        app, [*shlex.split(mill.command(order(mill, garments=("g1",), styles=("s0",))))[1:]]
    )
    assert done.exit_code == 0, done.output
    (record,) = DesignCatalog(open_store(mill.designs)).read().to_pylist()
    Path(mill.settings.recipe).unlink()
    for kept in (Path(mill.designs) / "recipes").iterdir():
        kept.unlink()
    found = mill.repetition(repeat_order(record), record["recipe_json"])
    assert found.file == "tiny.toml"
    monkeypatch.chdir(tmp_path)
    Path(found.file).write_text(found.toml)
    words = shlex.split(found.command)
    assert words[words.index("--recipe") + 1] == "tiny.toml"
    done = CliRunner().invoke(app, words[1:])
    assert done.exit_code == 0 and "the 1 design is there" in done.output


@pytest.mark.usefixtures("shared_prefect")
def test_recipe_of_a_file_is_kept(mill: CatalogMill) -> None:
    """A TOML recipe lives on with its designs: offered, read by the command alone, and the same to the digest."""
    done = CliRunner().invoke(
        app, [*shlex.split(mill.command(order(mill, garments=("g1",), styles=("s0",))))[1:]]
    )
    assert done.exit_code == 0, done.output
    (record,) = DesignCatalog(open_store(mill.designs)).read().to_pylist()
    Path(mill.settings.recipe).unlink()
    name = f"tiny-{record['recipe_digest'][:12]}"
    assert name in mill.recipes()
    found = mill.repetition(repeat_order(record), record["recipe_json"])
    assert found.kept and found.file == f"{name}.toml"
    words = shlex.split(found.command)
    assert words[words.index("--recipe") + 1] == name
    for called in (name, "tiny"):
        words[words.index("--recipe") + 1] = called
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0 and "the 1 design is there" in done.output
    plan = mill.plan(replace(repeat_order(record), recipe=name))
    assert (plan.to_make, plan.there) == (0, 1)


def test_other_files_are_not_read(mill: CatalogMill, tmp_path: Path) -> None:
    """Whoever asks for a recipe that the page does not offer hears nothing of the files of this machine."""
    secret = tmp_path / "secret.toml"
    secret.write_text("password = 1\n")
    for name in (str(secret), "./secret.toml", str(tmp_path / "gone.toml"), "../x.toml"):
        for work in (mill.plan, mill.start):
            with pytest.raises(QueryError, match="There is no recipe") as caught:
                work(Order(name))
            assert "password" not in str(caught.value)


@pytest.mark.parametrize("name", NAMED)
def test_named_recipes_need_no_file(mill: CatalogMill, name: str) -> None:
    """A design by a recipe that is called so now, with whatever weights were found, is made again by the name."""
    recorded = replace(NAMED[name](), encoder_sha256="a" * 64).canonical_json()
    found = mill.repetition(Order(name), recorded)
    assert (found.file, shlex.split(found.command)[-1]) == ("", name)


@pytest.mark.parametrize(
    ("name", "file"),
    [("loud", "loud.toml"), ("house", "house.toml"), ("-x", "x.toml"), ("../etc/x", "etc-x.toml"), ("a\nb", "a-b.toml"),
     ("Été 1", "Été 1.toml"), ("", "recipe.toml")],
)  # fmt: skip
def test_other_recipes_are_files(
    mill: CatalogMill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    """Any other recipe, also one that is called as a named one, becomes a file with the very same digest."""
    recipe = replace(NAMED["print"](), name="loud", learning_rate=0.03)
    found = mill.repetition(Order(name), recipe.canonical_json())
    words = shlex.split(found.command)
    assert (found.file, words[words.index("--recipe") + 1]) == (file, file)
    monkeypatch.chdir(tmp_path)
    Path(file).write_text(found.toml, encoding="utf-8")
    assert find_recipe(file).digest() == recipe.digest()


@pytest.mark.parametrize(
    "recorded", ["", "{", "{}", "[]", "7", "null", '{"no_such_field": 1}', '{"seed": "x"}', '["ab"]']
)
def test_recipe_that_cannot_be_read(mill: CatalogMill, recorded: str) -> None:
    """A record of another version's recipe is refused as such."""
    with pytest.raises(QueryError):
        mill.repetition(Order("loud"), recorded)


NO_TORCH = """
import sys
from catalogs.browser.orders import Order
from flows.command.browsing import CatalogMill
from flows.settings import Settings
settings = Settings(_env_file=None, vgg19_weights="/nowhere/vgg19.pth")
found = CatalogMill(settings, *sys.argv[1:4]).plan(Order(sys.argv[4]))
print(found.to_make, found.there, sorted({"torch", "prefect"} & set(sys.modules)))
"""


@pytest.mark.parametrize("recipe", ["house", "studio", "gatys2016"])
def test_a_plan_reads_no_weights(mill: CatalogMill, recipe: str) -> None:
    """A plan within a request loads no torch, and reads no weights, which may be half a gigabyte or not there."""
    places = (mill.garments, mill.styles, mill.designs)
    done = subprocess.run(
        [sys.executable, "-c", NO_TORCH, *places, recipe],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.stdout == "9 0 []\n", done.stderr


@pytest.mark.usefixtures("shared_prefect")
@pytest.mark.parametrize("field", ["content_weight = 0.3", 'encoder_sha256 = "' + "f" * 64 + '"'])
def test_designs_of_another_recipe_are_not_there(mill: CatalogMill, catalog: Path, field: str) -> None:
    """What was made by a recipe that differs, be it in its weights only, does not count as there."""
    CliRunner().invoke(app, [*shlex.split(mill.command(order(mill, garments=("g1",), styles=("s0",))))[1:]])
    assert mill.plan(order(mill)).there == 1
    with (catalog / "tiny.toml").open("a") as file:
        file.write(field)
    assert mill.plan(order(mill)).there == 0


def test_a_plan_decodes_no_picture(mill: CatalogMill, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan within a request looks at no picture, however many have work."""
    monkeypatch.setattr(
        "flows.planning.make_plan.usable_records", lambda *_: pytest.fail("a picture was looked at")
    )
    assert mill.plan(order(mill)).to_make == 9


def test_what_was_not_asked_for_is_no_problem(mill: CatalogMill) -> None:
    """A row that cannot be used counts against a plan of all, and not against one of other records."""
    with (Path(mill.garments) / "catalog.csv").open("a") as file:
        file.write("g7,gone.png,,Gone,Ann\n")
    assert mill.plan(order(mill)).remarks == ("1 problem in the catalogs: 'stylemill check' lists them.",)
    assert mill.plan(order(mill, garments=("g0",))).remarks == ()


def test_cannot_be_planned(mill: CatalogMill) -> None:
    """An order of what is not there is refused in the words of the command."""
    with pytest.raises(QueryError, match="no usable garment 'g9'"):
        mill.plan(order(mill, garments=("g9",)))
    with pytest.raises(QueryError, match="no recipe 'hous'"):
        mill.plan(Order("hous"))


class Api(BaseHTTPRequestHandler):
    """Prefect's API, as far as starting a run needs it; notes what it is sent."""

    sent: ClassVar[list[dict[str, Any]]] = []
    deployed = True

    def do_GET(self) -> None:
        """A deployment, and a version."""
        if "/csrf-token" in self.path:
            # So answers a server that wants none.
            self._answer(422, {"detail": "CSRF protection is disabled."})
        elif "/deployments/name/" in self.path and not self.deployed:
            self._answer(404, {"detail": "Deployment not found"})
        else:
            self._answer(200, DEPLOYMENT if "/deployments/" in self.path else "3.8.8")

    def do_POST(self) -> None:
        """A run."""
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.sent.append(body)
        self._answer(
            201,
            {
                "id": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
                "name": "able-ox",
                "flow_id": DEPLOYMENT["flow_id"],
            },
        )

    def _answer(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: Any) -> None:
        """Nothing."""


DEPLOYMENT = {
    "id": "11111111-1111-4111-8111-111111111111", "name": "style-set", "flow_id": "22222222-2222-4222-8222-222222222222",
    "created": "2026-11-21T00:00:00Z", "updated": "2026-11-21T00:00:00Z",
}  # fmt: skip


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that answers as Prefect's."""
    server = HTTPServer(("127.0.0.1", 0), Api)
    monkeypatch.setattr(Api, "sent", [])
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()


def test_started(mill: CatalogMill, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start creates a run of the deployment with the order's choice and this browser's catalogs."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setattr(Api, "deployed", True)
    with temporary_settings({PREFECT_API_URL: api}):
        where = CatalogMill(mill.settings, mill.garments, mill.styles, mill.designs, api).start(
            Order("house", ("g0",), (), ("set-0",))
        )
    assert where.startswith("able-ox, http://127.0.0.1:")
    (body,) = Api.sent
    assert body["parameters"] == {
        "garments": mill.garments, "styles": mill.styles, "designs": mill.designs, "recipe": "house",
        "style_sets": ["set-0"], "garment_ids": ["g0"], "style_ids": [], "run_name": "more like these",
    }  # fmt: skip


def test_not_deployed(mill: CatalogMill, api: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the deployment the person is told what is missing."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    monkeypatch.setattr(Api, "deployed", False)
    with temporary_settings({PREFECT_API_URL: api}), pytest.raises(QueryError, match="no deployment"):
        CatalogMill(mill.settings, mill.garments, mill.styles, mill.designs, api).start(Order("house"))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("0.0.0.0", socket.gethostname()),
        ("::", socket.gethostname()),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("mill.example", "mill.example"),
    ],
)
def test_address_to_send(host: str, name: str) -> None:
    """A server at all addresses is told by the machine's name: no other machine can open 0.0.0.0."""
    assert _browser_host(host) == name


def test_port_in_use() -> None:
    """A port that is taken is a sentence, with what to do."""
    with listen("127.0.0.1", 0) as sock, pytest.raises(SettingsError, match="another --port"):
        listen("127.0.0.1", sock.getsockname()[1])


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.5", False), ("example.com", False)],
)  # fmt: skip
def test_loopback(host: str, loopback: bool) -> None:
    """Only addresses that no other machine can reach do without a token."""
    assert _is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("options", "message"),
    [(["--token", "short"], "give 16 at least"), (["--designs", "nowhere"], "holds no design catalog")],
)
def test_refused(options: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short token, and a place without designs, are refused before anything listens."""
    from tests.catalogs.browser.shop import shop

    shop(tmp_path / "designs")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["browse", "--designs", "designs", "--port", "0", *options])
    assert done.exit_code in (1, 2)
    assert message in done.output
