"""A real ClickHouse server for the tests: fetched once, run on loopback, ended by its own process id.

The npm package that is pinned here ships a library whose documented entry `query_stable_v2` runs clickhouse-local,
and clickhouse-local can listen. It takes no password and has no keeper; everything else is the real server. The
library is loaded in a process of its own, which is this very module run.
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.support import ports

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE: Final = "@chdb/lib-linux-x64-gnu@26.7.3-stable.1"
TARBALL: Final = "chdb-lib-linux-x64-gnu-26.7.3-stable.1.tgz"
TARBALL_SHA256: Final = "c0d32b129e988f2b9a9a31c9141aecf5e1e2453f9a079efc4d36ab8e3f92b2ad"
_ROOT: Final = Path(__file__).parents[2]
CACHE: Final = _ROOT / ".build" / "clickhouse"

_LISTEN: Final = (
    "SYSTEM START LISTEN HTTP; "
    "SELECT sleepEachRow(1) FROM numbers(1000000) FORMAT Null "
    "SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 30000000"
)
_START_WITHIN_S: Final = 180


class UnavailableError(Exception):
    """The server cannot be had on this machine; the message says why."""


def fetch(cache: Path = CACHE) -> Path:
    """Return the server's library, which is downloaded and checked where the cache does not hold it yet.

    Raises:
        UnavailableError: There is no npm, no network, or not this kind of machine.
    """
    library = cache / "libchdb.so"
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "fetch.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test workers fetch once
        if not library.exists():
            _unpack(_download(cache), library)
    return library


def _download(cache: Path) -> Path:
    tarball = cache / TARBALL
    if not tarball.exists():
        npm = shutil.which("npm")
        if npm is None:
            msg = "no npm on the PATH to fetch the ClickHouse server with"
            raise UnavailableError(msg)
        done = subprocess.run(
            [npm, "pack", "--silent", PACKAGE], cwd=cache, capture_output=True, text=True, check=False
        )
        if done.returncode or not tarball.exists():
            msg = f"npm pack {PACKAGE} failed: {' '.join((done.stderr or done.stdout).split())[:300]}"
            raise UnavailableError(msg)
    with tarball.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != TARBALL_SHA256:
        tarball.unlink()
        msg = f"{TARBALL} has sha256 {found}, not the pinned {TARBALL_SHA256}"
        raise UnavailableError(msg)
    return tarball


def _unpack(tarball: Path, library: Path) -> None:
    part = library.with_suffix(".part")
    with tarfile.open(tarball) as archive:
        member = archive.extractfile("package/libchdb.so")
        assert member is not None
        with part.open("wb") as out:
            shutil.copyfileobj(member, out, 1 << 20)
    part.rename(library)
    tarball.unlink()


class Server:
    """A server on a loopback port of its own, whose files are kept in `directory` over restarts."""

    def __init__(self, directory: Path, library: Path | None = None, *, config: str = "", tcp_port: int = 0) -> None:
        self.directory = directory
        self._tcp_port = tcp_port
        self._config = config + (f"<tcp_port>{tcp_port}</tcp_port>" if tcp_port else "")
        self._library = library or fetch()
        self.port = ports.held_for(self)
        self._process: subprocess.Popen[bytes] | None = None

    def dsn(self, database: str = "llmcost") -> str:
        return f"clickhouse://127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start, and return once the server answers."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / "server.log").open("ab") as log:
            arguments = [
                sys.executable,
                "-m",
                __name__,
                str(self._library),
                str(self.directory / "data"),
                str(self.port),
            ]
            if self._config:
                config = self.directory / "config.xml"
                config.write_text(f"<clickhouse>{self._config}</clickhouse>")
                arguments.append(str(config))
            self._process = subprocess.Popen(arguments, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + _START_WITHIN_S
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                said = (self.directory / "server.log").read_text(errors="replace")[-2000:]
                msg = f"the ClickHouse server did not start:\n{said}"
                raise RuntimeError(msg)
            time.sleep(0.02)
        if self._tcp_port:
            self.ask("SYSTEM START LISTEN TCP")

    def ask(self, sql: str) -> str:
        """Return the answer to a statement as text."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", sql.encode(), timeout=60) as answer:
            return str(answer.read().decode())

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/ping", timeout=5) as answer:
                return bool(answer.read() == b"Ok.\n")
        except OSError:
            return False

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it as an administrator would."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running(directory: Path, *, config: str = "") -> Iterator[Server]:
    """Run a server for the length of a `with` block, with more of its own XML settings where given."""
    server = Server(directory, config=config)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _serve(library: str, data: str, port: str, config: str = "") -> None:
    """Become the server. The end of the parent ends it, too."""
    die_with_parent = 1  # PR_SET_PDEATHSIG
    ctypes.CDLL(None).prctl(die_with_parent, signal.SIGKILL)
    arguments = [
        b"clickhouse",
        *([f"--config-file={config}".encode()] if config else []),
        f"--path={data}".encode(),
        f"--http_port={port}".encode(),
        b"--listen_host=127.0.0.1",
        b"--multiquery",
        f"--query={_LISTEN}".encode(),
    ]
    entry = ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL | os.RTLD_DEEPBIND).query_stable_v2
    entry(len(arguments), (ctypes.c_char_p * len(arguments))(*arguments))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
