"""Every recorded exchange, read as bytes: what the provider told is what we understood.

The file is not part of the project; `tests.support.replay.recordings` says where it is looked for. What it expects as
None it does not judge.
"""

from __future__ import annotations

import pytest

from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.providers.framing import read_body
from otel_llmcost.providers.registry import route_of
from tests.support.replay import recordings

_ALL, _WHY_NONE = recordings()
JUDGED = [each for each in _ALL if each.expected and any(value is not None for value in each.expected.values())]
NOT_JUDGED = [each for each in _ALL if each not in JUDGED]


def read(recording):
    route = route_of(canonical_provider(recording.provider), recording.path)
    return route and (read_body(route.surface, recording.body), route)


def told(recording):
    reading, route = read(recording)
    usage = reading.usage
    assert usage is not None, reading
    return {
        "model": reading.model or route.model,
        "response_id": reading.response_id,
        "input": usage.input_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write_5m": usage.cache_write_5m_tokens,
        "cache_write_1h": usage.cache_write_1h_tokens,
        "output": usage.output_tokens,
        "reasoning": usage.reasoning_tokens,
        "service_tier": reading.service_tier,
        "web_search": usage.web_search,
    }


@pytest.mark.skipif(not JUDGED, reason=_WHY_NONE or "no recording is judged")
@pytest.mark.parametrize("recording", JUDGED, ids=lambda each: f"{each.provider}-{each.id}")
def test_a_recorded_answer_is_understood(recording):
    expected = {key: value for key, value in recording.expected.items() if value is not None}
    if "service_tier" in expected:  # protobuf clients write the number of an enumeration
        expected["service_tier"] = str(expected["service_tier"])
    ours = told(recording)
    assert {key: ours[key] for key in expected} == expected


@pytest.mark.skipif(not NOT_JUDGED, reason=_WHY_NONE or "every recording is judged")
@pytest.mark.parametrize("recording", NOT_JUDGED, ids=lambda each: f"{each.provider}-{each.id}")
def test_a_recorded_answer_that_nobody_judged_has_no_fault(recording):
    if found := read(recording):
        assert found[0].fault == ""
