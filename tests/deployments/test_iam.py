"""The policies of deployments/iam let each role do its work and nothing else, on an S3 server that enforces them."""

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from pathlib import Path

import boto3
import pytest

from catalogs import keys
from catalogs.browser.state.review_state import ReviewState
from catalogs.browser.thumbnails import Pictures
from catalogs.designs import provenance
from catalogs.designs.design_catalog import DesignCatalog
from catalogs.designs.maintenance import examine
from catalogs.designs.orphans import discard, find_removable
from catalogs.designs.reviews.review_events import Act, What
from catalogs.errors import NotAllowedError, StoreError
from catalogs.images.codec import Picture, encode_png
from catalogs.storage.claims import Claims
from catalogs.storage.store_contract import ObjectInfo, S3Options, Store
from catalogs.storage.stores import open_store
from flows.planning.make_plan import make_plan
from flows.planning.run_config import RunConfig, resolve_run_config
from flows.reports.report import RunReport, write_report
from flows.settings import Settings
from tests.catalogs.designs.test_design_catalog import design
from tests.conftest import ROOT, free_port, picture, stop, wait_for, write_catalog

POLICIES = {path.stem: path for path in (ROOT / "deployments" / "iam").glob("*.json")}
BUCKET = "looks"
KEY = "ab" * 32


def statements(role: str) -> list[dict]:
    """What a role's policy says."""
    return json.loads(POLICIES[role].read_text())["Statement"]


def listed(value: str | list[str]) -> list[str]:
    """IAM writes one as itself, and several as a list."""
    return [value] if isinstance(value, str) else value


@dataclass(frozen=True)
class Guarded:
    """An S3 server that enforces policies: its endpoint, the keys of the roles, and what it was asked."""

    endpoint: str
    users: dict[str, tuple[str, str]]
    log: Path

    def store(self, role: str, prefix: str, patch: pytest.MonkeyPatch) -> Store:
        """The store below a prefix, as one of the roles sees it."""
        patch.setenv("AWS_ENDPOINT_URL", self.endpoint)
        patch.setenv("AWS_REGION", "us-east-1")
        for name, value in zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), self.users[role], strict=True):
            patch.setenv(name, value)
        return open_store(f"s3://{BUCKET}/{prefix}", S3Options())


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A server with a bucket of garments and styles, and a user for every policy; from then on it checks rights."""
    port, log = free_port(), tmp_path_factory.mktemp("iam") / "server.log"
    endpoint = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
        try:
            wait_for(f"{endpoint}/moto-api/", server)
            root = boto3.Session("root", "secret", region_name="us-east-1")
            _fill(root.client("s3", endpoint_url=endpoint), tmp_path_factory.mktemp("catalog"))
            iam = root.client("iam", endpoint_url=endpoint)
            users = {role: _user(iam, role, path.read_text()) for role, path in POLICIES.items()}
            # moto authorizes a bulk delete on the bucket, where AWS asks of every key: see the upkeep test.
            bulk = {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{BUCKET}"}
            more = json.dumps({"Version": "2012-10-17", "Statement": [*statements("worker"), bulk]})
            users["worker of moto"] = _user(iam, "worker-of-moto", more)
            _ask(f"{endpoint}/moto-api/reset-auth", b"0")
            yield Guarded(endpoint, users, log)
        finally:
            stop(server)


def _fill(s3: object, folder: Path) -> None:
    s3.create_bucket(Bucket=BUCKET)  # type: ignore[attr-defined]
    write_catalog(folder / "in", garments=2, styles=2)
    for path in (folder / "in").rglob("*.*"):
        key = path.relative_to(folder / "in").as_posix()
        s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())  # type: ignore[attr-defined]


def _user(iam: object, name: str, policy: str) -> tuple[str, str]:
    filled = re.sub(r"[A-Z]+_BUCKET", BUCKET, policy)
    iam.create_user(UserName=name)  # type: ignore[attr-defined]
    iam.put_user_policy(UserName=name, PolicyName=name, PolicyDocument=filled)  # type: ignore[attr-defined]
    key = iam.create_access_key(UserName=name)["AccessKey"]  # type: ignore[attr-defined]
    return key["AccessKeyId"], key["SecretAccessKey"]


def _ask(url: str, data: bytes) -> None:
    request = urllib.request.Request(url, data, {"Content-Type": "text/plain"}, method="POST")
    urllib.request.urlopen(request, timeout=20).close()


@pytest.mark.parametrize("role", sorted(POLICIES))
def test_policies_allow_by_name(role: str) -> None:
    """Every statement allows named actions on named places; no action and no bucket is given by a wildcard."""
    for statement in statements(role):
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            assert re.fullmatch(r"s3:[A-Za-z]+", action), action
        for resource in listed(statement["Resource"]):
            assert re.match(r"arn:aws:s3:::(GARMENTS|STYLES|DESIGNS)_BUCKET(/|$)", resource), resource


def test_worker_runs(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker plans, proves the store, claims, files designs and reports; it asks for nothing that was refused."""
    seen = guarded.log.stat().st_size
    designs = DesignCatalog(guarded.store("worker", "designs", monkeypatch))
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    config: RunConfig = resolve_run_config(
        settings, *(f"s3://{BUCKET}/{name}" for name in ("garments", "styles", "designs")), device="cpu"
    )
    plan = make_plan(config)
    assert len(plan.jobs) == 4
    assert not plan.problems
    designs.prepare()
    claims = Claims(designs.store, config.run_id)
    with claims.held(), claims.taken([KEY]) as ours:
        assert ours == {KEY}
        image, sha256 = designs.add_picture(KEY, b"a picture")
        record = replace(design(KEY, config.run_id), image=image, image_sha256=sha256)
        assert designs.file([record]) == 1
        assert designs.file([record]) == 0
    report = RunReport(
        run_id=config.run_id, recipe="house", recipe_digest="d", garments=config.garments, styles=config.styles,
        designs=config.designs, started_at=datetime.now(UTC), planned=1, already_there=0, held_back=0, problems=[],
        remarks=(),
    )  # fmt: skip
    write_report(designs.store, report)
    assert designs.of_run(config.run_id) == {KEY: image}
    left = [found.key for found in designs.store.list() if found.key.startswith(("claims", keys.PROBE))]
    assert left == []
    asked = guarded.log.read_bytes()[seen:].decode()
    assert '" 200 ' in asked
    # moto asks for a right of its own where AWS's HeadBucket wants s3:ListBucket; a refusal there is no failure.
    refused = [one for one in asked.splitlines() if '" 403 ' in one and f'"HEAD /{BUCKET} ' not in one]
    assert refused == []


