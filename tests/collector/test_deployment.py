"""The files by which the collector is deployed say what it understands, and keep it small and harmless."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path
from typing import Any

import yaml

from otel_llmcost.config import parse_config
from otel_llmcost.config.collector import _SETTINGS, CollectorSettings, settings_of

PLACE = Path(__file__).parents[2] / "collector"
ROOT = PLACE.parent


def settings_in(content: str) -> CollectorSettings:
    return settings_of(parse_config(content.encode(), Path("llmcost.yaml")).collector, {})


def test_the_commented_llmcost_yaml_holds_the_defaults_and_every_setting(tmp_path: Path) -> None:
    content = (PLACE / "llmcost.yaml").read_text()
    assert settings_in(content) == CollectorSettings()
    for name in ("server.pem", "server.key", "clients.pem", "tokens"):
        (tmp_path / name).touch()
    whole = re.sub(r"^#\|", "", content, flags=re.MULTILINE).replace("/etc/llmcost", str(tmp_path))
    said = parse_config(whole.encode(), Path("llmcost.yaml"))
    assert set(said.collector) == set(_SETTINGS) - {"token"}
    assert len(said.rules) == 1
    assert said.overlay is not None


def test_kubernetes_runs_it_without_rights_on_a_disk_of_its_own() -> None:
    kinds: dict[str, Any] = {each["kind"]: each for each in yaml.safe_load_all((PLACE / "kubernetes.yaml").read_text())}
    settings = settings_in(kinds["ConfigMap"]["data"]["llmcost.yaml"])
    pod = kinds["StatefulSet"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert pod["terminationGracePeriodSeconds"] > settings.shutdown_s
    ports = {port["containerPort"] for port in container["ports"]}
    assert settings.grpc_endpoint is not None
    assert settings.http_endpoint is not None
    assert ports == {settings.grpc_endpoint.port, settings.http_endpoint.port}
    assert {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("readiness", "liveness")} == {
        "/readyz",
        "/healthz",
    }
    [claim] = kinds["StatefulSet"]["spec"]["volumeClaimTemplates"]
    disk = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    assert disk >= 2 * settings.wal_max_bytes
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/var/lib/llmcost", "/etc/llmcost"}


def test_the_image_is_not_root_and_starts_the_script_of_the_package() -> None:
    lines = (PLACE / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    said = dict(line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert said["ENTRYPOINT"] == '["llmcost-collector"]'
    assert "llmcost-collector" in scripts
    assert int(said["USER"]) > 0
    copied = [word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1] if "--" not in word]
    assert [path for path in copied if not path.startswith("/") and not (ROOT / path).exists()] == []


def test_systemd_reloads_by_sighup_and_waits_longer_than_the_collector_takes() -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(PLACE / "llmcost-collector.service")
    service = unit["Service"]
    shutdown = re.search(r"LLMCOST_SHUTDOWN_S=(\d+)", service["Environment"])
    assert shutdown is not None
    assert int(service["TimeoutStopSec"]) > int(shutdown[1])
    assert service["ExecStart"].endswith("/llmcost-collector")
    assert "HUP" in service["ExecReload"]
    assert (service["DynamicUser"], service["ProtectSystem"], service["NoNewPrivileges"]) == ("yes", "strict", "yes")


def test_the_stock_collector_forks_costs_before_any_sampler_and_never_drops() -> None:
    said = yaml.safe_load((PLACE / "otelcol.yaml").read_text())
    pipelines = said["service"]["pipelines"]
    cost = pipelines["traces/cost"]
    assert cost["receivers"] == ["forward/cost"]
    assert not any("sampl" in name for name in (*cost["processors"], *pipelines["traces/in"]["processors"]))
    queue = said["exporters"]["otlp/cost"]["sending_queue"]
    assert (queue["storage"], queue["block_on_overflow"]) == ("file_storage", True)
    assert said["exporters"]["otlp/cost"]["retry_on_failure"]["max_elapsed_time"] == 0
