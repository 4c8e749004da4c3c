"""The compose file holds together. No Docker engine is at hand here, so it is checked by reading it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel_llmcost.store import dsn

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]


def test_every_named_volume_is_declared_and_used(services: Any) -> None:
    declared = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["volumes"]
    used = {volume.partition(":")[0] for service in services.values() for volume in service["volumes"]}
    assert {name for name in used if not name.startswith("./")} == set(declared)
    assert [name for name in used if name.startswith("./") and not (ROOT / name).exists()] == []


def test_nothing_listens_beyond_this_machine(services: Any) -> None:
    ports = [port for service in services.values() for port in service["ports"]]
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)] == []


def test_make_up_waits_for_the_server_and_writes_to_it(services: Any) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (written,) = re.findall(r"LLMCOST_DSN=(\S+);", makefile)
    server = dsn.parse(written.replace("$$CLICKHOUSE_PASSWORD", "secret"))
    assert isinstance(server, dsn.Server)
    given = services["clickhouse"]["environment"]
    assert (server.username, server.database) == (given["CLICKHOUSE_USER"], given["CLICKHOUSE_DB"])
    assert given["CLICKHOUSE_PASSWORD"].startswith("${CLICKHOUSE_PASSWORD:?")
    assert f"{server.host}:{server.port}:{server.port}" in services["clickhouse"]["ports"]
    assert all("healthcheck" in service for service in services.values())
    assert "docker compose up --detach --wait" in makefile


def test_passwords_are_random_and_written_once(tmp_path: Path) -> None:
    made = []
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        for _ in range(2):
            subprocess.run(["make", "-f", ROOT / "Makefile", ".env"], cwd=tmp_path / place, check=True)
        made.append((tmp_path / place / ".env").read_text(encoding="utf-8"))
        assert (tmp_path / place / ".env").stat().st_mode & 0o077 == 0
    assert made[0] != made[1]
    assert re.fullmatch(r"CLICKHOUSE_PASSWORD=[0-9a-f]{32}\nGRAFANA_PASSWORD=[0-9a-f]{32}\n", made[0])


def test_grafana_finds_the_store_the_dashboards_and_the_alerts(services: Any) -> None:
    provisioned = ROOT / "dashboards" / "provisioning"
    [source] = yaml.safe_load((provisioned / "datasources/llmcost.yaml").read_text(encoding="utf-8"))["datasources"]
    rules = yaml.safe_load((ROOT / "dashboards/alerting/rules.yaml").read_text(encoding="utf-8"))
    asked = {query["datasourceUid"] for group in rules["groups"] for rule in group["rules"] for query in rule["data"]}
    assert asked == {source["uid"], "__expr__"}
    assert source["jsonData"]["host"] in services
    assert source["jsonData"]["username"] == services["clickhouse"]["environment"]["CLICKHOUSE_USER"]
    [provider] = yaml.safe_load((provisioned / "dashboards/llmcost.yaml").read_text(encoding="utf-8"))["providers"]
    mounted = dict(volume.split(":")[:2][::-1] for volume in services["grafana"]["volumes"])
    assert mounted[provider["options"]["path"]] == "./dashboards/generated"
    home = Path(services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert (ROOT / mounted[str(home.parent)] / home.name).exists()