def test_worker_keeps_up(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Upkeep removes orphans and merged files with the worker's rights, and every key that it removes is one of those.

    The table's files go by a bulk delete, which moto authorizes on the bucket; so they are held against the
    policy here.
    """
    catalog = DesignCatalog(guarded.store("worker of moto", "designs", monkeypatch))
    for key in ("cd" * 32, "ef" * 32):
        image, sha256 = catalog.add_picture(key, key.encode())
        catalog.file([replace(design(key), image=image, image_sha256=sha256)])
    orphan, _ = catalog.add_picture("01" * 32, b"an orphan")
    assert orphan in {found.key for found in examine(catalog).orphans}
    before = {found.key for found in catalog.store.list()}
    gone = discard(catalog, find_removable(catalog, timedelta(0)))
    assert orphan in {found.key for found in gone}
    merged, removed = catalog.tidy(timedelta(0))
    assert merged
    assert removed
    deleted = before - {found.key for found in catalog.store.list()}
    assert len(deleted) >= removed
    for key in deleted:
        assert permitted("worker", "s3:DeleteObject", f"designs/{key}"), key
    assert examine(catalog).faults == ()


def permitted(role: str, action: str, key: str) -> bool:
    """Whether a policy allows an action on an object."""
    resource = f"arn:aws:s3:::{BUCKET}/{key}"
    return any(
        action in listed(statement["Action"])
        and any(
            fnmatchcase(resource, re.sub(r"[A-Z]+_BUCKET", BUCKET, r)) for r in listed(statement["Resource"])
        )
        for statement in statements(role)
    )


def test_reader_reads(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merchandiser reads records, pictures and reports, and is told that something is missing, not forbidden."""
    made = DesignCatalog(guarded.store("worker", "designs", monkeypatch))
    image, sha256 = made.add_picture("23" * 32, b"to be read")
    made.file([replace(design("23" * 32), image=image, image_sha256=sha256)])
    made.store.write("runs/20261121T000000-abcdef/report.json", b"{}")
    catalog = DesignCatalog(guarded.store("reader", "designs", monkeypatch))
    assert "23" * 32 in catalog.existing()
    assert catalog.store.read(image) == b"to be read"
    assert catalog.store.read("runs/20261121T000000-abcdef/report.json") == b"{}"
    assert not catalog.store.exists("images/missing.png")


def test_browser_keeps_what_is_said(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser reads designs, files and publishes what people say, keeps thumbnails, and files no design."""
    made = DesignCatalog(guarded.store("worker", "designs", monkeypatch))
    png = encode_png(Picture(picture(1)))
    image, sha256 = made.add_picture("67" * 32, png)
    made.file([replace(design("67" * 32), image=image, image_sha256=sha256)])
    store = guarded.store("browser", "designs", monkeypatch)
    board = ReviewState(DesignCatalog(store))
    board.submit(Act("a1", "ann", datetime.now(UTC), What.VERDICT, ("67" * 32,), "pick")).result(60)
    board.submit(Act("a2", "ann", datetime.now(UTC), What.LIST, ("67" * 32,), shortlist="Spring")).result(60)
    board.close()
    record = board.index.record(board.index.row["67" * 32])
    assert Pictures(store, None, None).thumbnail(record, 192).data
    there = {found.key for found in store.list()}
    assert keys.thumbnail("67" * 32, provenance.version(record), 192) in there
    assert any(one.startswith("verdicts/_delta_log/") for one in there)
    assert any(one.startswith("shortlists/_delta_log/") for one in there)
    with pytest.raises(NotAllowedError):
        DesignCatalog(store).file([design("89" * 32)])


def test_designer_puts_styles(guarded: Guarded, monkeypatch: pytest.MonkeyPatch) -> None:
    """A designer puts a picture into the style catalog, and the worker reads it there."""
    guarded.store("designer", "styles", monkeypatch).write("autumn.png", b"autumn")
    assert guarded.store("worker", "styles", monkeypatch).read("autumn.png") == b"autumn"


def write(store: Store) -> None:
    """Put an object."""
    store.write("x.png", b"x")


def read(store: Store) -> bytes:
    """Read an object that may be there."""
    return store.read("catalog.csv")


def delete(store: Store) -> None:
    """Remove an object."""
    store.delete("catalog.csv")


def look(store: Store) -> list[ObjectInfo]:
    """List a catalog."""
    return list(store.list())


def file(store: Store) -> None:
    """File a design's record."""
    DesignCatalog(store).file([design("45" * 32)])


def forget_run(store: Store) -> None:
    """Remove a run's report."""
    store.delete("runs/20261121T000000-abcdef/report.json")


FORBIDDEN: list[tuple[str, Callable[[Store], object], str]] = [
    *(("worker", what, prefix) for what in (write, delete) for prefix in ("garments", "styles", "elsewhere")),
    ("worker", forget_run, "designs"),
    ("worker", write, "designs"),
    ("worker", read, "elsewhere"),
    *(("reader", what, "designs") for what in (write, delete, file, forget_run)),
    *(("reader", read, prefix) for prefix in ("garments", "styles")),
    *(
        ("designer", what, prefix)
        for what in (read, delete, look)
        for prefix in ("designs", "styles", "garments")
    ),
    *(("designer", write, prefix) for prefix in ("designs", "garments")),
]


@pytest.mark.parametrize(
    ("role", "what", "prefix"), FORBIDDEN, ids=[f"{r}-{w.__name__}-{p}" for r, w, p in FORBIDDEN]
)
def test_nothing_else(
    role: str,
    what: Callable[[Store], object],
    prefix: str,
    guarded: Guarded,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What a role has no business with is refused: garments and styles are safe from workers, designs from readers."""
    with pytest.raises(StoreError) as refused:
        what(guarded.store(role, prefix, monkeypatch))
    assert isinstance(refused.value, NotAllowedError) or "AccessDenied" in str(refused.value)
