"""The compiled table: one source, checked and completed by the other, and what the providers' pages add."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.pricing.importer.agree import Agreement, Merge
from otel_llmcost.pricing.importer.book import GENAI, LITELLM
from otel_llmcost.pricing.importer.decisions import SHIPPED as DECISIONS
from otel_llmcost.pricing.importer.decisions import read_decisions
from otel_llmcost.pricing.importer.facts import SELF_HOSTED, UNLISTED, add_facts
from otel_llmcost.pricing.importer.genai import Report, genai_lines
from otel_llmcost.pricing.importer.litellm import litellm_version, price_lists
from otel_llmcost.pricing.table import SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHECKED: Final = date(2026, 11, 20)
"""The day on which the pinned releases of both packages say what costs what."""


@dataclass(slots=True)
class Build:
    """A compiled table and how it came about.

    Attributes:
        content: The bytes of the table.
        report: What was taken from genai-prices, and what was left out.
        agreement: How far litellm agrees.
    """

    content: bytes = b""
    report: Report = field(default_factory=Report)
    agreement: Agreement = field(default_factory=Agreement)


def compile_table(day: date = CHECKED, decisions: Path = DECISIONS) -> Build:
    """Return the compiled table, byte for byte the same for the same packages, decisions and day.

    Args:
        day: The day that litellm's prices are of: it has no dates.
        decisions: Who is right where the packages disagree.

    Raises:
        RateTableError: A package is missing, a first-party price is no whole number of pico-USD, or the packages
            disagree where nobody has decided; the message names every such price.
    """
    build = Build()
    merge = Merge(genai_lines(build.report), read_decisions(decisions), day)
    merge.take(price_lists())
    add_facts(merge.books)
    build.agreement = merge.report
    lines = sorted(
        (*SELF_HOSTED, *UNLISTED, *(book.line for book in merge.books)),
        key=lambda line: (line["provider"], line["model"]),
    )
    built_from = {GENAI: version(GENAI), LITELLM: litellm_version()}
    header = {"schema": SCHEMA, "currency": "USD", "built_from": built_from, "checked": day.isoformat()}
    build.content = b"".join(_encoded(line) for line in (header, *lines))
    return build


def _encoded(line: Mapping[str, Any]) -> bytes:
    return json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
