"""What goes wrong outside of us: one line that names the place and the fix, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.command import LLMCOST, environment, llmcost, rows, spool
from tests.store.ledger import NOW_NS, a_call
from tests.support import ports

if TYPE_CHECKING:
    from pathlib import Path

    from otel_llmcost.store import PricedCall


def calls(count: int) -> list[PricedCall]:
    return [
        a_call(
            number,
            started_at_ns=NOW_NS - number * 10**9,
            scope_name="otel_llmcost.openai",
            feature="search",
            response_model="gpt-4o-mini-2024-07-18",
        )
        for number in range(1, count + 1)
    ]


@pytest.mark.parametrize(
    ("dsn", "said"),
    [
        ("llmcost.db", "DSN: it has no scheme; write chdb:///absolute/directory"),
        ("chdb://relative/path", "chdb:// wants an absolute directory"),
        ("clickhouse:///llmcost", "the host is missing"),
        ("clickhouse://h:8123/a-b", "may hold only letters, digits and underscores"),
        ("clickhouse://h:8123/x?colour=red", "option 'colour' is not known"),
    ],
)
def test_a_wrong_dsn_is_named(dsn: str, said: str, tmp_path: Path) -> None:
    answer = llmcost("report", data_dir=tmp_path, LLMCOST_DSN=dsn)
    assert (answer.code, answer.out) == (2, "")
    assert said in answer.error


def test_a_bad_config_file_is_named_line_by_line_before_anything_starts(tmp_path: Path) -> None:
    config = tmp_path / "llmcost.yaml"
    config.write_text("rates:\n  discounts:\n    - {provider: openai, percnt: 5}\n")
    answer = llmcost("report", data_dir=tmp_path / "data", LLMCOST_CONFIG=str(config))
    assert (answer.code, answer.out) == (2, "")
    assert f"{config}:3: rates.discounts[0].percnt: is no key; did you mean percent?" in answer.err
    assert not (tmp_path / "data").exists()


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    answer = llmcost("report", "--dsn", "clickhouse://me:s3cret@h:9000/x", data_dir=tmp_path)
    assert answer.code == 2
    assert "s3cret" not in answer.err


def test_a_server_that_does_not_answer_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    path = spool(tmp_path, calls(3))
    with ports.held(1) as (port,):
        answer = llmcost("report", "--dsn", f"clickhouse://127.0.0.1:{port}/llmcost", data_dir=tmp_path)
    assert answer.code == 3
    assert f"127.0.0.1:{port}/llmcost cannot be reached" in answer.error
    assert path.exists()
    assert rows(tmp_path, "SELECT count() AS calls FROM llm_calls") == [{"calls": 3}]


def test_a_file_where_the_data_directory_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    answer = llmcost("report", data_dir=tmp_path / "file")
    assert answer.code == 3
    assert f"the embedded store {tmp_path}/file/store cannot be written" in answer.error


@pytest.mark.skipif(os.geteuid() == 0, reason="to root everything is writable")
def test_a_data_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    answer = llmcost("report", data_dir=tmp_path / "locked")
    assert answer.code == 3
    assert f"{tmp_path}/locked/store cannot be written: Permission denied" in answer.error


@pytest.mark.long
def test_a_corrupt_segment_is_set_aside_and_named_and_the_rest_is_taken(tmp_path: Path) -> None:
    path = spool(tmp_path, calls(3))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF  # in the second of three frames
    path.write_bytes(data)
    (path.parent / "00000000000000000001-1-000001.segment").write_bytes(b"not a segment at all")

    answer = llmcost("report", "--format", "json", data_dir=tmp_path)
    assert answer.code == 0
    assert answer.json["total"]["calls"] == 2
    assert all(line.startswith("llmcost: set aside: ") for line in answer.err.splitlines())
    assert path.name in answer.err
    assert "checksum does not match" in answer.err
    assert sorted(kept.name for kept in (tmp_path / "spool" / "corrupt").iterdir()) == [
        "00000000000000000001-1-000001.segment",
        path.name,
    ]
    assert llmcost("report", data_dir=tmp_path).err == ""
    doctor = llmcost("doctor", "--format", "json", data_dir=tmp_path)
    assert doctor.code == 1
    assert any("2 corrupt segments" in finding["fact"] for finding in doctor.json["findings"])


@pytest.mark.long
def test_calls_that_the_store_refuses_are_kept_with_their_reason(tmp_path: Path) -> None:
    ancient = a_call(9, started_at_ns=1_000_000_000, scope_name="otel_llmcost.openai")
    spool(tmp_path, [*calls(2), ancient])
    answer = llmcost("report", "--since", "2000-01-01", "--format", "json", data_dir=tmp_path)
    assert answer.json["total"]["calls"] == 2
    assert f"the store refused 1 calls, kept in {tmp_path}/refused.jsonl" in answer.error
    assert "no older call is kept" in (tmp_path / "refused.jsonl").read_text(encoding="utf-8")


@pytest.mark.long
def test_a_damaged_store_is_named_with_what_to_do(tmp_path: Path) -> None:
    spool(tmp_path, calls(1))
    assert llmcost("report", data_dir=tmp_path).code == 0
    for path in (tmp_path / "store" / "metadata").rglob("*.sql"):
        path.write_bytes(b"\0garbage")
    answer = llmcost("report", data_dir=tmp_path)
    assert answer.code == 3
    *_, last = answer.err.splitlines()  # before it the engine says by itself which of its files it cannot read
    assert last.startswith(f"llmcost: the embedded store {tmp_path}/store cannot be opened")
    assert "move the directory away or restore it" in last
    assert "Traceback" not in answer.err


def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    query = "SELECT number FROM numbers(1000000) FORMAT TSV"
    command = f"{LLMCOST} sql '{query}' | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], env=environment(tmp_path), capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


@pytest.mark.parametrize(("missing", "command"), [("typer", "report"), ("rich", "report"), ("grpc", "up")])
def test_without_the_extra_the_install_line_is_told(missing: str, command: str, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['llmcost', {command!r}];"
        "from otel_llmcost.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == f"llmcost: {missing} is not installed: pip install 'otel-llmcost[cli,collector,embedded]'\n"


def test_without_the_engine_the_install_line_is_told(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['chdb'] = None; sys.argv = ['llmcost', 'report'];"
        "from otel_llmcost.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert 'a chdb:// store needs chDB: pip install "otel-llmcost[embedded]"' in done.stderr
