"""`llmcost.yaml`: everything about a set-up that is more than a variable. One file, read whole or refused whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.errors import ConfigError
from otel_llmcost.rules import Rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.config.catalogue import Catalogue
    from otel_llmcost.pricing.overlay import Overlay

__all__ = ["Config", "find_config", "load_config", "parse_config"]

FILE_NAME: Final = "llmcost.yaml"
VARIABLE: Final = "LLMCOST_CONFIG"


@dataclass(frozen=True, slots=True)
class Config:
    """What a file says.

    Attributes:
        path: The file; None where there is none.
        overlay: Its `rates`; None where it says nothing of them.
        collector: Its `collector`, for `config.collector.settings_of`.
        catalogue: Its `features`, `limits`, `tags` and `retention`.
        rules: Its `attribution`; none where it says nothing of it.
    """

    path: Path | None = None
    overlay: Overlay | None = None
    collector: Mapping[str, Any] = field(default_factory=dict)
    catalogue: Catalogue | None = None
    rules: Rules = field(default_factory=Rules)


def load_config(environ: Mapping[str, str], data_dir: Path) -> Config:
    """Return what the file of this set-up says; nothing where there is no file.

    Raises:
        ConfigError: The file cannot be read.
        ConfigFileError: It breaks the rules; every fault is named with its line.
    """
    path = find_config(environ, data_dir=data_dir)
    if path is None:
        return Config()
    try:
        content = path.read_bytes()
    except OSError as exc:
        msg = f"{path}: cannot read the configuration: {exc.strerror}; let this user read it, or change {VARIABLE}"
        raise ConfigError(msg) from exc
    return parse_config(content, path)


def find_config(environ: Mapping[str, str], *, data_dir: Path, here: Path | None = None) -> Path | None:
    """Return the file: that of `LLMCOST_CONFIG`, else `llmcost.yaml` in the working or else the data directory.

    Args:
        environ: The variables.
        data_dir: The data directory.
        here: The working directory; None for that of the process.
    """
    if given := environ.get(VARIABLE):
        return Path(given).expanduser()
    places = (here if here is not None else Path.cwd(), data_dir)
    return next((place / FILE_NAME for place in places if (place / FILE_NAME).is_file()), None)


def parse_config(content: bytes, path: Path) -> Config:
    """Return what the bytes of a file say.

    Raises:
        ConfigFileError: They break the rules; every fault is named with its line.
    """
    try:
        from otel_llmcost.config.reading import Faults, read_yaml
    except ModuleNotFoundError as exc:
        msg = f"{path}: reading it needs PyYAML: pip install 'otel-llmcost[cli]'"
        raise ConfigError(msg) from exc
    from otel_llmcost.config.attribution import read_attribution
    from otel_llmcost.config.catalogue import Catalogue, read_features, read_limits, read_retention
    from otel_llmcost.config.collector import read_collector
    from otel_llmcost.config.rates import read_rates

    faults = Faults(path)
    top = read_yaml(content, faults)
    sections = (
        top.fields(("attribution", "collector", "features", "limits", "rates", "retention", "tags")) if top else {}
    )
    overlay = read_rates(sections["rates"]) if "rates" in sections else None
    collector = read_collector(sections["collector"]) if "collector" in sections else {}
    rules = read_attribution(sections["attribution"]) if "attribution" in sections else Rules()
    catalogue = Catalogue(
        read_features(sections["features"]) if "features" in sections else None,
        read_limits(sections["limits"]) if "limits" in sections else None,
        sections["tags"].texts() if "tags" in sections else None,
        read_retention(sections["retention"]) if "retention" in sections else None,
    )
    faults.raise_if_any()
    return Config(path, overlay, collector, catalogue, rules)
