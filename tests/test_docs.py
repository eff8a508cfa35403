"""What the documents say is run, and what they point to is there."""

import importlib
import inspect
import re
import shlex
import shutil
import signal
import string
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml
from PIL import Image

from catalogs.errors import InvalidKeyError
from catalogs.keys import check_id
from tests.conftest import ROOT, TINY_RECIPE, Start, stop

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deployments/*.md")]


PAGES_WITH_CODE = ("README.md", "docs/recipes.md", "docs/results.md")
"""Pages whose code runs in this order, in the folder where `make demo` has drawn its catalog."""


def code_blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of a page's code blocks in bash, TOML and Python, in their order."""
    return re.findall(r"```(bash|toml|python)\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


class Reader:
    """A person who follows pages in a folder: runs commands and Python pieces, and saves TOML files."""

    def __init__(self, folder: Path, start: Start) -> None:
        """Commands use the default recipe; a small canvas keeps them short."""
        self.folder, self._start = folder, start
        self.environment = {"STYLEMILL_RECIPE": str(folder / "quick.toml")}
        (folder / "quick.toml").write_text(TINY_RECIPE)

    def follow(self, page: str) -> list[str]:
        """Do what every code block of a page says; returns what its Python pieces print."""
        printed = []
        for language, block in code_blocks(page):
            if language == "bash":
                for line in block.replace("\\\n", " ").splitlines():
                    self.enter(line)
            elif language == "toml":
                self.save(block)
            else:
                printed.append(self.run([sys.executable, "-c", block]))
        return printed

    def enter(self, line: str) -> None:
        """Run a line as in a terminal; a server is opened, used once, and ended by Ctrl-C."""
        command = shlex.split(line, comments=True)
        if command[:2] == ["stylemill", "browse"]:
            self.browse(command)
        else:
            self.run(command)

    def run(self, command: list[str]) -> str:
        """What a command prints; it must succeed."""
        with (self.folder / "said").open("w+b") as said:
            if command[0] == "stylemill":
                code = self._start(*command[1:], out=said, folder=self.folder, **self.environment).wait(240)
            else:
                code = subprocess.run(
                    command, cwd=self.folder, stdout=said, stderr=said, check=False
                ).returncode
        text = (self.folder / "said").read_text()
        assert code == 0, (command, text)
        return text

    def save(self, block: str) -> None:
        """Save a recipe that begins with its file's name; it must be valid."""
        from flows.recipes.named import find_recipe

        name = re.match(r"# (\w+\.toml)\n", block)
        if name:
            (self.folder / name[1]).write_text(block)
            find_recipe(str(self.folder / name[1]))

    def browse(self, command: list[str]) -> None:
        """Open the page on a free port, and pick its first design."""
        said = self.folder / "served"
        with said.open("wb") as log:
            server = self._start(*command[1:], "--port", "0", out=log, folder=self.folder, **self.environment)
        try:
            until = time.monotonic() + 60
            while not (address := re.search(r"http://\S+(?=/\s)", said.read_text())):
                assert server.poll() is None and time.monotonic() < until, said.read_text()
                time.sleep(0.05)
            with httpx.Client(
                base_url=address[0], follow_redirects=True, trust_env=False, timeout=60
            ) as client:
                page = client.get("/", headers={"accept": "text/html"}).text
                token = re.search(r'name="csrf" content="(\w+)"', page)
                design = next((self.folder / "demo" / "designs" / "images").rglob("*.png")).stem.partition(
                    "-"
                )[0]
                act = {"what": "verdict", "value": "pick", "target": {"ids": [design]}}
                answer = client.post(
                    "/api/acts", json=act, headers={"x-csrf-token": token[1] if token else ""}
                )
                assert answer.status_code == 200, answer.text
            server.send_signal(signal.SIGINT)
            assert server.wait(60) in (0, 130)
        finally:
            stop(server)


def test_code_of_pages_runs_from_top_to_bottom(tmp_path: Path, sample: Path, start: Start) -> None:
    """Every command, recipe and Python piece of README, recipes and results works as written, in order."""
    # What is drawn is not drawn again.
    shutil.copytree(sample, tmp_path / "demo")
    reader = Reader(tmp_path, start)
    reader.run(["stylemill", "sample", "demo"])
    printed = [text for page in PAGES_WITH_CODE for text in reader.follow(page)]
    assert all(printed), "every Python piece prints something"
    *_, pandas, _duckdb, verdicts = printed
    columns, row = pandas.splitlines()[:2]
    assert columns.split() == ["garment_id", "style_id", "recipe", "loss_style", "image"], (
        "no column is left out"
    )
    designs = tmp_path / "demo" / "designs"
    assert (designs / row.split()[-1]).exists(), "image is relative to the design catalog"
    assert len(verdicts.splitlines()) == 2, "the picked design is found by its verdict"
    for path in sorted(
        set(tmp_path.iterdir()) - {tmp_path / name for name in ("quick.toml", "said", "served")}
    ):
        name = path.name + "/" * path.is_dir()
        ignored = subprocess.run(["git", "check-ignore", "-q", "--no-index", name], cwd=ROOT, check=False)
        assert ignored.returncode != 1, f"git would add {name}"


def test_demo_is_drawn_once(tmp_path: Path) -> None:
    """`make demo` draws the sample catalog the first time, and runs every time."""
    if not shutil.which("make"):
        pytest.skip("there is no make here")
    called = tmp_path / "called"
    stand_in = tmp_path / "venv" / "bin" / "stylemill"
    stand_in.parent.mkdir(parents=True)
    stand_in.write_text(
        f"#!/bin/sh\necho $1 >> {called}\n"
        'test $1 = sample || exit 0\nmkdir -p "$2/styles" && touch "$2/styles/catalog.csv"\n'
    )
    stand_in.chmod(0o755)
    (tmp_path / "venv" / ".installed").touch()
    for _ in range(2):
        command = ["make", "demo", f"VENV={tmp_path / 'venv'}", f"DEMO={tmp_path / 'demo'}"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    assert called.read_text().split() == ["sample", "run", "run"]


def _demo_picture(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks.demo_picture", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_demo_picture(tmp_path: Path) -> None:
    """The README's picture is the newest contact sheet; its program has help, and tells a wrong folder in a sentence."""
    for run, color in (("20260101T000000-ab", "red"), ("20260102T000000-aa", "blue")):
        (tmp_path / "runs" / run).mkdir(parents=True)
        Image.new("RGB", (64, 64), color).save(tmp_path / "runs" / run / "contact_sheet.png")
    assert _demo_picture(tmp_path, tmp_path / "out.jpg").returncode == 0
    with Image.open(tmp_path / "out.jpg") as made:
        assert made.getpixel((32, 32))[2] > 200, "the newest is blue"
    shown = _demo_picture("--help")
    assert shown.returncode == 0
    assert "contact sheet" in shown.stdout
    wrong = _demo_picture(tmp_path / "nosuch")
    assert wrong.returncode == 1
    assert wrong.stderr == (
        f"{tmp_path}/nosuch holds no runs/*/contact_sheet.png: give the folder of a design catalog.\n"
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link and picture of a document exists."""
    text = document.read_text()
    for target in [*re.findall(r"\]\(([^)#]+)", text), *re.findall(r'src="([^"]+)"', text)]:
        if "://" not in target:
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_headings(document: Path) -> None:
    """Every link to a heading finds the heading, spelled as GitHub spells its anchor."""
    for target, anchor in re.findall(r"\]\(([^):#]*)#([^)]+)\)", document.read_text()):
        page = document.parent / target if target else document
        headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in anchors, f"{target}#{anchor}"


def _table(document: Path, heading: str) -> list[list[str]]:
    """Cells of the one table below a heading, without its first two lines."""
    section = document.read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip(" `") for cell in row] for row in rows[2:]]


def _shown(default: object) -> str:
    """A default as a person would set it; empty where nothing is set."""
    return "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)


def test_settings_are_those_of_the_code() -> None:
    """docs/settings.md has every setting with its default and its meaning, and no other."""
    from flows.settings import Settings

    wanted = [
        [f"STYLEMILL_{name.upper()}", _shown(field.default), field.description]
        for name, field in Settings.model_fields.items()
    ]
    assert _table(ROOT / "docs" / "settings.md", "Settings") == wanted


def test_parameters_are_those_of_the_flows() -> None:
    """docs/settings.md has every deployment with its flow's parameters and their defaults, and no other."""
    wanted = set()
    for one in yaml.safe_load((ROOT / "deployments" / "prefect.yaml").read_text())["deployments"]:
        path, _, name = one["entrypoint"].partition(":")
        flow = getattr(importlib.import_module(path.removesuffix(".py").replace("/", ".")), name)
        for parameter in inspect.signature(flow.fn).parameters.values():
            wanted.add((f"{flow.name}/{one['name']}", parameter.name, _shown(parameter.default)))
    rows = _table(ROOT / "docs" / "settings.md", "Parameters of deployments")
    said = {(name.strip(" `"), row[1], row[2]) for row in rows for name in row[0].split(",")}
    assert said == wanted


