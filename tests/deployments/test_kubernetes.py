"""The work-pool template and the Ray cluster are what Prefect, Kubernetes and KubeRay take."""

import asyncio
import copy
import json
import re
from typing import Any

import jsonschema
import pytest
import yaml
from prefect.utilities.templating import apply_values

from tests.conftest import ROOT

TEMPLATE = json.loads((ROOT / "deployments" / "kubernetes" / "base-job-template.json").read_text())
PROPERTIES: dict[str, Any] = TEMPLATE["variables"]["properties"]
CONFIGURATION = TEMPLATE["job_configuration"]
RAY = yaml.safe_load((ROOT / "deployments" / "ray-cluster.yaml").read_text())
PODS = [RAY["spec"]["headGroupSpec"]["template"], RAY["spec"]["workerGroupSpecs"][0]["template"]]


def rendered(**values: object) -> dict[str, Any]:
    """The job's pod as Prefect fills it in: defaults under what is given, empty ones left out."""
    defaults = {name: one["default"] for name, one in PROPERTIES.items() if one.get("default") is not None}
    filled = apply_values(copy.deepcopy(CONFIGURATION), {**defaults, **values})
    return filled["job_manifest"]


def pod(**values: object) -> dict[str, Any]:
    """The pod of the job."""
    return rendered(**values)["spec"]["template"]["spec"]


def test_variables_are_used_and_declared() -> None:
    """Every variable of the job is declared, and every declared one is used."""
    used = set(re.findall(r"\{\{ (\w+) \}\}", json.dumps(CONFIGURATION)))
    assert used == set(PROPERTIES)


