"""Who pays, across real processes: through HTTP hops, a web framework's dependencies, threads and streams."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

SAID = {
    "feature": "r&d, 50%",
    "tenant": "Ærø",
    "session_id": "conv_17",
    "request_id": "action-1",
    "tags": [["a b", "1 + 1"]],
}
TAGS = {"X-LLMCost-Tags": "feature=search,team=growth,plan=pro"}


class Service:
    """A running attribution_app."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._client = httpx.Client(base_url=self.url, trust_env=False, timeout=180)

    def ask(self, path: str, **more: Any) -> Any:
        return self._client.get(path, **more).raise_for_status().json()

    def close(self) -> None:
        self._client.close()

    def read(self, path: str) -> str:
        return self._client.get(path).raise_for_status().text


@contextmanager
def running(data_dir: Path, **environ: str) -> Iterator[Service]:
    """Run the service in a process of its own, and check that it stays silent and ends in order."""
    environ = {**os.environ, "LLMCOST_DATA_DIR": str(data_dir), "PYTHONWARNINGS": "", **environ}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.attribution_app"],
        cwd=Path(__file__).parents[2],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if line:
            with closing(Service(int(line))) as service:
                yield service
    finally:
        _, errors = process.communicate(timeout=180)
    assert errors == ""
    assert process.returncode == 0


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run a service that believes nobody, as it is by default."""
    with running(tmp_path_factory.mktemp("wary")) as wary:
        yield wary


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Run a service that believes its callers."""
    with running(tmp_path_factory.mktemp("trusting"), LLMCOST_TRUST_INCOMING="true") as believing:
        yield believing


def test_a_trusting_service_knows_who_pays_from_its_caller(service: Service, trusting: Service) -> None:
    answer = service.ask("/relay", params={"to": f"{trusting.url}/who"})
    assert answer == {"here": SAID, "there": SAID}


def test_a_service_does_not_believe_its_caller_unless_told_to(service: Service) -> None:
    answer = service.ask("/relay", params={"to": f"{service.url}/who"})
    assert answer == {"here": SAID, "there": {}}


def test_what_is_said_without_propagation_stays_in_its_process(service: Service, trusting: Service) -> None:
    answer = service.ask("/relay", params={"to": f"{trusting.url}/who", "propagate": "false"})
    assert answer == {"here": SAID, "there": {}}


def test_a_user_action_in_a_second_service_has_the_first_ones_as_its_parent(
    service: Service, trusting: Service
) -> None:
    middle = f"{trusting.url}/nested?to={trusting.url}/who"
    outer = service.ask("/relay", params={"to": middle})
    said = outer["there"]["here"]
    assert said["parent_request_id"] == "action-1"
    assert said["request_id"] != "action-1"
    assert {name: said[name] for name in ("feature", "workload")} == {"feature": "r&d, 50%", "workload": "batch"}
    assert outer["there"]["there"] == said


def test_the_tags_header_counts_only_where_it_is_trusted(service: Service, trusting: Service) -> None:
    assert trusting.ask("/who", headers=TAGS) == {"feature": "search", "team": "growth", "tags": [["plan", "pro"]]}
    assert service.ask("/who", headers=TAGS) == {}


def test_an_outsider_cannot_add_to_what_a_block_says(service: Service) -> None:
    headers = {"baggage": "llmcost.tenant=free,session.id=theirs", **TAGS}
    assert service.ask("/dependency", headers=headers) == {"feature": "dependency", "team": "growth"}


def test_an_async_dependency_says_who_pays_for_its_endpoint(service: Service) -> None:
    assert service.ask("/dependency") == {"feature": "dependency", "team": "growth"}
    assert service.ask("/threads") == {"feature": "dependency", "team": "growth"}
    assert service.ask("/who") == {}


def test_a_dependency_in_the_thread_pool_is_not_heard_and_does_no_harm(service: Service) -> None:
    """The framework drops that thread's context before the endpoint begins; docs/attribution.md says so."""
    assert service.ask("/thread-dependency") == {}


def test_work_handed_to_an_executor_knows_who_pays(service: Service) -> None:
    assert service.ask("/executor") == {"feature": "executor"}


def test_a_decorated_stream_knows_who_pays_at_every_piece(service: Service) -> None:
    assert service.read("/stream") == "stream\n" * 3