def test_glossary_defines_a_word_once() -> None:
    """docs/glossary.md gives each word one meaning: no bold word is defined twice."""
    words = re.findall(r"\*\*([^*]+)\*\*", (ROOT / "docs" / "glossary.md").read_text())
    assert len(words) > 50
    assert [word for word in words if words.count(word) > 1] == []


def test_every_module_has_its_line() -> None:
    """ARCHITECTURE.md names every module of the three rooms; one of a package inside a room in the package's line."""
    lines = (ROOT / "ARCHITECTURE.md").read_text().splitlines()
    for room in ("stylecore", "catalogs", "flows"):
        for module in (ROOT / room).rglob("*.py"):
            inside = module.parent.relative_to(ROOT / room)
            own = [line for line in lines if str(inside) == "." or line.startswith(f"| `{inside}/`")]
            assert module.stem == "__init__" or any(f"`{module.stem}`" in line for line in own), module


def test_runbook_names_real_commands() -> None:
    """Every stylemill command and Prefect file of the runbook exists."""
    from typer.main import get_command

    from flows.command.cli import app

    text = (ROOT / "deployments" / "runbook.md").read_text()
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert set(re.findall(r"`?\bstylemill ([a-z]+)\b", text)) <= known | {"--help"}
    for path in re.findall(r"deployments/[a-z.]+", text):
        assert (ROOT / path).exists()


