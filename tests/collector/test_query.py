"""The embedded store, asked by others over HTTP: stock clickhouse-connect works, and only questions are answered."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import clickhouse_connect
import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from tests.collector.conftest import running
from tests.collector.telling import COST, a_call, get, gzipped, post, request_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from clickhouse_connect.driver.client import Client

    from otel_llmcost.store import Store
    from tests.collector.conftest import Running

ANY = "127.0.0.1:0"
SECRET = "what nobody may read"


@pytest.fixture(scope="module")
def up(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("collector"), store, LLMCOST_DSN="chdb:///unused") as started:
        call = a_call()
        post(started.http, request_of([call]))
        started.stored([call])
        yield started


@pytest.fixture(scope="module")
def port(up: Running) -> int:
    return up.collector.ports["query"]


@pytest.fixture
def client(port: int) -> Iterator[Client]:
    with clickhouse_connect.get_client(host="127.0.0.1", port=port, database="llmcost") as client:
        yield client


def ask(port: int, sql: str, **said: str) -> tuple[int, bytes]:
    answer = get(port, f"/?{urlencode({'query': sql, 'database': 'llmcost', **said})}")
    return answer.status, answer.body


def test_stock_clickhouse_connect_works(client: Client) -> None:
    assert list(client.query("SELECT feature, list_cost FROM llm_calls").result_rows) == [("search", Decimal(COST))]
    asked = client.query("SELECT {a:Int32} + 1, {b:String}", parameters={"a": 6, "b": "it's\ta\\b\n"})
    assert list(asked.result_rows) == [(7, "it's\ta\\b\n")]
    assert len(client.query("SELECT number FROM numbers(100000)").result_rows) == 100_000
    assert client.command("SELECT count() FROM spend_hourly") is not None
    assert client.raw_query("SELECT 1 AS a", fmt="JSONEachRow") == b'{"a":1}\n'
    assert client.query("SELECT 1", settings={"max_threads": 1, "max_block_size": 10}).result_rows
    assert client.ping()


@pytest.mark.parametrize("form", ["JSON", "CSVWithNames", "Parquet", "Native", "ArrowStream", "PrettyCompact"])
def test_every_format_of_the_engine_can_be_had(port: int, form: str) -> None:
    by_clause = ask(port, f"SELECT number AS a FROM numbers(3) FORMAT {form}")
    assert by_clause[0] == 200
    answer = get(port, f"/?{urlencode({'query': 'SELECT number AS a FROM numbers(3)', 'default_format': form})}")
    assert answer.headers["x-clickhouse-format"] == form
    if form != "JSON":  # which says how long it took
        assert answer.body == by_clause[1]


def test_a_query_comes_in_the_address_or_in_the_body_or_in_both(port: int) -> None:
    assert ask(port, "SELECT 7") == (200, b"7\n")
    assert post(port, b"SELECT 7", "/").body == b"7\n"
    assert post(port, b"+ 1", "/?query=SELECT%207").body == b"8\n"
    assert post(port, gzipped(b"SELECT 7"), "/", content_encoding="gzip").body == b"7\n"
    assert get(port, "/").body == get(port, "/ping").body == b"Ok.\n"


def test_a_query_and_its_parameters_come_in_a_form(port: int) -> None:
    """As clickhouse-connect sends them when `form_encode_query_params` is set."""
    with clickhouse_connect.get_client(
        host="127.0.0.1", port=port, database="llmcost", form_encode_query_params=True
    ) as client:
        long = "ü'\\\n" * 20_000
        asked = client.query("SELECT {a:String}, {b:Int8}", parameters={"a": long, "b": 7})
        assert list(asked.result_rows) == [(long, 7)]
    answer = post(port, b"no form", "/", content_type="multipart/form-data; boundary=x")
    assert answer.status in (200, 400)


def test_a_long_answer_is_compressed_for_whoever_takes_it(port: int) -> None:
    path = "/?enable_http_compression=1&query=SELECT+number+FROM+numbers(10000)"
    assert post(port, b"", path, method="GET", accept_encoding="gzip").headers["content-encoding"] == "gzip"
    assert "content-encoding" not in get(port, path).headers


FORBIDDEN = [
    "INSERT INTO llm_calls_log (trace_id) VALUES ('x')",
    "INSERT INTO FUNCTION file('{place}/out.csv') SELECT 1",
    "CREATE TABLE t (a Int8) ENGINE = Memory",
    "CREATE TEMPORARY TABLE t AS SELECT 1",
    "DROP TABLE llm_calls_log",
    "TRUNCATE TABLE llm_calls_log",
    "ALTER TABLE llm_calls_log DELETE WHERE 1",
    "OPTIMIZE TABLE llm_calls_log FINAL",
    "SYSTEM FLUSH LOGS",
    "KILL QUERY WHERE 1",
    "SET readonly = 0",
    "BACKUP TABLE llm_calls_log TO Disk('x', 'y')",
    "GRANT ALL ON *.* TO x",
    "ATTACH TABLE x FROM '{place}' (a Int8) ENGINE = MergeTree ORDER BY a",
    "SELECT 1; DROP TABLE llm_calls_log",
    "SELECT 1; SELECT 2 INTO OUTFILE '{place}/out.csv'",
    "SELECT 1 INTO OUTFILE '{place}/out.csv'",
    "EXPLAIN AST SELECT 1 INTO OUTFILE '{place}/out.csv'",
    "SHOW TABLES INTO OUTFILE '{place}/out.csv'",
    "SELECT * FROM file('{place}/secret.csv')",
    "SELECT * FROM (SELECT * FROM FILE('{place}/secret.csv', 'LineAsString'))",
    "SELECT * FROM `file`('{place}/secret.csv')",
    "WITH (SELECT file('{place}/secret.csv')) AS told SELECT told",
    "SELECT arrayMap(x -> file(x), ['{place}/secret.csv'])",
    "SELECT FILE /**/ ('{place}/secret.csv')",
    "SELECT 1 UNION ALL SELECT 2 IN (SELECT file('{place}/secret.csv'))",
    "DESCRIBE TABLE file('{place}/secret.csv')",
    "EXPLAIN SELECT * FROM file('{place}/secret.csv')",
    "SELECT * FROM '{place}/secret.csv'",
    "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a Int8')",
    "SELECT * FROM remote('127.0.0.1:1', 'llmcost.llm_calls')",
    "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'CSV', 'a Int8')",
    "SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM postgresql('127.0.0.1:1', 'a', 'b', 'c', 'd')",
    "SELECT * FROM sqlite('{place}/secret.csv', 't')",
    "SELECT * FROM executable('ls', 'TSV', 'a String')",
    "SELECT * FROM Python(store)",
    "SELECT * FROM eval('SELECT 1')",
    "SELECT * FROM view(SELECT * FROM file('{place}/secret.csv'))",
    "SELECT 1 SETTINGS readonly = 0",
    "SELECT 1 SETTINGS max_memory_usage = 0",
    "SELECT * APPLY(file) FROM (SELECT '{place}/secret.csv' AS p)",
    "SELECT * APPLY(x -> file(x)) FROM (SELECT '{place}/secret.csv' AS p)",
    "SELECT COLUMNS('p') APPLY file FROM (SELECT '{place}/secret.csv' AS p)",
    "SELECT arrayMap(file, ['{place}/secret.csv'])",
    "SELECT arrayMap(FILE, ['{place}/secret.csv'])",
    "SELECT * REPLACE(file(p) AS p) FROM (SELECT '{place}/secret.csv' AS p)",
    "SHOW TABLES WHERE file('{place}/secret.csv') = ''",
    "SHOW COLUMNS FROM llm_calls_log WHERE throwIf(1, file('{place}/secret.csv'))",
    "SHOW COLUMNS FROM `{place}/secret.csv` FROM default",
    "SHOW CREATE TABLE default.`{place}/secret.csv`",
    "EXISTS TABLE default.`{place}/secret.csv`",
    "DESCRIBE TABLE default.`{place}/secret.csv`",
    "SELECT * FROM default.`{place}/secret.csv`",
    "SELECT 1 WHERE 'x' IN default.`{place}/secret.csv`",
    "WITH a AS (SELECT * FROM default.`{place}/secret.csv`) SELECT * FROM a",
    "SELECT * FROM merge('default', '.*')",
    "SELECT hasColumnInTable('default', '{place}/secret.csv', 'c1')",
    "SELECT * FROM system.server_settings",
    (
        "SELECT name, value, readonly FROM system.settings LIMIT 0 "
        "UNION ALL SELECT *, '', 1 FROM default.`{place}/secret.csv`"
    ),
    "SELECT name, value, readonly FROM system.settings WHERE name IN (SELECT * FROM default.`{place}/secret.csv`)",
    "SELECT name, value, readonly FROM system.settings LIMIT 0 SETTINGS format_template_row = '{place}/secret.csv'",
    "SELECT 1 FORMAT Template SETTINGS format_template_row = '{place}/secret.csv'",
    "SELECT 1 FORMAT Template",
    "SELECT 1 FORMAT CapnProto",
    "EXPLAIN TABLE OVERRIDE mysql('127.0.0.1:1', 'a', 'b', 'c', 'd') COLUMNS (x Int8)",
]


@pytest.mark.parametrize("sql", FORBIDDEN)
def test_nothing_but_a_question_about_the_store_is_answered(up: Running, port: int, sql: str) -> None:
    (up.data_dir / "secret.csv").write_text(SECRET)
    before = up.rows("SELECT count() FROM llm_calls_log").rows
    status, said = ask(port, sql.format(place=up.data_dir))
    assert status in (400, 403, 404)
    assert SECRET.encode() not in said
    assert not (up.data_dir / "out.csv").exists()
    assert up.rows("SELECT count() FROM llm_calls_log").rows == before


@pytest.mark.parametrize(
    "name",
    [
        "param_b = 1; SELECT 'evil' INTO OUTFILE '{place}/out.csv' TRUNCATE FORMAT RawBLOB --",
        "max_threads = 1; SELECT 'evil' INTO OUTFILE '{place}/out.csv' TRUNCATE FORMAT RawBLOB --",
        "format_x = 1; SELECT 'evil' INTO OUTFILE '{place}/out.csv' TRUNCATE FORMAT RawBLOB --",
        "param_",
        "param_ü",
    ],
)
def test_the_name_of_a_parameter_is_a_word_and_no_sql(up: Running, port: int, name: str) -> None:
    assert ask(port, "SELECT 1", **{name.format(place=up.data_dir): "1"})[0] in (400, 403)
    assert not (up.data_dir / "out.csv").exists()


def test_a_table_named_by_a_parameter_is_looked_at_like_any_other(up: Running, port: int) -> None:
    (up.data_dir / "secret.csv").write_text(SECRET)
    named = {"param_d": "default", "param_t": f"{up.data_dir}/secret.csv"}
    status, said = ask(port, "SELECT * FROM {d:Identifier}.{t:Identifier}", **named)
    assert status == 403
    assert SECRET.encode() not in said


def test_files_are_no_tables_in_any_database_that_can_be_asked_for(up: Running, port: int) -> None:
    (up.data_dir / "secret.csv").write_text(SECRET)
    for database in ("default", "llmcost", "system", f"{up.data_dir}"):
        path = f"/?{urlencode({'query': f'SELECT * FROM `{up.data_dir}/secret.csv`', 'database': database})}"
        assert get(port, path).status in (403, 404)
    assert get(port, f"/?{urlencode({'query': 'SELECT count() FROM llm_calls', 'database': 'default'})}").status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        *((name, 200) for name in ("localhost", "127.0.0.1:1", "[::1]:1", "collector:8123", "a.localhost")),
        *((name, 401) for name in ("rebound.example:8123", "127.0.0.1.example")),
    ],
)
def test_without_a_token_no_page_of_a_stranger_can_ask_by_a_name_of_its_own(port: int, host: str, status: int) -> None:
    assert post(port, b"SELECT 1", "/", host=host).status == status


def test_show_and_describe_and_the_tables_of_the_engine_are_answered(port: int) -> None:
    for sql in ("SHOW TABLES", "SHOW DATABASES", "SHOW TABLES FROM llmcost LIKE '%calls%'", "DESCRIBE llm_calls"):
        assert ask(port, sql)[0] == 200, sql
    for sql in ("SHOW COLUMNS FROM llm_calls", "SELECT name FROM system.tables WHERE database = 'llmcost'"):
        assert ask(port, sql)[0] == 200, sql
    assert ask(port, "WITH a AS (SELECT 1 AS b) SELECT b FROM a, llmcost.llm_calls LIMIT 1") == (200, b"1\n")
    assert ask(port, "SHOW CREATE TABLE llmcost.llm_calls_log")[0] == 200


@pytest.mark.parametrize(
    "said",
    [
        {"format_template_row": "x"},
        {"format_template_resultset": "x"},
        {"format_avro_schema_registry_url": "http://127.0.0.1:1"},
        {"readonly": "0"},
        {"max_memory_usage": "0"},
        {"allow_experimental_eval_table_function": "1"},
        {"format_schema": "x"},
        {"output_format_schema": "x"},
        {"no_such_setting": "1"},
    ],
)
def test_settings_that_would_allow_more_are_refused(port: int, said: dict[str, str]) -> None:
    assert ask(port, "SELECT 1", **said)[0] == 403
    assert ask(port, "SELECT 1", readonly="2")[0] == 200


def test_errors_come_as_a_server_tells_them(client: Client, port: int) -> None:
    with pytest.raises(DatabaseError, match="Unknown table expression identifier"):
        client.query("SELECT * FROM nowhere")
    answer = get(port, f"/?{urlencode({'query': 'SELEC 1'})}")
    assert (answer.status, answer.headers["x-clickhouse-exception-code"]) == (400, "62")
    assert get(port, "/?query=%ff").status == 400


def test_text_that_looks_like_a_clause_is_text(port: int) -> None:
    text = "into outfile x format JSON; drop table t {a:Int8} ü file("
    status, said = ask(port, f"SELECT '{text}\\t\\\\' AS `file`, '' AS `into outfile` FORMAT JSONEachRow")
    assert (status, json.loads(said)) == (200, {"file": text + "\t\\", "into outfile": ""})


def test_a_token_is_needed_where_there_is_one(tmp_path: Path, store: Store) -> None:
    with running(tmp_path, store, LLMCOST_DSN="chdb:///unused", LLMCOST_TOKEN="secret") as up:
        port = up.collector.ports["query"]
        assert ask(port, "SELECT 1")[0] == 401
        assert get(port, "/ping").status == 200
        with clickhouse_connect.get_client(host="127.0.0.1", port=port, username="any", password="secret") as client:
            assert client.command("SELECT 1") == 1
