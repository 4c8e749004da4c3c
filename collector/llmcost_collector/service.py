"""The collector as one object: start it, reload it, stop it. `main` runs it as a service, `llmcost up` as a command."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from llmcost_collector.http_receiver import HttpReceiver
from llmcost_collector.intake import Intake, Progress, Source
from llmcost_collector.journal import Journal
from llmcost_collector.metrics import Held, Meters
from llmcost_collector.query import QueryServer
from llmcost_collector.receiver import IN_FLIGHT_BYTES, InFlight, Receiver
from llmcost_collector.server import HTTP, QUERY, Servers
from otel_llmcost.attribution import DailyCap
from otel_llmcost.config import load_config
from otel_llmcost.config.collector import settings_of
from otel_llmcost.config.pricer import load_pricer
from otel_llmcost.dialects.words import VARYING
from otel_llmcost.drain import keep_refused
from otel_llmcost.errors import ConfigFileError, LLMCostError
from otel_llmcost.exporter import default_dsn
from otel_llmcost.ledger.rates import tell
from otel_llmcost.owners import IN_FORCE, Owned, Owners
from otel_llmcost.spool import Spool
from otel_llmcost.store import DEFAULT_RETENTION_DAYS, connect
from otel_llmcost.store.dsn import DEFAULT_DATABASE, Embedded, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from otel_llmcost.call import LLMCall
    from otel_llmcost.config.collector import CollectorSettings
    from otel_llmcost.pricing import Pricer
    from otel_llmcost.rules import Rules
    from otel_llmcost.store import Reader, Refused, Store

_log: Final = logging.getLogger("llmcost_collector")

CLUSTER_VARIABLE: Final = "LLMCOST_CLUSTER"

_MEASURED_EVERY_S: Final = 1.0
_OWNERS_EVERY_S: Final = 60.0
"""How soon what was loaded into the ledger's catalogue holds for calls that are taken in."""


@dataclass(frozen=True, slots=True)
class Reloadable:
    """What may change while the collector runs.

    Attributes:
        pricer: The rates.
        attribution: Who pays where a call does not say so.
        owned: Which team owns which feature, by the file.
        tokens: The bearer tokens that are let in.
    """

    pricer: Pricer
    attribution: Rules
    owned: tuple[Owned, ...]
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setup:
    """Everything that a collector is started with, read and checked.

    Attributes:
        environ: The variables.
        data_dir: Where the segments are.
        dsn: The store.
        settings: How it runs.
        rules: What a reload may change.
        retention_days: Days for which calls of any environment are kept; the store knows those of each.
    """

    environ: Mapping[str, str]
    data_dir: Path
    dsn: str
    settings: CollectorSettings
    rules: Reloadable
    retention_days: int = DEFAULT_RETENTION_DAYS


def read_setup(environ: Mapping[str, str], data_dir: Path, dsn: str = "") -> Setup:
    """Return what the variables and `llmcost.yaml` say.

    Args:
        environ: The variables.
        data_dir: The data directory.
        dsn: The store; empty for that of `LLMCOST_DSN`, or else the embedded one of the data directory.

    Raises:
        ConfigError: Something cannot be used; every fault is named.
        RateTableError: The rate table cannot be used.
    """
    faults, config = list[str](), None
    try:
        config = load_config(environ, data_dir)
    except ConfigFileError as error:
        faults += error.faults
    try:
        settings = settings_of(config.collector if config else {}, environ)
    except ConfigFileError as error:
        faults += error.faults
    dsn = dsn or environ.get("LLMCOST_DSN") or default_dsn(data_dir)
    try:
        parse(dsn, environ.get(CLUSTER_VARIABLE, ""))
    except LLMCostError as error:
        faults.append(str(error))
    if faults:
        raise ConfigFileError(faults)
    retention = (config.catalogue.retention if config and config.catalogue else None) or ()
    days = max([DEFAULT_RETENTION_DAYS, *dict(retention).values()])
    return Setup(environ, data_dir, dsn, settings, _read_rules(environ, data_dir, settings), days)