def test_schema_and_defaults() -> None:
    """The variables are a JSON schema, every default is allowed by it, and a shorter grace time is not."""
    schema = TEMPLATE["variables"]
    jsonschema.Draft202012Validator.check_schema(schema)
    defaults = {name: one["default"] for name, one in PROPERTIES.items() if "default" in one}
    jsonschema.validate(defaults, schema)
    for wrong in ({"grace_period_seconds": 119}, {"weights_volume": {"name": "other"}}, {"gpu_limit": -1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_job_is_what_prefect_requires() -> None:
    """The job has the fields that Prefect's worker looks for, and takes its command, environment and image."""
    job = rendered()
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "Job")
    assert job["spec"]["backoffLimit"] == 0
    own = pod(command="prefect flow-run execute", env={"A": "1"}, image="looks/stylemill:2")
    assert (own["parallelism"], own["completions"], own["restartPolicy"]) == (1, 1, "Never")
    (container,) = own["containers"]
    assert container["args"] == "prefect flow-run execute"
    assert container["env"] == {"A": "1"}
    assert container["image"] == "looks/stylemill:2"
    assert container["envFrom"] == [{"secretRef": {"name": "stylemill"}}]


def test_gpu_nodes_and_weights_by_variable() -> None:
    """GPUs, nodes, taints and the weights' volume are the deployment's to choose; every mount has its volume."""
    own = pod(
        gpu_limit=2,
        node_selector={"accelerator": "l4"},
        tolerations=[],
        weights_volume={"name": "weights", "persistentVolumeClaim": {"claimName": "kept"}},
        memory_limit="32Gi",
    )
    (container,) = own["containers"]
    assert container["resources"]["limits"] == {"memory": "32Gi", "nvidia.com/gpu": 2}
    assert own["nodeSelector"] == {"accelerator": "l4"}
    assert own["tolerations"] == []
    assert own["volumes"][0]["persistentVolumeClaim"] == {"claimName": "kept"}
    for one in (own, pod()):
        assert {m["name"] for m in one["containers"][0]["volumeMounts"]} == {
            v["name"] for v in one["volumes"]
        }


@pytest.mark.parametrize(
    "spec", [pod(), *(one["spec"] for one in PODS)], ids=["job", "ray-head", "ray-worker"]
)
def test_pods_are_confined(spec: dict[str, Any]) -> None:
    """No pod is root, gains rights or mistakes a service's variables for settings; its user is the image's."""
    (uid,) = re.findall(r"--uid (\d+)", (ROOT / "deployments" / "Containerfile").read_text())
    security = spec["securityContext"]
    assert security["runAsNonRoot"] is True
    assert str(security["runAsUser"]) == str(security["fsGroup"]) == uid
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    # A service called `prefect` would give every pod PREFECT_PORT and the like, which Prefect reads as settings.
    assert spec["enableServiceLinks"] is False
    for container in spec["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"].keys() >= {"cpu", "memory"}
        assert {m["name"] for m in container["volumeMounts"]} <= {v["name"] for v in spec["volumes"]}


@pytest.mark.parametrize("spec", [pod(), PODS[1]["spec"]], ids=["job", "ray-worker"])
def test_stopped_pods_have_time_to_file(spec: dict[str, Any]) -> None:
    """Whoever paints has at least two minutes between SIGTERM and SIGKILL, for the records of finished designs."""
    assert spec["terminationGracePeriodSeconds"] >= 120


def test_weights_are_cached_where_the_image_looks() -> None:
    """The weights' volume is mounted where the image's STYLEMILL_CACHE points, and Prefect's home is writable."""
    text = (ROOT / "deployments" / "Containerfile").read_text()
    found = {name: re.findall(rf"\b{name}=(\S+)", text)[0] for name in ("STYLEMILL_CACHE", "HOME")}
    for one in (pod(), PODS[0]["spec"], PODS[1]["spec"]):
        mounts = {m["name"]: m["mountPath"] for m in one["containers"][0]["volumeMounts"]}
        assert mounts["weights"] == found["STYLEMILL_CACHE"]
    mounts = {m["name"]: m["mountPath"] for m in pod()["containers"][0]["volumeMounts"]}
    assert mounts["home"] == found["HOME"]


def test_prefects_own_worker_takes_the_template() -> None:
    """Where prefect-kubernetes is installed, it builds its configuration from the template."""
    worker = pytest.importorskip("prefect_kubernetes.worker", reason="prefect-kubernetes is not installed")
    own = worker.KubernetesWorker.get_default_base_job_template()["variables"]["properties"]
    assert set(own) <= set(PROPERTIES)
    configuration = worker.KubernetesWorkerJobConfiguration
    made = asyncio.run(configuration.from_template_and_values(TEMPLATE, {"gpu_limit": 0}))
    assert made.namespace == "stylemill"


def test_ray_paints_on_gpus_only() -> None:
    """The head takes no work; every worker has one GPU, which Ray is told of; the group grows and shrinks."""
    assert (RAY["apiVersion"], RAY["kind"]) == ("ray.io/v1", "RayCluster")
    spec = RAY["spec"]
    assert spec["enableInTreeAutoscaling"] is True
    start = spec["headGroupSpec"]["rayStartParams"]
    assert (start["num-cpus"], start["num-gpus"]) == ("0", "0")
    assert "nvidia.com/gpu" not in str(spec["headGroupSpec"])
    (group,) = spec["workerGroupSpecs"]
    assert group["rayStartParams"]["num-gpus"] == "1"
    assert group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for params in (start, group["rayStartParams"]):
        assert all(isinstance(value, str) for value in params.values()), "KubeRay takes text alone"
    (container,) = group["template"]["spec"]["containers"]
    for kind in ("requests", "limits"):
        assert container["resources"][kind]["nvidia.com/gpu"] == "1"
    assert spec["headGroupSpec"]["serviceType"] == "ClusterIP"
    images = {one["spec"]["containers"][0]["image"] for one in PODS}
    assert images == {PROPERTIES["image"]["default"]}


def test_ray_version_is_the_pinned_one() -> None:
    """KubeRay is told the version of Ray that constraints.txt puts into the image, where Ray is pinned there."""
    pinned = re.findall(r"^ray==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    if not pinned:
        pytest.skip("constraints.txt does not pin Ray")
    assert RAY["spec"]["rayVersion"] == pinned[0]
