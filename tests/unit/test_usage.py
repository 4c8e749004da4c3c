from __future__ import annotations

from dataclasses import fields

import pytest

from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.usage import FIELDS, INPUT_METERS, OUTPUT_METERS, Usage, UsageMeter


def test_cached_tokens_are_not_billed_twice():
    assert Usage(input_tokens=1000, cache_read_tokens=900).disjoint() == {
        UsageMeter.INPUT: 100,
        UsageMeter.CACHE_READ: 900,
    }


def test_reasoning_is_a_part_of_the_output():
    assert Usage(output_tokens=678, reasoning_tokens=512).disjoint() == {
        UsageMeter.OUTPUT: 166,
        UsageMeter.REASONING: 512,
    }


def test_cached_audio_is_neither_cached_text_nor_fresh_audio():
    usage = Usage(
        input_tokens=1000, cache_read_tokens=400, input_audio_tokens=800, cache_read_audio_tokens=300, output_tokens=1
    )
    assert usage.disjoint() == {
        UsageMeter.INPUT: 100,
        UsageMeter.CACHE_READ: 100,
        UsageMeter.INPUT_AUDIO: 500,
        UsageMeter.CACHE_READ_AUDIO: 300,
        UsageMeter.OUTPUT: 1,
    }


def test_nothing_consumed_is_nothing_to_bill():
    assert Usage().disjoint() == {}


def test_units_are_counted_beside_the_tokens():
    assert Usage(web_search=2, page=3).disjoint() == {UsageMeter.WEB_SEARCH: 2, UsageMeter.PAGE: 3}


@pytest.mark.parametrize(
    ("usage", "said"),
    [
        (Usage(input_tokens=800, cache_read_tokens=900), "cache_read_tokens (900) exceeds input_tokens (800)"),
        (Usage(output_tokens=1, reasoning_tokens=2), "reasoning_tokens (2) exceeds output_tokens (1)"),
        (
            Usage(input_tokens=10, cache_read_tokens=6, cache_write_1h_tokens=5),
            "cache_read_tokens (6) + cache_write_1h_tokens (5) exceeds input_tokens (10)",
        ),
        (
            Usage(input_tokens=10, cache_read_tokens=1, input_audio_tokens=2, cache_read_audio_tokens=2),
            "cache_read_audio_tokens (2) exceeds cache_read_tokens (1)",
        ),
        (
            Usage(input_tokens=10, cache_read_tokens=3, cache_read_image_tokens=2),
            "cache_read_image_tokens (2) exceeds input_image_tokens (0)",
        ),
        (Usage(input_tokens=-1), "input_tokens (-1) is negative"),
        (Usage(web_search=-1), "web_search (-1) is negative"),
    ],
)
def test_counts_that_contradict_each_other_are_refused_with_both_sides(usage, said):
    with pytest.raises(InvalidUsageError) as refused:
        usage.disjoint()
    assert str(refused.value) == said


def test_every_meter_belongs_to_one_whole_or_stands_alone():
    assert not INPUT_METERS & OUTPUT_METERS
    units = set(UsageMeter) - INPUT_METERS - OUTPUT_METERS
    assert {unit.value for unit in units} <= set(FIELDS)


def test_the_names_of_the_counts_are_those_of_the_class():
    assert tuple(field.name for field in fields(Usage)) == FIELDS
