"""Strategies for usage that can be, made from its disjoint parts, and for any usage at all."""

from __future__ import annotations

from hypothesis import strategies as st

from otel_llmcost.usage import FIELDS, Usage, UsageMeter

counts = st.integers(min_value=0, max_value=10**7)

parts = st.fixed_dictionaries(dict.fromkeys(UsageMeter, counts))
"""How many of each meter, 0 included."""

anything = st.builds(Usage, **{name: st.integers(min_value=-5, max_value=10**40) for name in FIELDS})


def usage_of(parts: dict[UsageMeter, int]) -> Usage:
    """Return the usage that a provider would report for those disjoint parts: wholes with parts inside."""
    told = {meter.value: count for meter, count in parts.items()}
    cached = {kind: told[f"cache_read_{kind}"] for kind in ("audio", "image", "video")}
    cache_read = told["cache_read"] + sum(cached.values())
    modal = {kind: told[f"input_{kind}"] + cached[kind] for kind in cached}
    uncached = told["input"] + sum(told[f"input_{kind}"] for kind in cached)
    made = {kind: told[f"output_{kind}"] for kind in cached}
    return Usage(
        input_tokens=uncached + cache_read + told["cache_write_5m"] + told["cache_write_1h"],
        cache_read_tokens=cache_read,
        cache_write_5m_tokens=told["cache_write_5m"],
        cache_write_1h_tokens=told["cache_write_1h"],
        output_tokens=told["output"] + told["reasoning"] + sum(made.values()),
        reasoning_tokens=told["reasoning"],
        **{f"input_{kind}_tokens": count for kind, count in modal.items()},
        **{f"cache_read_{kind}_tokens": count for kind, count in cached.items()},
        **{f"output_{kind}_tokens": count for kind, count in made.items()},
        **{unit: told[unit] for unit in told.keys() & set(FIELDS)},
    )
