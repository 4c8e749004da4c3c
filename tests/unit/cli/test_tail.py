"""What a line of `llmcost tail` and of `llmcost up` says."""

from otel_llmcost.cli.tail import line_of
from otel_llmcost.reports import CallLine

UNTOLD = CallLine(
    started_at_ns=1_790_000_000 * 10**9,
    received_at_ns=1_790_000_001 * 10**9,
    trace_id="1" * 32,
    span_id="2" * 16,
    feature="search",
    tenant="acme",
    provider="openai",
    model="gpt-x",
    operation="chat",
    input_tokens=0,
    output_tokens=0,
    duration_ns=50_000_000,
    list_cost=None,
    price_status="no_usage",
    error_type="",
    attempt_kind="first",
    call_site="",
)


def test_tokens_that_nobody_told_are_not_shown_as_none():
    assert " ? in        ? out " in line_of(UNTOLD, "UTC")
