"""The house's rules on size, names and docstrings hold in every module (CONTRIBUTING.md says what the rules are for).

Each rule is a function that yields what breaks it in one module, as `path:line: what is wrong and what to do`.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

from tests.conftest import ROOT

PACKAGES = ("stylecore", "catalogs", "flows")
FEWEST_WORDS = 5
MOST_MODULE_LINES = 300
MOST_BODY_LINES = 45
MOST_MODULES = 13
EXCUSE = "long because"
"""Words in the head docstring of a module that has a reason to be longer."""
VAGUE = {"one", "found"}
"""Names of variables that do not say what they hold."""
PROTOCOL_EXCEPTIONS = {"StopIteration", "AttributeError", "NotImplementedError"}
"""Exceptions that are part of how Python calls a method; no caller handles them."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | Function


@dataclass(frozen=True)
class Module:
    """A module's path from the repository's root, and its text."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The module's syntax tree."""
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """All nodes of the syntax tree."""
        return list(ast.walk(self.tree))

    def functions(self) -> Iterator[Function]:
        """Functions and methods, within classes and functions too."""
        return (node for node in self.nodes if isinstance(node, Function))

    def at(self, node: ast.AST) -> str:
        """The place of a node, as editors open it."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}"


def read_modules(package: str) -> list[Module]:
    """All modules of a package."""
    paths = sorted((ROOT / package).rglob("*.py"))
    return [Module(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in paths]


MODULES = {package: read_modules(package) for package in PACKAGES}
ALL_MODULES = [module for modules in MODULES.values() for module in modules]


def is_public(name: str) -> bool:
    """Whether a name is for callers of its module."""
    return not name.startswith("_")


def short_docstrings(module: Module) -> Iterator[str]:
    """Public modules, classes, functions and methods whose docstring is missing or says next to nothing."""
    for node in module.nodes:
        if isinstance(node, Documented):
            name = "the module" if isinstance(node, ast.Module) else node.name
            words = len((ast.get_docstring(node) or "").split())
            if is_public(name) and words < FEWEST_WORDS:
                yield f"{module.at(node)}: the docstring of {name} has {words} words; write a sentence"


def raised_names(function: Function) -> Iterator[str]:
    """Names of the exception classes that a function raises itself, those of public functions within it left out."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function) and is_public(node.name):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = raised.attr if isinstance(raised, ast.Attribute) else getattr(raised, "id", "")
            # A name in small letters is a variable, or a function that makes the exception.
            if name[:1].isupper():
                yield name
        waiting.extend(ast.iter_child_nodes(node))


def undocumented_exceptions(module: Module) -> Iterator[str]:
    """Exception classes that a public function raises itself and its docstring does not name."""
    for function in module.functions():
        docstring = ast.get_docstring(function) or ""
        for name in sorted(set(raised_names(function)) - PROTOCOL_EXCEPTIONS):
            if is_public(function.name) and not re.search(rf"\b{name}\b", docstring):
                yield f"{module.at(function)}: {function.name} raises {name}; say when in its docstring"


