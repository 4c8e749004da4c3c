from __future__ import annotations

import pytest
from hypothesis import given

from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.usage import INPUT_METERS, OUTPUT_METERS, Usage, UsageMeter
from tests.property.usages import anything, parts, usage_of


@given(parts)
def test_what_was_put_together_comes_apart_again(parts):
    assert usage_of(parts).disjoint() == {meter: count for meter, count in parts.items() if count}


@given(parts)
def test_disjoint_meters_sum_back_to_what_was_reported(parts):
    usage = usage_of(parts)
    disjoint = usage.disjoint()
    assert sum(count for meter, count in disjoint.items() if meter in INPUT_METERS) == usage.input_tokens
    assert sum(count for meter, count in disjoint.items() if meter in OUTPUT_METERS) == usage.output_tokens


@given(anything)
def test_any_usage_comes_apart_exactly_or_not_at_all(usage: Usage):
    try:
        disjoint = usage.disjoint()
    except InvalidUsageError:
        return
    assert all(count > 0 for count in disjoint.values())
    assert sum(count for meter, count in disjoint.items() if meter in INPUT_METERS) == usage.input_tokens
    assert sum(count for meter, count in disjoint.items() if meter in OUTPUT_METERS) == usage.output_tokens


@given(parts)
def test_a_part_beyond_its_whole_is_refused(parts):
    usage = usage_of(parts)
    with pytest.raises(InvalidUsageError):
        Usage(input_tokens=usage.input_tokens, cache_read_tokens=usage.input_tokens + 1).disjoint()
    with pytest.raises(InvalidUsageError):
        Usage(output_tokens=usage.output_tokens, reasoning_tokens=usage.output_tokens + 1).disjoint()


@given(parts)
def test_the_meters_come_in_the_order_of_their_class(parts):
    order = list(UsageMeter)
    meters = list(usage_of(parts).disjoint())
    assert meters == sorted(meters, key=order.index)
