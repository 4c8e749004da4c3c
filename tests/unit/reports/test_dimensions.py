from __future__ import annotations

import pytest

from otel_llmcost.errors import ConfigError
from otel_llmcost.reports import DIMENSIONS, dimension_of


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_is_found_by_its_name(name: str) -> None:
    assert dimension_of(f" {name.upper()} ").expression == DIMENSIONS[name]


@pytest.mark.parametrize(
    ("column", "name"), [("session_id", "session"), ("service_name", "service"), ("user_id", "user")]
)
def test_a_column_answers_under_the_name_that_was_asked(column: str, name: str) -> None:
    assert dimension_of(column).expression == DIMENSIONS[name]
    assert dimension_of(column).name == column


@pytest.mark.parametrize("key", ["plan", "Customer Tier", "o'brien", "x'] OR 1 --", "größe"])
def test_the_key_of_a_tag_is_a_value_and_never_sql(key: str) -> None:
    dimension = dimension_of(f"tag.{key}")
    [(parameter, value)] = dimension.parameters.items()
    assert value == key
    assert parameter.isidentifier()
    assert parameter.isascii()
    assert dimension.expression == f"c.tags[{{{parameter}:String}}]"


@pytest.mark.parametrize("name", ["", "colour", "feature; DROP TABLE x", "tag.", "c.feature"])
def test_an_unknown_one_is_named_beside_those_that_there_are(name: str) -> None:
    with pytest.raises(ConfigError, match="there is no dimension") as caught:
        dimension_of(name)
    assert "feature, team, tenant" in str(caught.value)