def _read_rules(environ: Mapping[str, str], data_dir: Path, settings: CollectorSettings) -> Reloadable:
    config = load_config(environ, data_dir)
    owned = tuple(config.catalogue.owners()) if config.catalogue else ()
    return Reloadable(load_pricer(environ, data_dir), config.rules, owned, _tokens(settings))


def _tokens(settings: CollectorSettings) -> tuple[str, ...]:
    found = [settings.token] if settings.token else []
    if settings.token_file:
        try:
            with open(settings.token_file, encoding="utf-8") as file:  # noqa: PTH123 - a setting is a text
                found += [line.strip() for line in file if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigFileError([f"token_file {settings.token_file}: {error}"]) from error
        if not found:
            raise ConfigFileError([f"token_file {settings.token_file}: holds no token; write one a line"])
    return tuple(found)


class Collector:
    """Takes OTLP in, prices it and writes it, until stopped.

    Args:
        setup: What `read_setup` gave.
        store: An open, migrated store, which stays the caller's; None opens that of the set-up, which for a server
            that does not answer yet happens later.

    Attributes:
        ports: Where it listens: `grpc`, `http` and `query`.
    """

    def __init__(self, setup: Setup, store: Store | None = None) -> None:
        self._setup, self._rules = setup, setup.rules
        self._given = store
        self._state = "starting"
        self._features = DailyCap(setup.settings.max_features, "feature_overflow")
        self._tenants = DailyCap(setup.settings.max_tenants, "tenant_overflow")
        self._owners, self._owners_due_s = Owners(said=setup.rules.owned), 0.0
        self._held, self._held_at_s = Held(), 0.0
        journal_dir = setup.data_dir / "wal"
        keep = setup.settings.wal_max_bytes
        self._spool = Spool(journal_dir, keep_acknowledged_bytes=keep)
        self._meters = Meters(self._measure, setup.environ)
        self._intake = Intake(
            connect=self._store,
            sources=(Source(self._spool, is_journal=True), Source(Spool(setup.data_dir / "spool"), is_journal=False)),
            pricer=lambda: self._rules.pricer,
            attributed=self._attributed,
            edges=lambda: self._rules.attribution.edges_unless(VARYING),
            refresh=self._refresh_owners,
            meters=self._meters,
        )
        self._journal = Journal(journal_dir, max_bytes=setup.settings.wal_max_bytes, on_sealed=self._intake.wake)
        receiver = Receiver(
            self._journal,
            self._meters,
            retention_days=setup.retention_days,
            tokens=lambda: self._rules.tokens,
            in_flight=InFlight(max(IN_FLIGHT_BYTES, 4 * setup.settings.max_request_bytes)),
        )
        pages = {"/healthz": self._healthz, "/readyz": self._readyz, "/metrics": self._meters.page}
        http = HttpReceiver(receiver, pages, max_bytes=setup.settings.max_request_bytes)
        apps: dict[str, object] = {HTTP: http}
        if isinstance(parse(setup.dsn), Embedded):
            apps[QUERY] = QueryServer(self._reader, DEFAULT_DATABASE, receiver.lets_in)
        self._servers = Servers(setup.settings, receiver, apps)
        self.ports = self._servers.ports
        self._draining = threading.Thread(target=self._intake.run, name="llmcost-intake", daemon=True)

    @property
    def progress(self) -> Progress:
        """How the intake is doing."""
        return self._intake.progress

    def start(self) -> None:
        """Open the store, listen, and return once everything answers.

        Raises:
            LLMCostError: The store cannot be used. One that only does not answer yet is tried again later.
            OSError: An endpoint cannot be listened on.
        """
        self._intake.open_if_there()
        self._journal.start()
        self._draining.start()
        self._servers.start()
        if QUERY in self.ports:
            host = self._setup.settings.query_endpoint.host if self._setup.settings.query_endpoint else ""
            self._intake.store.announce(f"http://{host}:{self.ports[QUERY]}")
        self._state = "ready"

    def stop(self) -> bool:
        """Take nothing more, write what waits within the deadline, and return whether nothing was left over."""
        self._state = "stopping"
        by_s = time.monotonic() + self._setup.settings.shutdown_s
        self._servers.stop()
        self._journal.close()
        self._intake.stop(max(by_s - time.monotonic(), 0))
        self._draining.join(max(by_s - time.monotonic(), 0) + _LAST_BATCH_S)
        is_drained = not self._draining.is_alive() and not self._measured_now().bytes
        if not self._draining.is_alive() and self._given is None:
            self._intake.close()
        self._meters.close()
        return is_drained

    def reload(self) -> None:
        """Read rates, rules and tokens anew; where that fails the old ones stay, and the log says why."""
        setup = self._setup
        try:
            self._rules = _read_rules(setup.environ, setup.data_dir, setup.settings)
        except (LLMCostError, OSError) as error:
            self._meters.reloaded("kept")
            _log.error("reload: rates and rules stay as they were: %s", error)
            return
        self._owners_due_s = 0.0
        self._meters.reloaded("changed")
        pricer = self._rules.pricer
        _log.info("reload: rate table %s, overlay %s", pricer.table.version, pricer.overlay_version or "none")

    def _store(self) -> Store:
        if self._given is not None:
            return self._given
        cluster = self._setup.environ.get(CLUSTER_VARIABLE, "")
        store = connect(self._setup.dsn, cluster=cluster, on_refused=self._keep_refused)
        try:
            store.migrate()
        except BaseException:
            store.close()
            raise
        return store

    def _reader(self) -> Reader:
        return self._intake.store.reader()

    def _attributed(self, call: LLMCall) -> LLMCall:
        """Fill in who pays, and hold features and tenants within their number a day."""
        named = call.attribution.team
        self._rules.attribution.attribute(call)
        self._owners.attribute(call, named)
        who = call.attribution
        feature = self._features.admit(who.feature, call.started_at_ns)
        tenant = self._tenants.admit(who.tenant, call.started_at_ns)
        if feature is not who.feature or tenant is not who.tenant:
            self._meters.overflowed()
            call.attribution = replace(who, feature=feature, tenant=tenant)
        return call

    def _refresh_owners(self, store: Store) -> None:
        """Read the ledger's catalogue and tell it the rates, unless that was done shortly before."""
        now_s = time.monotonic()
        if now_s >= self._owners_due_s:
            self._owners = Owners((Owned(*row) for row in store.query(IN_FORCE)), self._rules.owned)  # type: ignore[arg-type] # the columns of IN_FORCE
            tell(store, self._rules.pricer)
            self._owners_due_s = now_s + _OWNERS_EVERY_S

    def _keep_refused(self, rows: Sequence[Refused]) -> None:
        self._meters.set_aside(rows)
        _log.warning("%s", keep_refused(rows, self._setup.data_dir))

    # --- pages ---

    def _healthz(self) -> tuple[int, str, bytes]:
        is_alive = self._draining.is_alive() or self._state != "ready"
        return (200, _TEXT, b"ok\n") if is_alive else (500, _TEXT, b"the intake has died\n")

    def _readyz(self) -> tuple[int, str, bytes]:
        if self._state != "ready":
            return 503, _TEXT, f"{self._state}\n".encode()
        if fault := self._journal.fault:
            return 503, _TEXT, f"nothing can be accepted: {fault}\n".encode()
        said = f"ready; what is accepted waits: {fault}\n" if (fault := self.progress.fault) else "ready\n"
        return 200, _TEXT, said.encode()

    def _measure(self) -> Held:
        """Return what is on the disk, measured at most once a second."""
        now_s = time.monotonic()
        if now_s - self._held_at_s >= _MEASURED_EVERY_S:
            self._held, self._held_at_s = self._measured_now(), now_s
        return self._held

    def _measured_now(self) -> Held:
        size, oldest_ns = self._spool.held()
        return Held(size, max(time.time_ns() - oldest_ns, 0) / 1e9 if oldest_ns else 0.0)


_TEXT: Final = "text/plain; charset=utf-8"
_LAST_BATCH_S: Final = 5.0
"""A batch that is on its way to the store when the deadline comes is granted so long."""
