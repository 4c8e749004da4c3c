"""The service as it is operated: settings, certificates, signals, pages, and a store that is away."""

from __future__ import annotations

import gzip
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import uuid
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from otel_llmcost import semconv
from otel_llmcost.attribution import NOBODY
from otel_llmcost.store import connect
from tests.collector.process import COLLECTOR, DEADLINE_S, Service, environment
from tests.collector.telling import COST, a_call, call, get, other_spans, post, request_of
from tests.support import clickhouse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_llmcost.store import Rows

DOCS = Path(__file__).parents[2] / "docs" / "collector.md"
OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def dsn(server: clickhouse.Server) -> Iterator[str]:
    """An empty database on the real server."""
    dsn = server.dsn(f"test_{uuid.uuid4().hex}")
    yield dsn
    with connect(dsn) as store:
        store._engine.command(f"DROP DATABASE IF EXISTS {store._engine.database} SYNC")


def asked(dsn: str, sql: str) -> Rows:
    with connect(dsn) as store:
        return store.query(sql)


def test_every_fault_of_the_settings_is_named_before_anything_starts(tmp_path: Path) -> None:
    config = tmp_path / "llmcost.yaml"
    config.write_text("collector:\n  grpc_endpont: 1:2\n  shutdown_s: soon\nrates:\n  discount: 3\n")
    variables = {"LLMCOST_DSN": "mysql://x", "LLMCOST_HTTP_ENDPOINT": "nowhere", "LLMCOST_TLS_KEY": "/no/file"}
    environ = environment(tmp_path / "data", LLMCOST_TOKEN="", **variables)
    done = subprocess.run(
        [COLLECTOR, "--config", config], env=environ, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    said = done.stderr.splitlines()
    assert done.returncode == 2
    assert len(said) == 6
    assert all(line.startswith("llmcost-collector: ") for line in said)
    assert f"{config}:2: collector.grpc_endpont: is no key; did you mean grpc_endpoint?" in said[0]
    assert f"{config}:3: collector.shutdown_s: 'soon' is not a number of seconds" in said[1]
    assert f"{config}:5: rates.discount: is no key" in said[2]
    assert "LLMCOST_HTTP_ENDPOINT: 'nowhere' is not an endpoint" in said[3]
    assert "LLMCOST_TLS_KEY: '/no/file' is not a file that can be read" in said[4]
    assert "scheme 'mysql' is not known" in said[5]
    assert not (tmp_path / "data").exists()


@pytest.mark.long
def test_without_the_extra_the_install_line_is_told(tmp_path: Path) -> None:
    code = "import sys; sys.modules['grpc'] = None; from llmcost_collector.main import main; sys.exit(main([]))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "llmcost-collector: grpc is not installed: pip install 'otel-llmcost[collector,embedded]'\n",
    )


def test_the_embedded_store_has_what_was_taken_after_a_stop(tmp_path: Path) -> None:
    calls = [a_call() for _ in range(20)]
    with Service(tmp_path, {}) as service:
        assert call(service.grpc, request_of(calls[:10])).code is OK
        assert post(service.http, request_of(calls[10:])).status == 200
        assert service.end() == 0
    rows = asked(f"chdb://{tmp_path / 'store'}", "SELECT sum(calls), sum(list_cost) FROM spend_hourly")
    assert list(rows) == [(20, 20 * Decimal(COST))]


@pytest.mark.server
def test_what_was_acknowledged_survives_a_kill(dsn: str, tmp_path: Path) -> None:
    calls = [a_call() for _ in range(30)]
    with Service(tmp_path, {"LLMCOST_DSN": dsn}) as service:
        for each in calls:
            assert call(service.grpc, request_of([each])).code is OK
        service.end(signal.SIGKILL)
    with Service(tmp_path, {"LLMCOST_DSN": dsn}) as service:
        assert service.end() == 0
    assert list(asked(dsn, "SELECT count(), sum(list_cost) FROM llm_calls")) == [(30, 30 * Decimal(COST))]


@pytest.mark.long
@pytest.mark.server
def test_what_is_accepted_waits_for_a_store_that_is_away_also_at_the_start(library: Path, tmp_path: Path) -> None:
    store = clickhouse.Server(tmp_path / "server", library)
    calls = [a_call() for _ in range(3)]
    try:
        with Service(tmp_path / "data", {"LLMCOST_DSN": store.dsn()}) as service:
            assert post(service.http, request_of([calls[0]])).status == 200
            ready = get(service.http, "/readyz")
            assert get(service.http, "/healthz").status == 200
            assert (ready.status, ready.body[:39]) == (200, b"ready; what is accepted waits: clickhou")
            store.start()
            service.line("the store takes calls again")
            store.kill()
            assert post(service.http, request_of([calls[1]])).status == 200
            service.end(signal.SIGKILL)
        with Service(tmp_path / "data", {"LLMCOST_DSN": store.dsn()}) as service:
            assert post(service.http, request_of([calls[2]])).status == 200
            store.start()
            service.line("the store takes calls again")
            assert service.end() == 0
        found = asked(store.dsn(), "SELECT trace_id FROM llm_calls")
        assert {row[0] for row in found} == {each.trace_id for each in calls}
    finally:
        store.stop()


