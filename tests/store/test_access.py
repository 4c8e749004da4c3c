"""Who may do what on a server, and that a backup holds everything."""

from __future__ import annotations

import re
import shutil
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from otel_llmcost.cli.opened import opened
from otel_llmcost.errors import StoreRefusedError
from otel_llmcost.ledger.reprice import reprice
from otel_llmcost.ledger.verify import verify
from otel_llmcost.store import connect, migrate, preflight
from tests.e2e.command import spool
from tests.store.ledger import MIDNIGHT_NS, SAID, a_call, many_calls, said_by, truth_of
from tests.store.test_reprice import NEW
from tests.store.test_verify import WINDOW
from tests.support import clickhouse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from otel_llmcost.store import Store

USERS = """
<clickhouse>
  <profiles><default/><reader><readonly>2</readonly><max_result_rows>5000</max_result_rows></reader></profiles>
  <quotas><default/></quotas>
  <users>
    <default>
      <password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
      <grants><query>GRANT ALL ON *.*</query></grants>
    </default>
    <writer>
      <password>w</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
      <grants><query>GRANT SELECT, INSERT ON llmcost.*</query></grants>
    </writer>
    <admin>
      <password>a</password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
      <grants>{of_admin}</grants>
    </admin>
    <growth>
      <password>g</password><networks><ip>127.0.0.1</ip></networks><profile>reader</profile><quota>default</quota>
      <grants><query>GRANT SELECT ON llmcost.*</query></grants>
      <databases><llmcost>
        <llm_calls_log><filter>team = 'growth'</filter></llm_calls_log>
        <spend_hourly_log><filter>is_mark OR team = 'growth'</filter></spend_hourly_log>
        <spend_daily_log><filter>is_mark OR team = 'growth'</filter></spend_daily_log>
      </llmcost></databases>
    </growth>
  </users>
</clickhouse>
"""


ELSEWHERE = (
    "url('http://127.0.0.1:1/', 'LineAsString', 'line String')",
    "file('/etc/hostname', 'LineAsString', 'line String')",
    "s3('http://127.0.0.1:1/bucket/key', 'a', 'b', 'LineAsString', 'line String')",
    "remote('127.0.0.1:1', 'system', 'one')",
    "remoteSecure('127.0.0.1:1', 'system', 'one')",
    "executable('ls', 'LineAsString', 'line String')",
)
"""By which a question would read files, or tell other machines what it has read."""


