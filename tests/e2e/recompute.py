"""What the demo cost, worked out without otel_llmcost: from the simulator's log, the app's books and published prices.

    python tests/e2e/recompute.py --log simulator.jsonl --ledger ledger.jsonl

Prints JSON: the exact total of every feature in USD, how many calls were billed, and how many streams were left
before their price was told. It imports nothing of the package: it is the second opinion.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from decimal import Decimal, getcontext
from pathlib import Path

getcontext().prec = 60

MILLION = Decimal(1_000_000)
THOUSAND = Decimal(1_000)

# USD for a million tokens, as published. Read 2026-11-21.
PRICES = {
    # https://openai.com/api/pricing/ and https://platform.openai.com/docs/pricing
    ("gpt-4o-mini-2024-07-18", "default"): {"input": "0.15", "cache_read": "0.075", "output": "0.60"},
    ("gpt-5-mini-2025-08-07", "default"): {"input": "0.25", "cache_read": "0.025", "output": "2.00"},
    ("gpt-5-mini-2025-08-07", "flex"): {"input": "0.125", "cache_read": "0.0125", "output": "1.00"},
    ("gpt-5.4-2026-03-05", "default"): {"input": "2.50", "cache_read": "0.25", "output": "15.00"},
    ("gpt-5.6-luna", "default"): {"input": "0.20", "cache_read": "0.02", "cache_write_5m": "0.25", "output": "1.20"},
    ("text-embedding-3-small", "default"): {"input": "0.02"},
    # https://platform.claude.com/docs/en/about-claude/pricing
    ("claude-sonnet-4-6", "standard"): {
        "input": "3",
        "cache_read": "0.30",
        "cache_write_5m": "3.75",
        "cache_write_1h": "6",
        "output": "15",
    },
    ("claude-haiku-4-5-20251001", "standard"): {
        "input": "1",
        "cache_read": "0.10",
        "cache_write_5m": "1.25",
        "cache_write_1h": "2",
        "output": "5",
    },
}

# USD for a thousand searches: both providers, on the pages above.
WEB_SEARCH = Decimal(10)


def tokens_by_meter(line: dict) -> dict[str, int]:
    """Return what is billed of one answer, each token in one meter only; reasoning is billed as output."""
    usage = line["usage"]
    if line["provider"] == "anthropic":
        written = usage["cache_creation"]
        return {
            "input": usage["input_tokens"],
            "cache_read": usage["cache_read_input_tokens"],
            "cache_write_5m": written["ephemeral_5m_input_tokens"],
            "cache_write_1h": written["ephemeral_1h_input_tokens"],
            "output": usage["output_tokens"],
        }
    is_response = line["endpoint"] == "responses"
    whole = usage["input_tokens" if is_response else "prompt_tokens"]
    inside = usage.get("input_tokens_details" if is_response else "prompt_tokens_details", {})
    read, written = inside.get("cached_tokens", 0), inside.get("cache_write_tokens", 0)
    output = usage.get("output_tokens" if is_response else "completion_tokens", 0)
    return {"input": whole - read - written, "cache_read": read, "cache_write_5m": written, "output": output}


def cost_of(line: dict) -> Decimal:
    """Return the exact cost of one answer, in USD."""
    prices = PRICES[line["model"], line["service_tier"]]
    tokens = tokens_by_meter(line)
    told = sum((Decimal(prices[meter]) * count / MILLION for meter, count in tokens.items() if count), Decimal(0))
    return told + WEB_SEARCH * line["web_searches"] / THOUSAND


def read_lines(files: list[Path]) -> list[dict]:
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def recompute(log: list[Path], ledger: list[Path]) -> dict:
    """Return total, billed calls and calls of unknown cost, each by feature."""
    feature_of = {line["client_request_id"]: line["feature"] for line in read_lines(ledger)}
    totals: dict[str, Decimal] = defaultdict(Decimal)
    calls: dict[str, int] = defaultdict(int)
    unknown: dict[str, int] = defaultdict(int)
    for line in read_lines(log):
        feature = feature_of[line["client_request_id"]]
        if line["outcome"] == "answered":
            totals[feature] += cost_of(line)
            calls[feature] += 1
        elif line["outcome"] == "aborted":
            unknown[feature] += 1
    return {
        "total_usd": plain(sum(totals.values(), Decimal(0))),
        "total_usd_by_feature": {feature: plain(total) for feature, total in sorted(totals.items())},
        "calls_by_feature": dict(sorted(calls.items())),
        "calls_of_unknown_cost_by_feature": dict(sorted(unknown.items())),
    }


def plain(amount: Decimal) -> str:
    """Return an amount without exponent and without zeros at its end."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def main() -> None:
    parser = argparse.ArgumentParser(description="recompute what the demo cost")
    parser.add_argument("--log", type=Path, nargs="+", required=True)
    parser.add_argument("--ledger", type=Path, nargs="+", required=True)
    given = parser.parse_args()
    sys.stdout.write(json.dumps(recompute(given.log, given.ledger), indent=2) + "\n")


if __name__ == "__main__":
    main()
