from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.errors import ConfigError, StoreError, StoreRefusedError, StoreUnreachableError
from otel_llmcost.store import connect, dsn
from otel_llmcost.store.dsn import Embedded, Server
from tests.store.ledger import a_call

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support import clickhouse


class TestReadingADSN:
    @pytest.mark.parametrize(
        ("text", "target"),
        [
            ("chdb:///var/lib/llmcost/store", Embedded("/var/lib/llmcost/store")),
            ("chdb:///with%20space", Embedded("/with space")),
            ("chdb://memory", Embedded(":memory:")),
            ("clickhouse://host", Server("host", 8123, "default", "", "llmcost", secure=False)),
            ("clickhouses://host", Server("host", 8443, "default", "", "llmcost", secure=True)),
            ("clickhouse://u:p%40ss@[::1]:81/db", Server("::1", 81, "u", "p@ss", "db", secure=False)),
            (
                "clickhouses://u@host/db?verify=false&connect_timeout=3",
                Server("host", 8443, "u", "", "db", secure=True, options=(("verify", False), ("connect_timeout", 3))),
            ),
        ],
    )
    def test_it_means_what_it_says(self, text: str, target: Embedded | Server) -> None:
        assert dsn.parse(text) == target

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "no scheme"),
            ("localhost:8123", "'localhost' is not known"),
            ("http://u:secret@host:8123", "'http' is not known"),
            ("chdb://relative/dir", "absolute directory"),
            ("chdb://", "absolute directory"),
            ("chdb:///dir?x=1", "takes no options"),
            ("clickhouse://", "host is missing"),
            ("clickhouse://u:secret@:8123/db", "host is missing"),
            (
                "clickhouse://u:secret@host:9000/db",
                "port 9000 speaks the native protocol; name the HTTP port, usually 8123",
            ),
            ("clickhouse://u:secret@host:99999/db", "port cannot be read"),
            ("clickhouse://u:secret@host/d-b", "database 'd-b'"),
            ("clickhouse://u:secret@host/db?nope=1", "option 'nope' is not known"),
            ("clickhouse://u:secret@host/db?verify=perhaps", "verify cannot be 'perhaps'"),
        ],
    )
    def test_a_wrong_one_is_answered_with_its_part_and_never_with_the_password(self, text: str, said: str) -> None:
        with pytest.raises(ConfigError) as caught:
            dsn.parse(text)
        assert said in str(caught.value)
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_what_is_shown_has_no_password(self) -> None:
        target = dsn.parse("clickhouse://u:secret@host/db")
        assert str(target) == "clickhouse://u@host:8123/db"
        assert "secret" not in repr(target)

    def test_a_retention_of_nothing_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="at least 2"):
            connect(f"chdb://{tmp_path}", retention_days=0)


class TestTheEmbeddedDirectory:
    def test_a_second_process_is_told_who_owns_it(self, tmp_path: Path) -> None:
        program = "import sys; from otel_llmcost.store import connect; connect(sys.argv[1])"
        with connect(f"chdb://{tmp_path}/store"):
            second = subprocess.run(
                [sys.executable, "-c", program, f"chdb://{tmp_path}/store"], capture_output=True, text=True, check=False
            )
        last = second.stderr.splitlines()[-1]
        assert f"StoreError: the embedded store {tmp_path}/store is in use by process {os.getpid()}" in last
        assert "stop that process" in last

    def test_it_is_free_again_once_closed(self, tmp_path: Path) -> None:
        for _ in range(2):
            with connect(f"chdb://{tmp_path}/store") as store:
                store.migrate()
        program = "import sys; from otel_llmcost.store import connect; print(connect(sys.argv[1]).plan())"
        second = subprocess.run(
            [sys.executable, "-c", program, f"chdb://{tmp_path}/store"], capture_output=True, text=True, check=False
        )
        assert second.stdout.strip() == "()", second.stderr

    def test_one_process_may_open_it_twice(self, tmp_path: Path) -> None:
        with connect(f"chdb://{tmp_path}/store") as one, connect(f"chdb://{tmp_path}/./store") as other:
            one.migrate()
            other.write([a_call()])
            assert len(one.query("SELECT * FROM llm_calls")) == 1

    def test_a_second_directory_in_one_process_is_refused_in_plain_words(self, tmp_path: Path) -> None:
        with connect(f"chdb://{tmp_path}/a"), pytest.raises(StoreError, match="chDB opens one at a time"):
            connect(f"chdb://{tmp_path}/b")
        with connect(f"chdb://{tmp_path}/b") as store:
            assert store.plan()

    def test_one_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(
            StoreError, match=rf"embedded store {tmp_path}/file/store cannot be written: Not a directory"
        ):
            connect(f"chdb://{tmp_path}/file/store")

    def test_a_damaged_one_is_named_with_the_way_out(self, tmp_path: Path) -> None:
        """In a process of its own: a damaged engine may take its process with it."""
        with connect(f"chdb://{tmp_path}/store") as store:
            store.migrate()
        for file in (tmp_path / "store" / "metadata").rglob("llmcost.sql"):
            file.write_bytes(b"not a statement")
        program = "import sys; from otel_llmcost.store import connect; connect(sys.argv[1])"
        opened = subprocess.run(
            [sys.executable, "-c", program, f"chdb://{tmp_path}/store"], capture_output=True, text=True, check=False
        )
        last = opened.stderr.splitlines()[-1]
        assert f"StoreError: the embedded store {tmp_path}/store cannot be opened" in last
        assert "move the directory away" in last

    def test_nothing_outlives_memory(self) -> None:
        for _ in range(2):
            with connect("chdb://memory") as store:
                store.migrate()
                assert store.write([a_call()]) == 1
                assert len(store.query("SELECT * FROM llm_calls")) == 1


class TestAServer:
    def test_nobody_at_the_port_is_retryable_and_named(self) -> None:
        with pytest.raises(
            StoreUnreachableError, match=r"clickhouse://u@127\.0\.0\.1:1/llmcost cannot be reached"
        ) as caught:
            connect("clickhouse://u:secret@127.0.0.1:1")
        assert "secret" not in str(caught.value)

    @pytest.mark.server
    def test_a_wrong_user_is_permanent(self, server: clickhouse.Server) -> None:
        with pytest.raises(StoreRefusedError, match="nobody"):
            connect(f"clickhouse://nobody:secret@127.0.0.1:{server.port}/llmcost")
