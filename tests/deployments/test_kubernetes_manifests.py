"""The manifests of server, worker and secret are what Kubernetes takes, and fit each other, the image and the pool."""

import json
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from catalogs.storage.s3_store import PATIENCE as STORE
from flows.reports.monitoring import PATIENCE as GATEWAY
from flows.settings import Settings
from flows.workers.ray_workers import GRACE
from tests.conftest import ROOT

FOLDER = ROOT / "deployments" / "kubernetes"
FILES = ("secret.example.yaml", "server.yaml", "worker.yaml")
OBJECTS: list[dict[str, Any]] = [
    one for name in FILES for one in yaml.safe_load_all((FOLDER / name).read_text())
]
TEMPLATE = json.loads((FOLDER / "base-job-template.json").read_text())["variables"]["properties"]
IMAGE = (ROOT / "deployments" / "Containerfile").read_text()
VERSIONS = ("1.31", "1.37")
"""Of Kubernetes: an old one that clouds still run, and the newest that the validator knows."""


def named(kind: str) -> dict[str, dict[str, Any]]:
    """Objects of a kind by their names."""
    return {one["metadata"]["name"]: one for one in OBJECTS if one["kind"] == kind}


def pods() -> dict[str, dict[str, Any]]:
    """The pods of the deployments."""
    return {name: one["spec"]["template"]["spec"] for name, one in named("Deployment").items()}


def environment(name: str) -> dict[str, Any]:
    """Variables of a deployment's container: the value, or where it comes from."""
    (container,) = pods()[name]["containers"]
    return {one["name"]: one.get("value") or one["valueFrom"]["secretKeyRef"] for one in container["env"]}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one", OBJECTS, ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_valid_by_kubernetes_schema(one: dict[str, Any], version: str) -> None:
    """Every object has only fields that Kubernetes knows, in their types; a misspelt one is found."""
    kubernetes_validate.validate(one, version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**one, "specification": {}}, version, strict=True)


def test_everything_is_in_the_jobs_namespace() -> None:
    """All objects live in the namespace in which the pool's jobs run."""
    assert set(named("Namespace")) == {TEMPLATE["namespace"]["default"]}
    for one in OBJECTS:
        assert one["kind"] == "Namespace" or one["metadata"]["namespace"] == TEMPLATE["namespace"]["default"]


def test_what_the_jobs_name_is_there() -> None:
    """The secret, the service account and the image that jobs take by default are those of the manifests."""
    assert TEMPLATE["secret_name"]["default"] in named("Secret")
    account = named("ServiceAccount")[TEMPLATE["service_account_name"]["default"]]
    assert account["automountServiceAccountToken"] is False
    for spec in pods().values():
        assert spec["containers"][0]["image"] == TEMPLATE["image"]["default"]


def test_secrets_are_known_settings_without_values() -> None:
    """The example holds no password, and each STYLEMILL_ name in it is a setting."""
    given = named("Secret")["stylemill"]["stringData"]
    assert given["PREFECT_API_AUTH_STRING"] == ""
    ours = {name.removeprefix("STYLEMILL_").lower() for name in given if name.startswith("STYLEMILL_")}
    assert ours and ours <= set(Settings.model_fields)
    keys = {name: set(one["stringData"]) for name, one in named("Secret").items()}
    for name in pods():
        for source in environment(name).values():
            if isinstance(source, dict):
                assert source["key"] in keys[source["name"]]


def test_server_asks_for_the_password_that_the_worker_gives() -> None:
    """Server and worker have the password from one entry, and the worker's address is the service's."""
    server, worker = environment("prefect-server"), environment("prefect-worker")
    assert server["PREFECT_SERVER_API_AUTH_STRING"] == worker["PREFECT_API_AUTH_STRING"]
    (service,) = named("Service").values()
    port = service["spec"]["ports"][0]["port"]
    where = f"http://{service['metadata']['name']}.{service['metadata']['namespace']}.svc:{port}/api"
    assert worker["PREFECT_API_URL"] == where
    assert service["spec"]["type"] == "ClusterIP"
    labels = named("Deployment")["prefect-server"]["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"].items() <= labels.items()


@pytest.mark.parametrize("name", list(pods()))
def test_pods_are_confined(name: str) -> None:
    """No pod is root or gains rights, its user is the image's, and every mount has its volume."""
    (uid,) = re.findall(r"--uid (\d+)", IMAGE)
    spec = pods()[name]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert str(spec["securityContext"]["runAsUser"]) == str(spec["securityContext"]["fsGroup"]) == uid
    assert spec["enableServiceLinks"] is False
    (container,) = spec["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in spec["volumes"]}
    selector = named("Deployment")[name]["spec"]["selector"]["matchLabels"]
    assert selector.items() <= named("Deployment")[name]["spec"]["template"]["metadata"]["labels"].items()


def test_worker_may_start_and_end_jobs_and_no_more() -> None:
    """The worker's role covers its jobs, their pods and logs; no secret, and nothing outside the namespace."""
    (role,) = named("Role").values()
    rights = {one: set(rule["verbs"]) for rule in role["rules"] for one in rule["resources"]}
    assert rights["jobs"] >= {"create", "watch", "delete"}
    assert rights["pods"] >= {"get", "watch"}
    assert set(rights) == {"jobs", "pods", "pods/log", "pods/status", "events"}
    (binding,) = named("RoleBinding").values()
    (subject,) = binding["subjects"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert subject["name"] == pods()["prefect-worker"]["serviceAccountName"] in named("ServiceAccount")


def test_weights_are_shared() -> None:
    """Jobs of several nodes can mount the weights at once, and the pool's hint names a claim in that way."""
    claim = named("PersistentVolumeClaim")["stylemill-weights"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert "persistentVolumeClaim" in TEMPLATE["weights_volume"]["description"]


def test_grace_covers_what_a_stopped_run_waits_for() -> None:
    """A job's grace period is longer than Ray's tasks, the gauges' last push and a slow store's retries together."""
    assert TEMPLATE["grace_period_seconds"]["default"] >= GRACE + 2 * GATEWAY + STORE
