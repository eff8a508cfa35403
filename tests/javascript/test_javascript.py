"""eslint and tsc find what they are there for, and answers of the server have the types that pages expect."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.catalogs.browser.shop import shop
from tests.catalogs.browser.test_app import HTML, Mill, csrf, result, say, serve
from tests.conftest import ROOT

TOOLS = ROOT / "node_modules" / ".bin"
PAGES = Path("catalogs/browser/static")
PACK = Path("catalogs/exports/static")

pytestmark = [
    pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed"),
    pytest.mark.skipif(
        not (ROOT / "node_modules" / ".installed").exists(), reason="'make check' installs eslint and tsc"
    ),
]

LINTED = {
    "eqeqeq": "export const same = (a, b) => a == b;",
    "no-shadow": "const one = 1;\nexport const two = () => { const one = 2; return one; };\nexport default one;",
    "no-unused-vars": "const one = 1;",
    "no-var": "export var one = 1;",
    "prefer-const": "let one = 1;\nexport default one;",
    "no-undef": "export const one = two;",
}
"""Rules of eslint, and what breaks each."""

TYPED = {
    "a field that designs do not have": (
        "TS2551",
        "/** @param {import('../answers.js').Design} design */\nexport const f = (design) => design.garmet;",
    ),
    "a field that is not declared": ("TS2339", "export class Box { open() { return this.lid; } }"),
    "a parameter without a type": ("TS7006", "export const f = (a) => a;"),
    "an element that may be absent": ("TS2531", "document.querySelector('a').remove();\nexport {};"),
    "a number for a text": ("TS2345", "import { $ } from './elements.js';\n$('a').setAttribute('b', 1);"),
    "a name that is not exported": ("TS2305", "import { nobody } from './server.js';\nnobody();"),
}
"""Mistakes, the number by which tsc tells each, and what makes it."""


def copied(place: Path) -> Path:
    """The pages' JavaScript and the tools' settings in a folder of their own."""
    for room in (PAGES, PACK):
        shutil.copytree(ROOT / room, place / room)
    for file in ("catalogs/browser/answers.d.ts", "eslint.config.js", "package.json", "tsconfig.json"):
        shutil.copy(ROOT / file, place / file)
    (place / "node_modules").symlink_to(ROOT / "node_modules")
    return place


def found(place: Path, *command: str) -> str:
    """What a tool of `make check` says, which must find something."""
    done = subprocess.run(
        [TOOLS / command[0], *command[1:]], cwd=place, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0 and not done.stderr, done
    return done.stdout


@pytest.fixture(scope="module")
def linted(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """File and rule of all that eslint finds, a fault a file planted."""
    place = copied(tmp_path_factory.mktemp("linted"))
    for rule, text in LINTED.items():
        (place / PAGES / f"{rule}.js").write_text(f"{text}\n")
    (place / PACK / "module.js").write_text("export const one = 1;\n")
    told = json.loads(found(place, "eslint", "--max-warnings", "0", "--format", "json", "catalogs"))
    return [(Path(file["filePath"]).name, str(one["ruleId"])) for file in told for one in file["messages"]]


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """File and number of all that tsc finds, a fault a file planted."""
    place = copied(tmp_path_factory.mktemp("typed"))
    for n, (_, text) in enumerate(TYPED.values()):
        (place / PAGES / f"fault-{n}.js").write_text(f"{text}\n")
    lines = [line for line in found(place, "tsc", "--pretty", "false").splitlines() if ": error TS" in line]
    return [(Path(line.partition("(")[0]).name, line.split(": error ")[1].split(":")[0]) for line in lines]


@pytest.mark.parametrize("rule", LINTED)
def test_eslint_finds(rule: str, linted: list[tuple[str, str]]) -> None:
    """What breaks a rule is found by that rule alone."""
    assert [name for file, name in linted if file == f"{rule}.js"] == [rule]


def test_a_pack_has_no_modules(linted: list[tuple[str, str]]) -> None:
    """The script of an offline pack may not be a module: browsers load none from a folder."""
    assert ("module.js", "None") in linted


@pytest.mark.parametrize("mistake", TYPED)
def test_tsc_finds(mistake: str, typed: list[tuple[str, str]]) -> None:
    """A mistake in types is found."""
    file = f"fault-{list(TYPED).index(mistake)}.js"
    assert [number for name, number in typed if name == file] == [TYPED[mistake][0]]


def test_nothing_else(linted: list[tuple[str, str]], typed: list[tuple[str, str]]) -> None:
    """Only what was planted is found: our own scripts are without a fault."""
    ours = {path.name for room in (PAGES, PACK) for path in (ROOT / room).glob("*.js")}
    assert not [one for one in linted + typed if one[0] in ours]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """A client of a server over a small catalog."""
    shop(tmp_path / "designs")
    yield from serve(tmp_path / "designs", mill=Mill())


def page_data(client: TestClient, address: str) -> Any:
    """What a page gets."""
    page = client.get(address, headers=HTML).text
    return json.loads(page.partition('id="data">')[2].partition("</script>")[0])


def answers(client: TestClient) -> list[tuple[str, Any]]:
    """Names of types, and answers of a server that ought to have them."""
    some = result(client)
    ids = [one["id"] for one in some["designs"]]
    target = {"ids": ids[:2]}
    filed = say(client, what="list", shortlist="Spring", target=target).json()
    order = {"way": "recipe", "recipe": "draft", "target": target}
    plan = client.post("/api/again", json=order, headers=csrf(client)).json()
    return [
        ("Result", some),
        ("Result", result(client, "q=indigo&group=garment")),
        ("Result", result(client, "q=navy+nobody")),
        ("Matrix", client.get(f"/api/matrix/{some['result']}").json()),
        ("GridPage", page_data(client, "/?garment=tee")),
        ("DesignPage", page_data(client, f"/designs/{ids[0]}")),
        ("ComparePage", page_data(client, f"/compare?id={ids[0]}&id={ids[1]}")),
        ("ShortlistPage", page_data(client, "/shortlist?name=Spring")),
        ("Choices", page_data(client, "/shortlists")),
        ("Filed", filed),
        ("Plan", plan),
    ]


def test_answers_have_their_types(client: TestClient, tmp_path: Path) -> None:
    """What the server answers has the fields that `answers.d.ts` declares, no other, and of those types."""
    place = copied(tmp_path / "copy")
    given = answers(client)
    literals = [
        f"export const a{n}: t.{name} = {json.dumps(value)};" for n, (name, value) in enumerate(given)
    ]
    text = "\n".join(['import type * as t from "../answers.js";', *literals])
    (place / PAGES / "answered.ts").write_text(text)
    done = subprocess.run([TOOLS / "tsc"], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[:3000]


def test_a_new_field_is_told(client: TestClient, tmp_path: Path) -> None:
    """An answer with a field that is not declared does not have its type."""
    place = copied(tmp_path / "copy")
    value = {**result(client), "newly": 1}
    text = f'import type * as t from "../answers.js";\nexport const a: t.Result = {json.dumps(value)};\n'
    (place / PAGES / "answered.ts").write_text(text)
    assert "newly\"' does not exist in type 'Result'" in found(place, "tsc", "--pretty", "false")