def test_an_end_that_is_asked_for_during_the_start_is_one_in_order(tmp_path: Path) -> None:
    """Whatever thread gets the signal: the main thread is opening the store, and no other is ours."""
    with socket.create_server(("127.0.0.1", 0)) as store:
        service = Service(tmp_path, {"LLMCOST_DSN": f"clickhouse://127.0.0.1:{store.getsockname()[1]}"})
        service.spawn()
        opening, _ = store.accept()
        service.send(signal.SIGTERM)
        opening.close()
    assert service.process is not None
    assert service.process.wait(DEADLINE_S) == 0
    assert service.line("stopped")["message"] == "stopped; nothing is left over"


def test_an_end_that_leaves_something_over_says_so(tmp_path: Path) -> None:
    nowhere = {"LLMCOST_DSN": "clickhouse://127.0.0.1:1", "LLMCOST_SHUTDOWN_S": "1"}
    with Service(tmp_path, nowhere) as service:
        post(service.http, request_of([a_call()]))
        assert service.end() == 1
        assert service.line("stopped")["message"].startswith("stopped; what waits in")


@pytest.mark.long
@pytest.mark.server
def test_a_reload_takes_new_rates_rules_and_tokens_or_keeps_the_old_ones_and_says_why(dsn: str, tmp_path: Path) -> None:
    config, tokens = tmp_path / "llmcost.yaml", tmp_path / "tokens"
    config.write_text("rates:\n  discounts:\n    - {provider: openai, percent: 10}\n")
    tokens.write_text("one\n")
    said = {"LLMCOST_DSN": dsn, "LLMCOST_CONFIG": str(config), "LLMCOST_TOKEN_FILE": str(tokens)}
    with Service(tmp_path / "data", said) as service, connect(dsn) as store:

        def sent(token: str) -> tuple[object, ...]:
            """Send a call that names no feature; return what it costs, and who pays."""
            mine = a_call(attribution=NOBODY)
            assert post(service.http, request_of([mine]), authorization=f"Bearer {token}").status == 200
            sql = f"SELECT effective_cost, feature FROM llm_calls WHERE trace_id = '{mine.trace_id}'"
            while not (rows := store.query(sql).rows):
                time.sleep(0.05)
            return rows[0]

        assert sent("one") == (Decimal("0.00315"), "")  # 10 % off 0.0035
        config.write_text(config.read_text().replace("10", "ten"))
        tokens.write_text("two\n")
        service.send(signal.SIGHUP)
        kept = service.line("reload: rates and rules stay as they were")["message"]
        assert f"{config}:3: rates.discounts[0].percent: 'ten'" in kept
        assert sent("one") == (Decimal("0.00315"), "")
        rule = "attribution:\n- {match: {service_name: shop}, feature: basket}\n"
        config.write_text(config.read_text().replace("ten", "20") + rule)
        service.send(signal.SIGHUP)
        service.line("reload: rate table")
        assert sent("two") == (Decimal("0.0028"), "basket")
        assert post(service.http, b"", authorization="Bearer one").status == 401
        assert call(service.grpc, b"", token="one").code is grpc.StatusCode.UNAUTHENTICATED
        assert call(service.grpc, b"", token="two").code is OK


def test_the_metrics_tell_what_came_in_and_what_became_of_it(tmp_path: Path) -> None:
    with Service(tmp_path, {"LLMCOST_TOKEN": "secret"}) as service:
        mine = a_call()
        unknown = a_call(request_model="nobodys", response_model="nobodys", attribution=NOBODY)
        for body in (request_of([mine, unknown]), request_of([mine]), other_spans(7)):
            assert post(service.http, body, authorization="Bearer secret").status == 200
        assert post(service.http, b"", authorization="Bearer wrong").status == 401
        while (said := metrics(service.http)).get("llmcost_collector_calls_total", 0) < 3:
            time.sleep(0.05)
        assert said["llmcost_collector_received_total"] == 10
        assert said["llmcost_collector_telling_total"] == 3
        assert said["llmcost_collector_calls_duplicate_total"] == 1
        assert said["llmcost_collector_calls_unpriced_total"] == 1
        assert said["llmcost_collector_calls_unattributed_total"] == 1
        assert said["llmcost_collector_requests_total"] == 4
        assert said["llmcost_collector_insert_duration_seconds_count"] >= 1
        assert said["llmcost_collector_lag_seconds_count"] >= 1
        assert {"llmcost_collector_segments_size_bytes", "llmcost_collector_segments_age_seconds"} <= said.keys()
        assert "llmcost_collector_derivation_lag_seconds" in said
        told = DOCS.read_text()
        for name in said:
            if name.startswith("llmcost_collector_"):
                bare = re.sub(r"^llmcost_collector|(_(bucket|count|sum|created|total))+$", "", name)
                assert re.search(rf"`(llmcost_collector|…){bare}(_total)?[`{{]", told), (
                    f"docs/collector.md lacks {name}"
                )


