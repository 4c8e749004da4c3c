"""Whatever a limit of llmcost.yaml may be set on, it is told when it is reached and not before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.config.catalogue import PER, SCOPE, WINDOWS
from otel_llmcost.money import pico_usd
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.store import PricedCall, Store, connect
from otel_llmcost.usage import Usage, UsageQuality
from tests.dashboards.test_alerts import BY_NAME, firings, midnight_ns
from tests.support.months import DAY_NS, HOUR_NS
from tests.support.stores import ENGINES, migrated

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE_NS: Final = 60 * 10**9

ANN = Attribution(
    feature="search", team="growth", environment="production", tenant="acme", user="ann", session_id="s1",
    request_id="r1", workload="interactive", agent="planner",
)  # fmt: skip
SPENT: Final = (  # hours after Monday's midnight, who, USD
    (10, replace(ANN, feature="chat", user="cid", session_id="s3", request_id="r4", workload="batch", agent=""), "6"),
    (24 + 10, replace(ANN, request_id="r3"), "1"),
    (24 + 23.75, Attribution(feature="night", environment="production"), "0.5"),
    (48 + 9, replace(ANN, tenant="globex", session_id="s2", request_id="r2", workload="batch", agent=""), "4"),
    (48 + 10, Attribution(feature="chat", team="support", environment="staging", tenant="globex", user="dan",
                          session_id="s4", request_id="r5"), "8"),
    (48 + 11.5, ANN, "3"),
    (48 + 11.7, replace(ANN, user="bob", agent=""), "2"),
)  # fmt: skip

# scope, per, window: what was spent at Wednesday noon, by tenant and by whom of those that it is for each.
REACHED: Final[dict[tuple[str, str, str], dict[str, tuple[str, list[str]]]]] = {
    ("tenant=acme", "", "month"): {"acme": ("12", ["search", "chat"])},  # 6 + 1 + 3 + 2; each of the two had 6
    ("tenant=acme", "", "day"): {"acme": ("5", ["search"])},
    ("tenant=globex,workload=batch", "", "week"): {"globex": ("4", ["search"])},
    ("feature=search,workload=batch", "", "day"): {"": ("4", ["search"])},
    ("agent=planner", "", "week"): {"": ("4", ["search"])},  # 1 + 3
    ("team=growth,environment=production", "", "month"): {"": ("16", ["search", "chat"])},  # 6 + 1 + 4 + 3 + 2
    ("", "", "hour"): {"": ("5", ["search"])},  # since 11:00
    ("", "tenant", "day"): {"acme": ("5", ["search"]), "globex": ("12", ["chat", "search"])},
    ("feature=chat", "tenant", "week"): {"acme": ("6", ["chat"]), "globex": ("8", ["chat"])},
    ("environment=production", "user", "day"): {"": ("7", ["ann"])},  # 4 + 3, and bob 2
    ("", "session", ""): {"": ("6", ["s1"])},  # 1 + 3 + 2; s4 cost more and ended two hours ago
    ("tenant=globex", "session", "day"): {"globex": ("8", ["s4"])},
    ("feature=search", "request", ""): {"": ("5", ["r1"])},
    ("agent=planner", "request", "hour"): {"": ("3", ["r1"])},
}
QUIET: Final = (
    ("environment=staging", "", "hour"),
    ("tenant=umbrella", "", "month"),
    ("feature=search", "user", "hour"),
)
"""Of these nothing was spent in the window, or it is below any cap."""


def monday_ns() -> int:
    """The midnight (UTC) of the last Monday that is over, whose Wednesday is of the same month."""
    monday = midnight_ns() - 3 * DAY_NS
    while datetime.fromtimestamp(monday // 10**9, UTC).day > 26:  # the shortest month has 28 days
        monday -= 7 * DAY_NS
    return monday


def noon_ns() -> int:
    return monday_ns() + 2 * DAY_NS + 12 * HOUR_NS


def call(number: int, hours: float, who: Attribution, usd: str) -> PricedCall:
    at_ns = monday_ns() + round(hours * 60) * MINUTE_NS
    cost = pico_usd(usd)
    return PricedCall(
        call=LLMCall(
            trace_id=f"{number + 1:032x}", span_id=f"{number + 1:016x}", started_at_ns=at_ns, duration_ns=10**9,
            provider="openai", operation="chat", request_model="gpt-5.4", response_model="gpt-5.4",
            usage=Usage(input_tokens=1), usage_quality=UsageQuality.REPORTED, attribution=who,
        ),
        pricing=Pricing(status=PriceStatus.PRICED, list_cost=cost, effective_cost=cost),
        received_at_ns=at_ns + 10**9,
    )  # fmt: skip


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    dsn = migrated(tmp_path_factory) if request.param == "chdb" else request.getfixturevalue("server").dsn("limits")
    with connect(dsn) as store:
        store.migrate()
        store.write([call(number, *spent) for number, spent in enumerate(SPENT)])
        store.derive()
        yield store


def set_limit(store: Store, scope: str, per: str, window: str, *, warn: Decimal, cap: Decimal) -> None:
    named = dict(each.split("=") for each in scope.split(",") if each)
    columns = {"scope": scope, "per": per, "window": window, "effective_from": "2020-01-01", **named}
    values = ", ".join(f"'{value}'" for value in columns.values())
    store._engine.command(f"INSERT INTO limits_log ({', '.join(columns)}, warn, cap) VALUES ({values}, {warn}, {cap})")


def told(store: Store, rule: str, at_ns: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what a rule says, by subject and tenant, without the limits by age."""
    rows = firings(store, BY_NAME[rule], at_ns)
    return {(row["subject"], row["tenant"]): row for row in rows if "default of" not in row["subject"]}


