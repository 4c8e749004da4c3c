"""Which rates price a call here: the one place that decides on the table and the overlay.

`LLMCOST_RATES` names a table: a file, the version of one in the directory `rates` of the data directory, or `shipped`.
Without it the newest is taken: that of this release, unless one in that directory was built from newer packages.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.config import load_config
from otel_llmcost.errors import ConfigError
from otel_llmcost.pricing import Pricer, RateTable, load_rate_table
from otel_llmcost.pricing.table import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

RATES: Final = "LLMCOST_RATES"
SHIPPED_NAME: Final = "shipped"

_SOURCES: Final = ("genai-prices", "litellm")
_VERSION: Final = re.compile(r"[0-9a-f]{12}")


def load_pricer(environ: Mapping[str, str], data_dir: Path, rates: Path | None = None) -> Pricer:
    """Return the rates by which this set-up prices calls.

    Args:
        environ: The variables: `LLMCOST_CONFIG` and `LLMCOST_RATES`.
        data_dir: The data directory.
        rates: The file of another table than that of this set-up.

    Raises:
        ConfigError: `llmcost.yaml` or a variable cannot be used.
        RateTableError: The table cannot be read or breaks its own rules.
    """
    overlay = load_config(environ, data_dir).overlay
    return Pricer(load_rate_table(rates) if rates else load_table(environ, data_dir), overlay)


def load_table(environ: Mapping[str, str], data_dir: Path) -> RateTable:
    """Return the rate table of this set-up; the errors are those of `load_pricer`."""
    path = path_of(environ[RATES], data_dir) if environ.get(RATES) else newest(data_dir)
    return load_rate_table(None if path == SHIPPED else path)


def path_of(name: str, data_dir: Path) -> Path:
    """Return the file of a table by its name: `shipped`, the version of one that was kept, or a path.

    Raises:
        ConfigError: There is no such table.
    """
    if name == SHIPPED_NAME:
        return SHIPPED
    kept = tables_dir(data_dir) / f"{name}.jsonl"
    if _VERSION.fullmatch(name) and kept.is_file():
        return kept
    path = Path(name).expanduser()
    if path.is_file():
        return path
    if load_rate_table().version == name:
        return SHIPPED
    msg = f"there is no rate table {name!r}; name a file, {SHIPPED_NAME}, or a version in {tables_dir(data_dir)}"
    raise ConfigError(msg)


def tables_dir(data_dir: Path) -> Path:
    """Return where tables of the user's own are kept, each under its version."""
    return data_dir / "rates"


def newest(data_dir: Path) -> Path:
    """Return the table that was built from the newest packages; of equals that of this release."""
    kept = sorted(tables_dir(data_dir).glob("*.jsonl"))
    return max((SHIPPED, *kept), key=lambda path: tuple(_built_from(path)))


def _built_from(path: Path) -> Iterator[tuple[int, ...]]:
    """Yield the version of each package that a table was built from; () where it does not say."""
    try:
        with path.open("rb") as file:
            header: Any = json.loads(file.readline())
        told = header["built_from"]
        versions = [str(told.get(source, "")) for source in _SOURCES]
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        versions = [""]
    for version in versions:
        yield tuple(map(int, re.findall(r"\d+", version)))
