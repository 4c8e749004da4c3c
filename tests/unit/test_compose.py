"""The compose file holds together. No Docker engine is at hand here, so it is checked by reading it."""

from __future__ import annotations

import re
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
    assert {volume.partition(":")[0] for service in services.values() for volume in service["volumes"]} == set(declared)


def test_nothing_listens_beyond_this_machine(services: Any) -> None:
    ports = [port for service in services.values() for port in service["ports"]]
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)] == []


def test_make_up_waits_for_the_server_and_writes_to_it(services: Any) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (written,) = re.findall(r"^COMPOSE_DSN := (.+)$", makefile, flags=re.MULTILINE)
    server = dsn.parse(written)
    assert isinstance(server, dsn.Server)
    given = services["clickhouse"]["environment"]
    assert (server.username, server.password, server.database) == (
        given["CLICKHOUSE_USER"],
        given["CLICKHOUSE_PASSWORD"],
        given["CLICKHOUSE_DB"],
    )
    assert f"{server.host}:{server.port}:{server.port}" in services["clickhouse"]["ports"]
    assert "healthcheck" in services["clickhouse"]
    assert "docker compose up --detach --wait" in makefile