def bound_names(node: ast.AST) -> Iterator[str]:
    """Names that a node gives to values: assigned, looped over, caught, matched or taken as arguments."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name


def vague_variables(module: Module) -> Iterator[str]:
    """Variables that are called `one` or `found`."""
    for node in module.nodes:
        for name in VAGUE.intersection(bound_names(node)):
            yield f"{module.at(node)}: a variable is called {name}; call it by what it holds"


def long_modules(module: Module) -> Iterator[str]:
    """A module of too many lines that does not give the reason."""
    lines = len(module.text.splitlines())
    docstring = " ".join((ast.get_docstring(module.tree) or "").split())
    if lines > MOST_MODULE_LINES and EXCUSE not in docstring:
        yield (
            f"{module.path}: {lines} lines, but at most {MOST_MODULE_LINES} are allowed; split it, or say in its head"
            f" docstring that it is {EXCUSE} ..."
        )


def long_bodies(module: Module) -> Iterator[str]:
    """Functions of too many lines, their docstrings not counted."""
    for function in module.functions():
        has_docstring = ast.get_docstring(function) is not None
        begin = function.body[0].end_lineno if has_docstring else function.body[0].lineno - 1
        lines = (function.end_lineno or 0) - (begin or 0)
        if lines > MOST_BODY_LINES:
            yield (
                f"{module.at(function)}: the body of {function.name} has {lines} lines, but at most"
                f" {MOST_BODY_LINES} are allowed; take functions out of it"
            )


def room_sentences(module: Module) -> Iterator[str]:
    """A room's `__init__` whose docstring is not one sentence; where it has code, more may follow below."""
    if Path(module.path).name == "__init__.py":
        head, *further = re.split(r"\n\s*\n", ast.get_docstring(module.tree) or "")
        sentences = len(re.findall(r"[.!?](?=\s|$)", head))
        if sentences != 1 or not head.endswith(".") or (further and len(module.tree.body) == 1):
            yield f"{module.path}: its docstring is not one sentence that says what the room is for"


RULES: list[Callable[[Module], Iterator[str]]] = [
    short_docstrings,
    undocumented_exceptions,
    vague_variables,
    long_modules,
    long_bodies,
    room_sentences,
]


def equal_names(modules: Iterable[Module], kind: type[ast.AST] | object) -> list[str]:
    """Names that two modules give to classes, or to public functions of the module itself, with their places.

    The functions of commands are among the latter: a command's function has another name than the function of the
    library that it calls, as `seal_command`.
    """
    places: dict[str, list[str]] = defaultdict(list)
    for module in modules:
        for node in module.tree.body:
            if isinstance(node, kind) and (isinstance(node, ast.ClassDef) or is_public(node.name)):
                places[node.name].append(module.at(node))
    return [f"{name}: {', '.join(where)}" for name, where in sorted(places.items()) if len(where) > 1]


def require_none(broken: list[str], remark: str = "These places break the rule:") -> None:
    """Fail with one line a place, and without Python's traceback, which says nothing here."""
    if broken:
        pytest.fail("\n".join([remark, *broken]), pytrace=False)


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_no_module_breaks_the_rule(rule: Callable[[Module], Iterator[str]], package: str) -> None:
    """No module of the package breaks the rule."""
    require_none([place for module in MODULES[package] for place in rule(module)])


@pytest.mark.parametrize("kind", [ast.ClassDef, Function], ids=["classes", "public functions"])
def test_a_name_means_one_thing(kind: type[ast.AST]) -> None:
    """No two modules of the project define a class, or a public function, of the same name."""
    require_none(equal_names(ALL_MODULES, kind), "Give another name to the less central of these:")


def test_no_room_is_crowded() -> None:
    """No room has more modules than can be looked over at once."""
    rooms: dict[str, int] = defaultdict(int)
    for module in ALL_MODULES:
        path = Path(module.path)
        rooms[str(path.parent)] += path.name != "__init__.py"
    crowded = [f"{room}: {count} modules" for room, count in rooms.items() if count > MOST_MODULES]
    require_none(crowded, f"A room has at most {MOST_MODULES} modules; make two rooms of these:")


