"""The compose file holds together. No Docker engine is at hand here, so it is checked by reading it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


def test_services_wait_for_healthy_services_that_exist(compose: Any) -> None:
    services = compose["services"]
    for service in services.values():
        for name, condition in service.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert "healthcheck" in services[name]


def test_every_named_volume_is_declared_and_used(compose: Any) -> None:
    used = {volume.partition(":")[0] for service in compose["services"].values() for volume in service["volumes"]}
    assert used == set(compose["volumes"])


def test_nothing_listens_beyond_this_machine(compose: Any) -> None:
    ports = [port for service in compose["services"].values() for port in service["ports"]]
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port)] == []


def test_the_store_that_is_written_is_the_server_that_is_started(compose: Any) -> None:
    server = compose["services"]["clickhouse"]["environment"]
    user, password, database = (server[f"CLICKHOUSE_{name}"] for name in ("USER", "PASSWORD", "DB"))
    dsn = compose["services"]["llmcost"]["environment"]["LLMCOST_DSN"]
    assert dsn == f"clickhouse://{user}:{password}@clickhouse:8123/{database}"
