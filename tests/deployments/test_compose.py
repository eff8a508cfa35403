"""The compose files are valid, and keep the promises of their comments."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT
from tests.deployments.test_container import tool

FOLDER = ROOT / "deployments"
COMPOSE, GPU = FOLDER / "compose.yaml", FOLDER / "compose.gpu.yaml"
SECRETS = ("POSTGRES_PASSWORD", "PREFECT_AUTH", "S3_ACCESS_KEY", "S3_SECRET_KEY", "BROWSER_TOKEN")
ENVIRONMENT = {name: f"given-{name.lower()}" for name in SECRETS}


def command(folder: Path) -> tuple[list[str], dict[str, str]]:
    """The compose tool of this machine, and the PATH it wants; a second file merges as the tool merges."""
    docker = shutil.which("docker")
    if (
        docker
        and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    ):
        return [docker, "compose"], {"PATH": "/usr/bin:/bin"}
    podman = tool("podman-compose")
    if not podman:
        pytest.skip("no compose tool here: pip install podman-compose")
    # To show a configuration it runs podman for nothing but its version.
    folder.mkdir(exist_ok=True)
    (folder / "podman").write_text("#!/bin/sh\necho podman version 5.4.0\n")
    (folder / "podman").chmod(0o755)
    return [podman], {"PATH": f"{folder}:/usr/bin:/bin"}


def configured(folder: Path, environment: dict[str, str], *files: Path) -> "subprocess.CompletedProcess[str]":
    """What the tool makes of the files: anchors, merges and variables resolved."""
    words, path = command(folder / "bin")
    env_file = folder / "compose.env"
    env_file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    arguments = [word for one in files for word in ("--file", str(one))]
    return subprocess.run(
        [*words, "--env-file", str(env_file), *arguments, "config"],
        capture_output=True, text=True, check=False, env={**path, "HOME": str(folder)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The services of compose.yaml, resolved."""
    done = configured(tmp_path_factory.mktemp("compose"), ENVIRONMENT, COMPOSE)
    assert done.returncode == 0, done.stderr
    return yaml.safe_load(done.stdout)["services"]


@pytest.mark.parametrize("files", [(COMPOSE,), (COMPOSE, GPU)], ids=["cpu", "gpu"])
def test_valid_by_the_specification(files: tuple[Path, ...], tmp_path: Path) -> None:
    """The tool resolves the files, and what comes out has only what the Compose specification knows."""
    done = configured(tmp_path, ENVIRONMENT, *files)
    assert done.returncode == 0, done.stderr
    specification = pytest.importorskip("compose_spec")
    names = specification.PyCompose.from_yaml(done.stdout).service_names()
    assert set(names) == {"database", "storage", "server", "prepare", "worker", "browser"}
    with pytest.raises(ValueError, match="picture"):
        specification.PyCompose.from_yaml(done.stdout.replace("image:", "picture:"))


@pytest.mark.parametrize("missing", SECRETS)
def test_no_secret_has_a_default(missing: str, tmp_path: Path) -> None:
    """Without a password nothing starts, and the message names the variable that is missing."""
    done = configured(tmp_path, {k: v for k, v in ENVIRONMENT.items() if k != missing}, COMPOSE)
    assert done.returncode != 0
    assert missing in done.stderr


def test_secrets_go_where_they_are_needed(services: dict[str, Any]) -> None:
    """The database's password reaches the database and the server; S3 keys reach the storage and who uses it."""
    reach = {
        name: {service for service, body in services.items() if f"given-{name.lower()}" in str(body)}
        for name in SECRETS
    }
    assert reach["POSTGRES_PASSWORD"] == {"database", "server"}
    assert reach["S3_SECRET_KEY"] == reach["S3_ACCESS_KEY"] == {"storage", "prepare", "worker", "browser"}
    assert reach["PREFECT_AUTH"] == {"server", "prepare", "worker", "browser"}
    assert reach["BROWSER_TOKEN"] == {"browser"}


def test_example_names_every_variable() -> None:
    """The example names every variable, secrets without a value, and git ignores the real file."""
    used = set(re.findall(r"\$\{(\w+)", COMPOSE.read_text() + GPU.read_text()))
    lines = [
        line for line in (FOLDER / "compose.env.example").read_text().splitlines() if not line.startswith("#")
    ]
    given = dict(line.split("=", 1) for line in lines if line)
    assert set(given) == used
    assert {name for name in SECRETS if not given[name]} == set(SECRETS)
    ignored = subprocess.run(["git", "check-ignore", "-q", "deployments/compose.env"], cwd=ROOT, check=False)
    assert ignored.returncode == 0


def test_ports_are_the_machines_own(services: dict[str, Any]) -> None:
    """Every port is published on loopback only."""
    published = [str(port) for body in services.values() for port in body.get("ports", [])]
    assert len(published) == 3
    assert all("127.0.0.1" in port for port in published)


def test_order_of_start(services: dict[str, Any]) -> None:
    """Servers are healthy before anything uses them, and the worker waits until all is prepared."""
    wanted = {
        ("server", "database"): "service_healthy",
        ("prepare", "server"): "service_healthy",
        ("prepare", "storage"): "service_healthy",
        ("worker", "prepare"): "service_completed_successfully",
        ("browser", "prepare"): "service_completed_successfully",
    }
    found = {
        (name, other): how["condition"]
        for name, body in services.items()
        for other, how in body.get("depends_on", {}).items()
    }
    assert found == wanted
    for name in ("database", "storage", "server", "browser"):
        assert services[name]["healthcheck"]["test"]


def test_what_lasts_is_restarted_bounded_and_kept(services: dict[str, Any]) -> None:
    """Every service has limits and a restart policy, and data lies in named volumes."""
    for name, body in services.items():
        assert set(body["deploy"]["resources"]["limits"]) == {"cpus", "memory"}, name
        assert body["restart"] == ("no" if name == "prepare" else "unless-stopped")
    kept = [str(v) for body in services.values() for v in body.get("volumes", [])]
    assert len(kept) == 3
    assert all(
        re.search(r"^(database|storage|weights):|'source': '(database|storage|weights)'", v) for v in kept
    )


def test_image_and_images_are_pinned(services: dict[str, Any]) -> None:
    """Prefect's server, the preparation and the worker run from our image; the others name a version, no registry."""
    for name in ("server", "prepare", "worker", "browser"):
        assert services[name]["image"] == "stylemill:latest"
        assert Path(ROOT / services[name]["build"]["dockerfile"]) == FOLDER / "Containerfile"
    for name in ("database", "storage"):
        image, _, tag = services[name]["image"].partition(":")
        assert re.match(r"\d", tag)
        assert "." not in image


def test_commands_exist(services: dict[str, Any]) -> None:
    """What the services start is there: Prefect's commands, and the file that prepares."""
    prefect = str(Path(sys.executable).with_name("prefect"))
    assert services["prepare"]["command"] == ["python", "deployments/prepare.py"]
    assert (FOLDER / "prepare.py").exists()
    pool = services["worker"]["command"][services["worker"]["command"].index("--pool") + 1]
    assert f"name: {pool}\n" in (FOLDER / "prefect.yaml").read_text()
    stylemill = str(Path(sys.executable).with_name("stylemill"))
    for name, command, depth in (("server", prefect, 3), ("worker", prefect, 3), ("browser", stylemill, 2)):
        words = services[name]["command"]
        assert words[0] == Path(command).name
        shown = subprocess.run(
            [command, *words[1:depth], "--help"], capture_output=True, text=True, check=True
        ).stdout
        assert all(word in shown for word in words if word.startswith("--"))