HEAD = '"""A module with a docstring of enough words."""\n'
SENTENCE = '"""Do what the name says, in five words."""'


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (short_docstrings, ""),
        (short_docstrings, '"""Four words are few."""'),
        (short_docstrings, f"{HEAD}class A:\n    x = 1"),
        (short_docstrings, f"{HEAD}async def ask():\n    pass"),
        (short_docstrings, f"{HEAD}class _A:\n    def ask(self):\n        pass"),
        (short_docstrings, f"{HEAD}def _outer():\n    def ask():\n        pass"),
        (undocumented_exceptions, f"def ask():\n    {SENTENCE}\n    raise KeyError"),
        (undocumented_exceptions, f"def ask():\n    {SENTENCE}\n    raise errors.PlaceError(1) from None"),
        (undocumented_exceptions, 'def ask():\n    """Raises PlaceErrors."""\n    raise PlaceError(1)'),
        (
            undocumented_exceptions,
            f"def ask():\n    {SENTENCE}\n    def _inner():\n        raise PlaceError(1)",
        ),
        (vague_variables, "one = 1"),
        (vague_variables, "one: int = 1"),
        (vague_variables, "for number, (found, _) in pairs:\n    pass"),
        (vague_variables, "sizes = [one.size for one in pairs]"),
        (vague_variables, "sizes = sorted(pairs, key=lambda one: one.size)"),
        (vague_variables, "if found := ask():\n    pass"),
        (vague_variables, "with ask() as found:\n    pass"),
        (vague_variables, "try:\n    pass\nexcept OSError as found:\n    pass"),
        (vague_variables, "match pair:\n    case [one, *found]:\n        pass"),
        (long_modules, HEAD + "x = 1\n" * MOST_MODULE_LINES),
        (long_bodies, "def ask():\n" + "    x = 1\n" * (MOST_BODY_LINES + 1)),
        (long_bodies, f"def ask():\n    {SENTENCE}\n" + "    x = 1\n" * (MOST_BODY_LINES + 1)),
        (room_sentences, ""),
        (room_sentences, '"""No full stop"""'),
        (room_sentences, '"""One sentence. Another sentence."""'),
        (room_sentences, '"""One sentence.\n\nAnother paragraph."""'),
    ],
)
def test_a_rule_sees_what_breaks_it(rule: Callable[[Module], Iterator[str]], text: str) -> None:
    """Each way to break a rule is seen, and its place is named."""
    assert all(place.startswith("room/__init__.py") for place in rule(Module("room/__init__.py", text)))
    assert list(rule(Module("room/__init__.py", text)))


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (short_docstrings, f"{HEAD}def _ask():\n    pass"),
        (undocumented_exceptions, 'def ask():\n    """Raises PlaceError."""\n    raise errors.PlaceError(1)'),
        (undocumented_exceptions, f"def ask():\n    {SENTENCE}\n    raise unforeseen(1)"),
        (undocumented_exceptions, f"def _ask():\n    {SENTENCE}\n    raise PlaceError(1)"),
        (vague_variables, "found_pairs = pair.one + pair.found"),
        (long_modules, HEAD + "x = 1\n" * (MOST_MODULE_LINES - 1)),
        (long_modules, '"""It is long\nbecause its parts are read together."""\n' + "x = 1\n" * 400),
        (long_bodies, f"def ask():\n    {SENTENCE}\n" + "    x = 1\n" * MOST_BODY_LINES),
        (long_bodies, 'def ask():\n    """' + "Many words.\n" * 60 + '"""'),
        (room_sentences, '"""Reads 0.5 px (of catalogs.images) and\nwrites them."""'),
        (room_sentences, '"""One sentence.\n\nHow to import it. And why."""\nimport torch'),
    ],
)
def test_a_rule_forbids_no_more(rule: Callable[[Module], Iterator[str]], text: str) -> None:
    """What looks alike and breaks no rule is left alone."""
    assert not list(rule(Module("room/__init__.py", text)))


@pytest.mark.parametrize(
    ("kind", "text", "names"),
    [
        (ast.ClassDef, "class Sheet:\n    pass", ["Sheet"]),
        (Function, "def shade():\n    pass\ndef _grid():\n    pass", ["shade"]),
    ],
    ids=["classes", "public functions"],
)
def test_equal_names_are_seen(kind: type[ast.AST], text: str, names: list[str]) -> None:
    """A name of two modules is listed with both places; private functions may have one name."""
    modules = [Module("catalogs/a.py", text), Module("flows/b.py", text)]
    assert equal_names(modules, kind) == [f"{name}: catalogs/a.py:1, flows/b.py:1" for name in names]