def subject_of(scope: str, per: str, window: str) -> str:
    return f"{window or 'life'} {scope or 'everything'}" + (f", each {per}" if per else "")


def test_every_limit_is_told_when_it_is_reached_and_not_before(store: Store) -> None:
    cent = Decimal("0.01")
    for step, warned_at, capped_at in (("passed", -1, 0), ("warned", 0, 1), ("below", 1, 2)):
        expected = {}
        for limit, by_tenant in REACHED.items():
            dearest = max(Decimal(usd) for usd, _ in by_tenant.values())
            set_limit(store, *limit, warn=dearest + warned_at * cent, cap=dearest + capped_at * cent)
            expected |= {
                (subject_of(*limit), tenant): (float(usd), offenders)
                for tenant, (usd, offenders) in by_tenant.items()
                if Decimal(usd) == dearest
            }
        for limit in QUIET:
            set_limit(store, *limit, warn=Decimal(6), cap=Decimal(6))
        for rule in ("limit_passed", "limit_warned"):
            found = {
                key: (row["so_far_usd"], sorted(row["offenders"])) for key, row in told(store, rule, noon_ns()).items()
            }
            is_this = rule == f"limit_{step}"
            assert found == (
                {key: (usd, sorted(names)) for key, (usd, names) in expected.items()} if is_this else {}
            ), (step, rule)


def test_of_each_user_one_alert_tells_of_all_of_them(store: Store) -> None:
    limit = ("environment=production", "user", "day")
    set_limit(store, *limit, warn=Decimal(1), cap=Decimal(2))
    row = told(store, "limit_passed", noon_ns())[subject_of(*limit), ""]
    assert row["what"] == "ann: $7.00 of $2.00 for the day; 1 more"
    assert row["offenders"] == ["ann", "bob"]
    assert row["so_far_usd"] == 9
    assert row["value"] == 3.5


def test_an_hour_reaches_over_midnight(store: Store) -> None:
    """At 00:20 on Wednesday what was spent at 23:45 on Tuesday is of the last hour, and not of Wednesday."""
    at_ns = monday_ns() + 2 * DAY_NS + 20 * MINUTE_NS
    for window in ("hour", "day"):
        set_limit(store, "feature=night", "", window, warn=Decimal("0.5"), cap=Decimal("0.5"))
    found = told(store, "limit_passed", at_ns)
    assert [row["so_far_usd"] for (subject, _), row in found.items() if "night" in subject] == [0.5]
    assert ("hour feature=night", "") in found


def test_what_a_limit_may_be_set_on_is_all_put_to_the_test() -> None:
    limits = REACHED.keys()
    assert {each.split("=")[0] for scope, _, _ in limits for each in scope.split(",") if each} == set(SCOPE)
    assert {per for _, per, _ in limits if per} == set(PER)
    assert {window for _, _, window in limits if window} == set(WINDOWS)
