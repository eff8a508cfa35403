"""Keys and passwords stay in the environment: nothing that a run says or leaves behind holds them."""

import os
import subprocess
import sys
import time
from pathlib import Path

import boto3
import pytest

from tests import faults
from tests.conftest import ROOT, Run
from tests.faults import FaultProxy, fault_proxy, put_in_s3

KEY, SECRET, TOKEN = "AKIAPLANTED0000KEYID", "planted/secret+access/key", "planted-session-token=="
PASSWORD = "planted-pass-word"
PLANTED = (KEY, SECRET, TOKEN, PASSWORD)
TALKATIVE = {
    "PREFECT_LOGGING_LEVEL": "DEBUG",
    "PREFECT_LOGGING_ROOT_LEVEL": "INFO",
    "PREFECT_SERVER_LOGGING_LEVEL": "DEBUG",
    "PREFECT_LOGGING_TO_API_ENABLED": "true",
}
WANTS_VGG19 = 'base = "studio"\n'


@pytest.fixture
def planted(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Credentials that can be recognised; returns the bucket."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    for name, value in TALKATIVE.items():
        monkeypatch.setenv(name, value)
    return s3


def found_in(data: bytes) -> list[str]:
    """Planted values in these bytes, also as they stand in URLs."""
    forms = {
        value: (value, value.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")) for value in PLANTED
    }
    return [value for value, spellings in forms.items() if any(one.encode() in data for one in spellings)]


def command_lines(group: int) -> list[bytes]:
    """Command lines of the processes of a group, as anyone on the machine may read them."""
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(folder.name)) == group:
                lines.append((folder / "cmdline").read_bytes())
        except OSError:  # it ended meanwhile
            continue
    return lines


def watched(arguments: list[str], log: Path) -> tuple[int, bytes, list[bytes]]:
    """A run's exit code, all it said, and the command lines of it and its children while it ran."""
    lines: set[bytes] = set()
    with log.open("wb") as file:
        run = subprocess.Popen(
            [sys.executable, "-m", "flows.command.cli", *arguments],
            stdout=file, stderr=file, cwd=ROOT, start_new_session=True,
        )  # fmt: skip
        while run.poll() is None:
            lines.update(command_lines(run.pid))
            time.sleep(0.2)
    return run.returncode, log.read_bytes(), sorted(lines)


def objects(bucket: str) -> dict[str, bytes]:
    """Everything in a bucket."""
    client = boto3.client("s3")
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page["Contents"]]
    return {key: client.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc")
def test_a_run_leaves_no_credentials(
    planted: str, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With debug logging, no output, report, record, Prefect database or command line holds a key or token."""
    home = tmp_path / "prefect"
    monkeypatch.setenv("PREFECT_HOME", str(home))
    arguments = put_in_s3(catalog, planted)
    boto3.client("s3").put_object(Bucket=planted, Key="in/garments/g1.png", Body=b"no picture")
    code, said, lines = watched(arguments, tmp_path / "log")
    assert code == 3, said.decode()
    left = objects(planted)
    assert any(key.endswith("report.json") for key in left)
    assert any(key.endswith("rejections.csv") for key in left)
    assert any("/_delta_log/" in key for key in left)
    database = {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert any(name.endswith(".db") for name in database)
    assert b"DEBUG" in said, "the logging was not as talkative as it can be"
    assert any(b"flows.command.cli" in line for line in lines)
    for name, data in {"output": said, "commands": b"\n".join(lines), **left, **database}.items():
        assert not found_in(data), name


@pytest.mark.parametrize(
    "fault", ["403", "endpoint", "address", pytest.param("unreachable", marks=pytest.mark.slow)]
)
def test_failing_runs_say_no_credentials(
    planted: str,
    catalog: Path,
    s3_endpoint: str,
    stylemill: Run,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    """Refusals, a store that is not there and passwords in addresses are told without a secret."""
    arguments = put_in_s3(catalog, planted)
    with fault_proxy(s3_endpoint) as proxy:
        endpoint = _endpoint(fault, proxy, s3_endpoint)
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        if fault == "address":
            arguments[2] = f"s3://user:{PASSWORD}@{planted}/in/garments"
        run = stylemill(*arguments)
    assert run.returncode == 1, run.stderr
    assert "Error: " in run.stderr
    assert not found_in((run.stdout + run.stderr).encode()), run.stderr


def _endpoint(fault: str, proxy: FaultProxy, behind: str) -> str:
    if fault in faults.ANSWERS:
        proxy.choose = faults.every(fault)
        return proxy.url
    if fault == "unreachable":
        return "http://127.0.0.1:9"
    return behind.replace("://", f"://user:{PASSWORD}@") if fault == "endpoint" else behind


@pytest.mark.parametrize(
    "address",
    [
        f"https://user:{PASSWORD}@localhost/vgg19-dcbb9e9d.pth",
        f"https://127.0.0.1:9/vgg19-dcbb9e9d.pth?signature={PASSWORD}",
    ],
)
def test_weights_that_cannot_be_had(catalog: Path, tmp_path: Path, stylemill: Run, address: str) -> None:
    """A password or signature in the address of weights is not told when they cannot be downloaded."""
    (catalog / "vgg.toml").write_text(WANTS_VGG19)
    run = stylemill(
        "run", "--garments", catalog / "garments", "--styles", catalog / "styles", "--designs", tmp_path / "designs",
        "--recipe", catalog / "vgg.toml", STYLEMILL_VGG19_WEIGHTS=address, STYLEMILL_CACHE=str(tmp_path / "cache"),
    )  # fmt: skip
    assert run.returncode == 1, run.stderr
    assert "Traceback" not in run.stderr
    assert not found_in((run.stdout + run.stderr).encode()), run.stderr