def metrics(port: int) -> dict[str, float]:
    """Return the sum over all labels of each metric."""
    sums: dict[str, float] = {}
    for line in get(port, "/metrics").body.decode().splitlines():
        if not line.startswith("#"):
            name, value = line.partition("{")[0], line.rpartition(" ")[2]
            sums[name] = sums.get(name, 0) + float(value)
    return sums


@pytest.mark.long
def test_the_metrics_are_pushed_over_otlp_where_opentelemetry_is_told_to(tmp_path: Path) -> None:
    pushed: list[bytes] = []

    class Backend(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            pushed.append(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Backend) as backend:
        threading.Thread(target=backend.serve_forever).start()
        said = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{backend.server_port}/v1/metrics"}
        with Service(tmp_path, said) as service:
            assert post(service.http, request_of([a_call()])).status == 200
            assert service.end() == 0
        backend.shutdown()
    names = {
        metric.name
        for body in pushed
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    prefix = semconv.METRIC_COLLECTOR_PREFIX
    assert {prefix + "requests", prefix + "calls", prefix + "lag", prefix + "segments.size"} <= names


# --- TLS ---


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a certificate of it for 127.0.0.1, and one for a client."""
    place = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=place, check=True, capture_output=True)

    elliptic = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl("req", "-x509", *elliptic, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2")
    (place / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "client"):
        openssl("req", *elliptic, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return place


def test_tls_and_client_certificates(certificates: Path, tmp_path: Path) -> None:
    files = {name: str(certificates / name) for name in ("server.pem", "server.key", "ca.pem")}
    said = {
        "LLMCOST_TLS_CERT": files["server.pem"],
        "LLMCOST_TLS_KEY": files["server.key"],
        "LLMCOST_TLS_CLIENT_CA": files["ca.pem"],
        "LLMCOST_DSN": "clickhouse://127.0.0.1:1",
        "LLMCOST_SHUTDOWN_S": "0",
    }
    root, key, cert = ((certificates / name).read_bytes() for name in ("ca.pem", "client.key", "client.pem"))
    body = request_of([a_call()])
    with Service(tmp_path, said) as service:
        known = grpc.ssl_channel_credentials(root, key, cert)
        assert call(service.grpc, body, credentials=known).code is OK
        assert call(service.grpc, body, credentials=grpc.ssl_channel_credentials(root)).code is UNAVAILABLE
        assert call(service.grpc, body).code is UNAVAILABLE
        assert https(service.http, body, certificates, "client") == 200
        with pytest.raises(OSError, match=r"certificate required|alert|reset|EOF|closed|Broken pipe"):
            https(service.http, body, certificates)


def https(port: int, body: bytes, certificates: Path, who: str = "") -> int:
    """Send a request over HTTPS, as a client with a certificate or without one."""
    import ssl

    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    if who:
        context.load_cert_chain(certificates / f"{who}.pem", certificates / f"{who}.key")
    headers = {"content-type": "application/x-protobuf"}
    request = urllib.request.Request(f"https://127.0.0.1:{port}/v1/traces", body, headers)
    with urllib.request.urlopen(request, context=context, timeout=30) as answer:
        return int(answer.status)


def test_rules_name_who_pays_and_features_are_held_within_their_number(tmp_path: Path) -> None:
    config = tmp_path / "llmcost.yaml"
    config.write_text("attribution:\n- {match: {service_name: shop}, feature: basket, team: growth}\n")
    said = {"LLMCOST_CONFIG": str(config), "LLMCOST_MAX_FEATURES": "1"}
    with Service(tmp_path / "data", said) as service:
        silent, telling = a_call(attribution=NOBODY), a_call()
        assert call(service.grpc, request_of([silent])).code is OK
        assert call(service.grpc, request_of([telling])).code is OK
        assert service.end() == 0
    rows = asked(
        f"chdb://{tmp_path / 'data' / 'store'}", "SELECT trace_id, feature, team, feature_source FROM llm_calls"
    )
    assert {row[0]: row[1:] for row in rows} == {
        silent.trace_id: ("basket", "growth", "rule"),
        telling.trace_id: ("__overflow__", "growth", ""),
    }
