"""Who is right where the sources disagree: one entry a model, each price named, a page of the provider, a date.

    - model: openai/gpt-4o-transcribe
      source: https://developers.openai.com/api/docs/pricing
      date: 2026-11-22
      why: audio is billed at 6 USD, text at 2.50
      rates:
        - {meter: input_audio, genai: "6", litellm: "2.5", right: "6"}

A rate may name a `tier`, a place (`in`) and a context threshold (`above`). Prices are USD for a million tokens or for
one piece, as text. `genai` or `litellm` is left out where that source is silent, and `right` is null where nobody is
to be believed: the meter is then known to have an unknown price. An entry may say `from` which day its prices hold.

An entry repeats what each source says, so that it is void, and must be taken again, as soon as one of them changes.
Nothing decides for many models at once: patterns and repeated models are refused, and so is what decides nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml

from otel_llmcost.errors import RateTableError
from otel_llmcost.pricing.rates import STANDARD
from otel_llmcost.usage import UsageMeter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_llmcost.pricing.importer.litellm import Spot

SHIPPED: Final = Path(__file__).with_name("decisions.yaml")

_ENTRY_KEYS: Final = frozenset({"model", "source", "date", "why", "rates", "from"})
_REQUIRED: Final = _ENTRY_KEYS - {"from"}
_RATE_KEYS: Final = frozenset({"meter", "tier", "in", "above", "genai", "litellm", "right"})
_PATTERN: Final = re.compile(r"[*?\[\]|,\s]")
_METERS: Final = frozenset(meter.value for meter in UsageMeter)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What is right for one price.

    Attributes:
        genai, litellm: What each source says; None where it is silent.
        right: What is right; None where nobody knows.
    """

    genai: Decimal | None
    litellm: Decimal | None
    right: Decimal | None


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry of the file.

    Attributes:
        model: The one model, as `provider/name`.
        source: The provider's page.
        begins: The first day of the prices that are right; None for the whole of the card.
        rulings: What is right, by spot.
        line: Where it stands in the file.
    """

    model: str
    source: str
    begins: date | None
    rulings: Mapping[Spot, Ruling]
    line: int


class _Loader(yaml.SafeLoader):
    """Reads a mapping with the line it begins on, under the key of None."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        return super().construct_mapping(node, deep=deep) | {None: node.start_mark.line + 1}


def read_decisions(path: Path = SHIPPED) -> dict[str, Decision]:
    """Return the decisions of a file by model.

    Raises:
        RateTableError: An entry is not of the form, names no single model or one named before; with file and line.
    """
    try:
        entries = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader) or []  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as exc:
        msg = f"{path}: {exc}"
        raise RateTableError(msg) from exc
    decisions: dict[str, Decision] = {}
    for entry in entries if isinstance(entries, list) else [entries]:
        line = entry.get(None, 0) if isinstance(entry, dict) else 0
        try:
            decision = _decision(entry)
        except (KeyError, TypeError, ValueError, InvalidOperation) as exc:
            msg = f"{path}:{line}: {exc}"
            raise RateTableError(msg) from exc
        if decision.model in decisions:
            msg = f"{path}:{line}: {decision.model} was decided at line {decisions[decision.model].line}"
            raise RateTableError(msg)
        decisions[decision.model] = decision
    return decisions


def _decision(entry: Any) -> Decision:
    if not isinstance(entry, dict):
        msg = "an entry is a mapping of model, source, date, why and rates"
        raise TypeError(msg)
    keys = entry.keys() - {None}
    if unknown := keys - _ENTRY_KEYS or _REQUIRED - keys:
        msg = f"{', '.join(sorted(unknown))}: an entry says model, source, date, why, rates and may say from"
        raise ValueError(msg)
    model = entry["model"]
    if not isinstance(model, str) or "/" not in model or _PATTERN.search(model):
        msg = f"model {model!r} is not the name of one model, provider/name"
        raise ValueError(msg)
    if not str(entry["source"]).startswith("https://"):
        msg = f"source {entry['source']!r} is no page of the provider"
        raise ValueError(msg)
    if not isinstance(entry["date"], date) or not isinstance(entry.get("from"), date | None):
        msg = f"{entry['date']!r} is no date"
        raise TypeError(msg)
    rulings: dict[Spot, Ruling] = {}
    for rate in entry["rates"]:
        spot, ruling = _ruling(rate)
        if spot in rulings:
            msg = f"{model} decides {spot} twice"
            raise ValueError(msg)
        rulings[spot] = ruling
    return Decision(model, entry["source"], entry.get("from"), rulings, entry[None])


def _ruling(rate: Mapping[str, Any]) -> tuple[Spot, Ruling]:
    if unknown := rate.keys() - _RATE_KEYS - {None}:
        msg = f"{', '.join(sorted(unknown))}: a rate says meter, right, genai, litellm and may say tier, in, above"
        raise ValueError(msg)
    meter, above = rate["meter"], rate.get("above")
    if meter not in _METERS or not isinstance(above, int | None):
        msg = f"{meter} above {above} is no meter or no threshold"
        raise ValueError(msg)
    spot = (str(rate.get("tier", STANDARD)), str(rate.get("in", "")), meter, above)
    return spot, Ruling(_price(rate.get("genai")), _price(rate.get("litellm")), _price(rate["right"]))


def _price(told: object) -> Decimal | None:
    if told is not None and not isinstance(told, str):
        msg = f"the price {told!r} is not written as text"
        raise TypeError(msg)
    return None if told is None else Decimal(told)
