"""What `kubectl apply -k .` applies is what Kubernetes takes, and holds what Grafana looks for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import kubernetes_validate
import pytest
import yaml

from tests.deploy.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

VERSION = kubernetes_validate.latest_version()


@pytest.fixture(scope="module")
def manifests(checker: Callable[..., str]) -> list[Any]:
    """Return them as kustomize builds them."""
    return list(yaml.safe_load_all(checker("kustomize", ".")))


def named(manifests: list[Any], kind: str, name: str) -> Any:
    [found] = [each for each in manifests if each["kind"] == kind and each["metadata"]["name"].startswith(name)]
    return found


def test_every_manifest_is_in_the_schema(manifests: list[Any]) -> None:
    for manifest in manifests:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    kinds = {(each["kind"], each["metadata"]["name"]) for each in manifests}
    assert {("StatefulSet", "llmcost-collector"), ("Deployment", "llmcost-grafana")} <= kinds


def test_the_schema_would_say_what_is_wrong(manifests: list[Any]) -> None:
    wrong = named(manifests, "Service", "llmcost-grafana") | {"spec": {"prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_no_config_map_is_larger_than_one_can_be(manifests: list[Any]) -> None:
    sizes = {
        each["metadata"]["name"]: sum(len(text.encode()) for text in each["data"].values())
        for each in manifests
        if each["kind"] == "ConfigMap"
    }
    assert {name: size for name, size in sizes.items() if size > 2**20 - 4096} == {}


def test_every_generated_file_is_in_a_config_map(manifests: list[Any]) -> None:
    dashboards = named(manifests, "ConfigMap", "llmcost-dashboards")["data"]
    assert set(dashboards) == {path.name for path in (ROOT / "dashboards" / "generated").iterdir()}
    alerting = named(manifests, "ConfigMap", "llmcost-rules")["data"]
    alerting |= named(manifests, "ConfigMap", "llmcost-alerting")["data"]
    assert set(alerting) == {path.name for path in (ROOT / "dashboards" / "alerting").iterdir()}


def test_grafana_finds_each_file_where_it_looks_for_it(manifests: list[Any]) -> None:
    pod = named(manifests, "Deployment", "llmcost-grafana")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert set(mounts) == {volume["name"] for volume in pod["volumes"]}
    provisioning = next(volume for volume in pod["volumes"] if volume["name"] == "provisioning")["configMap"]
    there = {f"{mounts['provisioning']}/{item['path']}" for item in provisioning["items"]}
    data = named(manifests, "ConfigMap", "llmcost-provisioning")["data"]
    assert {item["key"] for item in provisioning["items"]} == set(data)
    assert container["command"][1] in there
    for folder in ("datasources", "dashboards"):
        assert f"/etc/llmcost/provisioning/{folder}/llmcost.yaml" in there
    environ = {each["name"]: each["value"] for each in container["env"]}
    home = Path(environ["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == mounts["dashboards"]
    assert home.name in named(manifests, "ConfigMap", "llmcost-dashboards")["data"]


def test_grafana_has_no_rights_that_it_does_not_need(manifests: list[Any]) -> None:
    pod = named(manifests, "Deployment", "llmcost-grafana")["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"]