@pytest.fixture(scope="module")
def guarded(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[clickhouse.Server]:
    """A server with users: the rights are those of `roles.sql`, in XML since this server keeps no roles of its own."""
    place = tmp_path_factory.mktemp("guarded")
    of_admin = "".join(f"<query>{sql}</query>" for sql in granted_to_admin())
    (place / "users.xml").write_text(USERS.replace("{of_admin}", of_admin))
    config = (
        f"<users_config>{place}/users.xml</users_config><backups><allowed_path>{place}/backups</allowed_path></backups>"
    )
    with clickhouse.running(place, config=config) as running:
        yield running


def granted_to_admin() -> Iterator[str]:
    """Yield what `roles.sql` grants to operators of the database `llmcost`, as users.xml has it: to nobody by name."""
    text = (resources.files("otel_llmcost.store") / "sql" / "roles.sql").read_text(encoding="utf-8")
    for sql in migrate._split(text.replace(" {on_cluster}", "").replace("{database}", "llmcost")):
        if sql.startswith("GRANT") and sql.endswith(" TO llmcost_admin"):
            yield sql.removesuffix(" TO llmcost_admin")


def as_user(server: clickhouse.Server, name: str, password: str) -> str:
    return server.dsn().replace("://", f"://{name}:{password}@")


def test_every_statement_about_rights_is_one_that_the_engine_reads(store: Store) -> None:
    statements = migrate._split(store.roles())
    assert len(statements) == 4 + 15 + 1 + 6  # roles, grants, a profile, policies
    for statement in statements:
        store.query("SELECT formatQuery({sql:String})", {"sql": statement})


def test_readers_and_writers_are_granted_nothing_beyond_the_database_but_how_full_disks_are(store: Store) -> None:
    database = store._engine.database
    granted = [
        (rights, place, role)
        for sql in migrate._split(store.roles())
        for rights, place, role in re.findall(r"^GRANT +(.+) ON (\S+) TO (\w+)$", sql)
    ]
    assert {role for _, _, role in granted} >= {"llmcost_reader", "llmcost_team_reader", "llmcost_writer"}
    beyond = {(place, role) for _, place, role in granted if not place.startswith(f"{database}.")}
    engines = {(name, "llmcost_admin") for name in preflight._ENGINES}
    assert beyond == {(f"{database}_as_migrated.*", "llmcost_admin"), ("system.disks", "llmcost_reader"), *engines}
    assert {rights for rights, _, role in granted if role.endswith("reader")} == {"SELECT"}


def test_a_reader_of_one_team_sees_no_other_by_any_policy_and_has_the_readers_limits(store: Store) -> None:
    """Permissive policies add up, so the one of the next team would open what the first one closed."""
    statements = migrate._split(store.roles())
    policies = [sql for sql in statements if sql.startswith("CREATE ROW POLICY")]
    of_team = [sql for sql in policies if "llmcost_everybody" not in sql]
    assert len(of_team) == 3
    assert all(sql.endswith("team = 'growth' AS RESTRICTIVE TO llmcost_team_reader") for sql in of_team)
    assert all(sql.rstrip(";\n").endswith("USING true TO ALL") for sql in policies if sql not in of_team)
    (profile,) = [sql for sql in statements if sql.startswith("CREATE SETTINGS PROFILE")]
    assert profile.endswith("TO llmcost_reader, llmcost_team_reader")


@pytest.mark.server
def test_each_user_may_do_their_part_and_no_more(guarded: clickhouse.Server) -> None:
    calls = [a_call(1, team="growth", cost=7), a_call(2, team="core", cost=50)]
    with connect(as_user(guarded, "writer", "w")) as writer, pytest.raises(StoreRefusedError, match="it lacks CREATE"):
        writer.migrate()
    with connect(guarded.dsn()) as admin:
        assert not admin._engine.use_database()
        admin.migrate()
        with connect(as_user(guarded, "writer", "w")) as writer:
            assert writer.write(calls) == 2
            with pytest.raises(StoreRefusedError, match="Not enough privileges"):
                writer._engine.command("TRUNCATE TABLE llm_calls_log")
            with pytest.raises(StoreRefusedError, match="may not erase: it lacks ALTER DELETE"):
                writer.erase("tenant", "acme", actor="w", reason="")
            with pytest.raises(StoreRefusedError, match="it lacks ALTER TTL, ALTER SETTINGS"):
                writer.retain({"": 30})
            for untouched in ("erased", "retention", "cost_events"):
                assert writer.query(f"SELECT count() FROM {untouched}").rows == ((0,),)
        admin.derive()
        with connect(as_user(guarded, "growth", "g")) as reader:
            for table in ("llm_calls", "spend_hourly", "spend_daily"):
                assert reader.query(f"SELECT team, toInt64(list_cost * 1e12) FROM {table}").rows == (("growth", 7),)
            with pytest.raises(StoreRefusedError):
                reader.write(calls)
            with pytest.raises(StoreRefusedError, match="Limit for result exceeded"):
                reader.query("SELECT number FROM numbers(6000)")
            for elsewhere in ELSEWHERE:
                with pytest.raises(StoreRefusedError, match="Not enough privileges"):
                    reader.query(f"SELECT * FROM {elsewhere}")
        admin._engine.command("DROP DATABASE llmcost SYNC")


@pytest.mark.server
def test_who_may_only_read_is_answered_and_the_spool_waits(
    guarded: clickhouse.Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    segment = spool(tmp_path, [a_call(2, team="growth", scope_name="otel_llmcost.openai")])
    with connect(guarded.dsn()) as admin:
        admin.migrate()
        admin.write([a_call(1, team="growth")])
        with opened(as_user(guarded, "growth", "g"), tmp_path) as reader:
            assert reader.query("SELECT count() FROM llm_calls").rows == ((1,),)
        assert f"what waits in {tmp_path}/spool is left there" in capsys.readouterr().err
        assert segment.exists()
        admin._engine.command("DROP DATABASE llmcost SYNC")


@pytest.mark.long
@pytest.mark.server
def test_the_role_of_an_operator_is_enough_for_all_that_operators_do(guarded: clickhouse.Server) -> None:
    """From an empty server on, which may want to be asked for every engine of a table."""
    with connect(as_user(guarded, "admin", "a")) as admin:
        admin.migrate()
        admin.write(many_calls(50, seed=43))
        admin.derive()
        assert admin.retain({"": 300, "ci": 7})
        assert admin.erase("tenant", "acme", actor="dpo", reason="").calls
        assert verify(admin, WINDOW, repairs=True).faults == ()
        assert admin.changed_by_hand() == ()
        assert reprice(admin, WINDOW, NEW).looked_at
    with connect(guarded.dsn()) as default:
        default._engine.command("DROP DATABASE llmcost SYNC")


@pytest.mark.long
@pytest.mark.server
def test_a_backup_that_is_restored_is_the_whole_ledger(guarded: clickhouse.Server) -> None:
    calls = many_calls(400, seed=41)
    dsn = guarded.dsn("kept")
    with connect(dsn) as store:
        store.migrate()
        store.write(calls[:300])
        store.derive()
        store._engine.query("BACKUP DATABASE kept TO File('one')")
        store.write(calls[300:350])
        store._engine.command("DROP DATABASE kept SYNC")
    with connect(guarded.dsn("default")) as server:
        server._engine.query("RESTORE DATABASE kept FROM File('one')")
    with connect(dsn) as store:
        assert store.plan() == ()
        assert said_by(store) == truth_of(calls[:300])
        store.write(calls[250:])  # what came in after the backup is sent again, and more than that
        assert verify(store, WINDOW, repairs=True).faults == ()
        assert said_by(store) == truth_of(calls)
        assert store.changed_by_hand() == ()
        assert min(call.call.started_at_ns for call in calls) < MIDNIGHT_NS
        store._engine.command("DROP DATABASE kept SYNC")


@pytest.mark.long
def test_a_copy_of_an_embedded_store_is_the_whole_ledger(migrated_files: Path, tmp_path: Path) -> None:
    """Its owner has stopped. The copy is opened elsewhere, and what came in after it is sent again."""
    calls = many_calls(400, seed=42)
    shutil.copytree(migrated_files, tmp_path / "store", symlinks=True)
    with connect(f"chdb://{tmp_path}/store") as store:
        store.write(calls[:300])
        store.derive(*SAID)
    shutil.copytree(tmp_path / "store", tmp_path / "backup", symlinks=True)
    with connect(f"chdb://{tmp_path}/store") as store:
        store.write(calls[300:350])
    shutil.rmtree(tmp_path / "store")
    (tmp_path / "backup").rename(tmp_path / "restored")
    with connect(f"chdb://{tmp_path}/restored") as store:
        assert store.plan() == ()
        assert said_by(store) == truth_of(calls[:300])
        store.write(calls[250:])
        assert verify(store, WINDOW, repairs=True).faults == ()
        assert said_by(store) == truth_of(calls)
        assert store.changed_by_hand() == ()