def test_runbook_servers_have_a_terminal_of_their_own() -> None:
    """What never returns ends its block, and every block that talks to the server says where it is."""
    text = (ROOT / "deployments" / "runbook.md").read_text()
    found = [re.findall(r"\$ (.*)", block) for block in re.findall(r"(?:^ +\$ .*\n)+", text, re.MULTILINE)]
    servers = [block for block in found if re.search(r"(server|worker) start", " ".join(block))]
    assert len(servers) == 2
    for block in servers:
        assert not any(re.search(r"(server|worker) start", line) for line in block[:-1]), block
    for block in found:
        if any(re.match(r"prefect (?!server)|stylemill landed", line) for line in block):
            assert block[0].startswith("export PREFECT_API_URL="), block


def test_ids_are_spelled_as_the_conventions_say() -> None:
    """The letters that docs/conventions.md allows in an id are those that `check_id` allows, there and no other."""
    text = (ROOT / "docs" / "conventions.md").read_text()
    (said,) = re.findall(r"Ids: 1 to 64 of `([^`]*)`,\s+beginning with a letter or digit, no two dots", text)
    ranges = {"A-Z": string.ascii_uppercase, "a-z": string.ascii_lowercase, "0-9": string.digits}
    letters = set("".join(ranges.get(word, word) for word in said.split()))
    assert {letter for letter in string.printable if _is_id(f"a{letter}a")} == letters
    assert {letter for letter in string.printable if _is_id(letter)} == letters - set("-_.")
    assert (_is_id("a" * 64), _is_id("a" * 65), _is_id("a..a")) == (True, False, False)


def _is_id(text: str) -> bool:
    try:
        check_id(text)
    except InvalidKeyError:
        return False
    return True


@pytest.mark.slow
def test_the_summary_is_the_last_word() -> None:
    """Tests that run flows end Prefect's temporary server themselves: nothing is printed after pytest's summary."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "finite or report"]
    done = subprocess.run(
        [*command, "tests/flows/reports/test_report.py", "tests/flows/test_bad_input.py"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert re.match(r"\d+ passed", done.stdout.splitlines()[-1]), done.stdout
