"""What is a count, and what is told of one that is not."""

from __future__ import annotations

from decimal import Decimal

import pytest

from otel_llmcost.errors import InvalidUsageError
from otel_llmcost.providers.reading import MAX_COUNT, count, error_in, known, spelled, usage_or_fault
from otel_llmcost.usage import Usage


@pytest.mark.parametrize("value", [3, 3.0, Decimal(3)])
def test_a_whole_number_is_a_count(value: object) -> None:
    assert count({"n": value}, "n") == 3


def test_absent_and_null_are_nothing_and_the_first_name_that_holds_anything_counts() -> None:
    assert count(None, "n") == count({}, "n") == count({"n": None}, "n") == 0
    assert count({"a": None, "b": 0, "c": 9}, "a", "b", "c") == 0


@pytest.mark.parametrize(
    "value",
    ["3", -1, 0.5, True, [], {}, float("nan"), float("inf"), Decimal("nan"), MAX_COUNT + 1, 10**5000],
    ids=lambda value: type(value).__name__,
)
def test_anything_else_is_refused_by_name(value: object) -> None:
    with pytest.raises(InvalidUsageError, match=r"^n is .{1,70}, not a count$"):
        count({"n": value}, "n")


def test_a_usage_without_a_count_is_not_zero() -> None:
    known({"a": 0}, "a", "b")
    with pytest.raises(InvalidUsageError, match="the usage has none of a, b"):
        known({"a": None, "c": 1}, "a", "b")


def test_no_usage_is_no_fault_and_a_strange_one_is() -> None:
    assert usage_or_fault(lambda _: Usage(), None) == (None, "")
    assert usage_or_fault(lambda _: Usage(), [1]) == (None, "the usage is [1], not an object")


def test_an_enumeration_may_be_a_number() -> None:
    assert (spelled({"k": "STOP"}, "k"), spelled({"k": 1}, "k"), spelled({"k": True}, "k")) == ("STOP", "1", "")


def test_an_error_without_a_type_has_a_code_or_at_least_a_name() -> None:
    assert error_in({"error": {"type": None, "code": "content_filter"}}) == "content_filter"
    assert (error_in({"error": {}}), error_in({"error": {"message": "no"}}), error_in({})) == ("", "error", "")
