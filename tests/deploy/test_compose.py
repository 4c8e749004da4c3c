"""The compose file holds together. No Docker engine is at hand here: Compose's own loader reads it, and so do we."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from otel_llmcost.config import parse_config
from otel_llmcost.config.collector import settings_of
from otel_llmcost.store import dsn
from tests.deploy.conftest import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORDS = {"CLICKHOUSE_PASSWORD": "one", "GRAFANA_PASSWORD": "two", "GRAFANA_READER_PASSWORD": "three"}


@pytest.fixture(scope="module")
def services() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def test_every_named_volume_is_declared_and_used(services: Any) -> None:
    declared = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["volumes"]
    used = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert {name for name in used if not name.startswith("./")} == set(declared)
    assert [name for name in used if name.startswith("./") and not (ROOT / name).exists()] == []


def test_nothing_listens_beyond_this_machine(services: Any) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)] == []


def test_make_up_waits_for_the_server_and_writes_to_it(services: Any) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (written,) = re.findall(r"LLMCOST_DSN=(.+);", makefile)
    server = dsn.parse(written.replace("$$(password CLICKHOUSE)", "secret"))
    assert isinstance(server, dsn.Server)
    given = services["clickhouse"]["environment"]
    assert (server.username, server.database) == (given["CLICKHOUSE_USER"], given["CLICKHOUSE_DB"])
    assert given["CLICKHOUSE_PASSWORD"].startswith("${CLICKHOUSE_PASSWORD:?")
    assert f"{server.host}:{server.port}:{server.port}" in services["clickhouse"]["ports"]
    without = {name for name, service in services.items() if "healthcheck" not in service}
    assert without == {"otelcol"}  # its image has no program that could look, so another service does
    said = yaml.safe_load((ROOT / "collector" / "otelcol.yaml").read_text(encoding="utf-8"))
    (name,) = re.findall(r"\$\{env:(\w+):-127\.0\.0\.1:13133\}", said["extensions"]["health_check"]["endpoint"])
    assert "health_check" in said["service"]["extensions"]
    port = services["otelcol"]["environment"][name].partition(":")[2]
    assert f"'http://otelcol:{port}/'" in " ".join(services["otelcol-health"]["healthcheck"]["test"])
    assert "docker compose up --detach --build --wait" in makefile


def test_passwords_are_random_and_written_once(tmp_path: Path) -> None:
    made = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        for _ in range(2):
            subprocess.run(["make", "-f", ROOT / "Makefile", ".env"], cwd=tmp_path / place, check=True)
        made.append((tmp_path / place / ".env").read_text(encoding="utf-8"))
        assert (tmp_path / place / ".env").stat().st_mode & 0o077 == 0
    assert made[0] != made[1]
    assert re.fullmatch("".join(rf"{name}=[0-9a-f]{{32}}\n" for name in PASSWORDS), made[0])


def test_a_password_that_is_there_stays_and_one_that_is_missing_is_added(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("CLICKHOUSE_PASSWORD=mine\nLLMCOST_SLACK_URL=https://hooks.example.com/x\n")
    subprocess.run(["make", "-f", ROOT / "Makefile", ".env"], cwd=tmp_path, check=True)
    lines = (tmp_path / ".env").read_text().splitlines()
    assert lines[:2] == ["CLICKHOUSE_PASSWORD=mine", "LLMCOST_SLACK_URL=https://hooks.example.com/x"]
    assert [line.partition("=")[0] for line in lines[2:]] == ["GRAFANA_PASSWORD", "GRAFANA_READER_PASSWORD"]


def test_grafana_finds_the_store_the_dashboards_and_the_alerts(services: Any) -> None:
    provisioned = ROOT / "dashboards" / "provisioning"
    [source] = yaml.safe_load((provisioned / "datasources/llmcost.yaml").read_text(encoding="utf-8"))["datasources"]
    rules = yaml.safe_load((ROOT / "dashboards/alerting/rules.yaml").read_text(encoding="utf-8"))
    asked = {query["datasourceUid"] for group in rules["groups"] for rule in group["rules"] for query in rule["data"]}
    assert asked == {source["uid"], "__expr__"}
    assert source["jsonData"]["host"] in services
    assert source["jsonData"]["username"] == "grafana"
    assert source["secureJsonData"]["password"] == "$GRAFANA_READER_PASSWORD"
    [provider] = yaml.safe_load((provisioned / "dashboards/llmcost.yaml").read_text(encoding="utf-8"))["providers"]
    mounted = dict(volume.split(":")[:2][::-1] for volume in services["grafana"]["volumes"])
    assert mounted[provider["options"]["path"]] == "./dashboards/generated"
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / mounted[str(home.parent)] / home.name).exists()
    [_, start] = services["grafana"]["entrypoint"]
    assert (ROOT / mounted[str(Path(start).parent)] / Path(start).name).exists()
    given = set(services["grafana"]["environment"])
    asked = set(re.findall(r"\$\{?((?:LLMCOST|GF)_[A-Z_]+)", (provisioned / "start.sh").read_text()))
    assert asked - given <= {"LLMCOST_PROVISIONING", "LLMCOST_GRAFANA_RUN"}  # for tests


def test_compose_itself_reads_it_and_every_variable_has_a_value(checker: Callable[..., str]) -> None:
    project = json.loads(checker("compose", "docker-compose.yml", environ=PASSWORDS))
    assert set(project["services"]) == {"clickhouse", "collector", "otelcol", "otelcol-health", "grafana"}
    for service in project["services"].values():
        for mount in service.get("volumes", []):
            assert mount["type"] == "volume" or Path(mount["source"]).exists()
    assert project["services"]["grafana"]["environment"]["LLMCOST_GRAFANA_POLICY"] == "replace"
    both = json.loads(checker("compose", "docker-compose.yml", "demo", environ=PASSWORDS))
    assert set(both["services"]) - set(project["services"]) == {"demo"}


def test_compose_refuses_to_start_without_a_password(checker: Callable[..., str]) -> None:
    for name in PASSWORDS:
        with pytest.raises(AssertionError, match=f"required variable {name} is missing"):
            checker("compose", "docker-compose.yml", environ={key: "x" for key in PASSWORDS if key != name})


def test_what_is_sent_reaches_the_collector_and_the_store(services: Any) -> None:
    stock, ours = services["otelcol"]["environment"], services["collector"]["environment"]
    config = (ROOT / "collector" / "otelcol.yaml").read_text()
    assert {name for name in stock if f"${{env:{name}:-" not in config} == set()
    settings = settings_of(parse_config(b"", Path("llmcost.yaml")).collector, ours)
    assert settings.grpc_endpoint is not None
    assert settings.http_endpoint is not None
    assert stock["LLMCOST_GRPC_ENDPOINT"] == f"collector:{settings.grpc_endpoint.port}"
    assert f"http://127.0.0.1:{settings.http_endpoint.port}/readyz" in str(services["collector"]["healthcheck"])
    server = dsn.parse(ours["LLMCOST_DSN"].replace("${CLICKHOUSE_PASSWORD:?make up writes .env}", "secret"))
    assert isinstance(server, dsn.Server)
    assert (server.host, server.database) == ("clickhouse", services["clickhouse"]["environment"]["CLICKHOUSE_DB"])
    ports = {port.rpartition(":")[2] for port in services["otelcol"]["ports"]}
    assert ports == {stock[f"OTELCOL_{kind}_ENDPOINT"].rpartition(":")[2] for kind in ("GRPC", "HTTP")}


def test_the_image_is_built_from_files_that_are_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sent = {line[1:] for line in ignored if line.startswith("!")}
    lines = (ROOT / "collector" / "Dockerfile").read_text().splitlines()
    copied = [
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    assert set(copied) == sent
    assert [name for name in copied if not (ROOT / name).exists()] == []
