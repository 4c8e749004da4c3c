"""Months of calls for dashboards and alerts: small, drawn by seed, and priced here by hand.

The price of a call is worked out from the numbers of `Product` alone, so sums over these rows are independent of the
engine. A month is calm unless a `change` says otherwise: it may alter what a feature does in an hour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from otel_llmcost.attribution import Attribution
from otel_llmcost.call import LLMCall
from otel_llmcost.money import PicoUSD
from otel_llmcost.pricing.result import PriceStatus, Pricing
from otel_llmcost.store import PricedCall
from otel_llmcost.usage import Usage, UsageQuality

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOUR_NS: Final = 3600 * 10**9
DAY_NS: Final = 24 * HOUR_NS
TENANTS: Final = ("acme", "globex", "initech", "umbrella", "hooli")

INPUT_PICO: Final = {"small-1": 10_000_000, "large-1": 40_000_000, "huge-1": 80_000_000}
"""Pico-USD for a token of input; a cached one is a tenth, one of output five times as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a feature does in an hour. A change replaces some of it.

    Attributes:
        name: The feature.
        team: Who answers for it.
        a_day: User actions on a weekday.
        model: Which model answers.
        input_tokens: Of a call, of which `cached` are read from cache.
        cached: The share of input read from cache.
        output_tokens: Of a call.
        calls: Calls of one action; the ones after the first are retries where `is_loop`.
        is_loop: Whether the calls of an action repeat one another.
        is_session: Whether an action is a conversation.
        tenants: Who asks, each as often as it is named.
        prompt_hash: Of the system prompt.
        environment: Where it runs.
        credential: The key that it uses.
        finish_reason: How its answers end.
        truncated: The share of its answers that are cut off.
        error_share: The share of its calls that fail.
        is_priced: Whether its model has a price.
        delay_ns: How long after its start a call is received.
    """

    name: str
    team: str
    a_day: int
    model: str = "small-1"
    input_tokens: int = 4_000
    cached: float = 0.5
    output_tokens: int = 400
    calls: int = 1
    is_loop: bool = False
    is_session: bool = False
    tenants: tuple[str, ...] = TENANTS
    prompt_hash: str = "prompt-1"
    environment: str = "production"
    credential: str = "key-1"
    truncated: float = 0.01
    error_share: float = 0.01
    is_priced: bool = True
    delay_ns: int = 5 * 10**9


SHOP: Final = (
    Product(name="search", team="growth", a_day=240, input_tokens=6_000),
    Product(name="chat", team="support", a_day=60, model="large-1", input_tokens=3_000, calls=3, is_session=True),
    Product(name="summarize", team="support", a_day=120, input_tokens=20_000, cached=0.8, prompt_hash="prompt-2"),
    Product(name="", team="", a_day=12, input_tokens=200, output_tokens=20, prompt_hash=""),
    Product(name="evals", team="growth", a_day=24, environment="development", input_tokens=2_000, credential="key-2"),
)


def month(
    *,
    until_ns: int,
    days: int,
    seed: int,
    products: tuple[Product, ...] = SHOP,
    change: Callable[[Product, int], Product] = lambda product, _: product,
) -> Iterator[PricedCall]:
    """Yield the calls of whole hours until `until_ns`.

    Args:
        until_ns: Unix nanoseconds at the start of an hour.
        days: How many days back.
        seed: Another seed, other noise.
        products: The features on a calm day.
        change: Returns what a feature does in the hour that starts at the second argument (Unix nanoseconds).
    """
    for start_ns in range(until_ns - days * DAY_NS, until_ns, HOUR_NS):
        for product in products:
            random = Random(f"{seed}:{until_ns - start_ns}:{product.name}")
            yield from _hour(change(product, start_ns), start_ns, random)


def _hour(product: Product, start_ns: int, random: Random) -> Iterator[PricedCall]:
    hour, weekday = start_ns // HOUR_NS % 24, (start_ns // DAY_NS + 3) % 7
    usual = product.a_day / 24 * (1 + 0.8 * math.sin((hour - 8) / 24 * 2 * math.pi)) * (0.4 if weekday >= 5 else 1)
    usual *= random.uniform(0.85, 1.15)
    for _ in range(int(usual) + (random.random() < usual % 1)):
        tenant, action = random.choice(product.tenants), f"{random.getrandbits(64):016x}"
        at_ns = start_ns + random.randrange(HOUR_NS)
        repeated = f"{random.getrandbits(32):08x}"
        calls = product.calls if product.is_loop else max(1, product.calls + random.choice((-1, 0, 0, 1)))
        for nth in range(1 if product.calls == 1 else calls):
            yield _call(
                product, random, tenant, action, at_ns + nth * 20 * 10**9, repeated if product.is_loop else "", nth
            )


def _call(
    product: Product, random: Random, tenant: str, action: str, at_ns: int, repeated: str, nth: int
) -> PricedCall:
    bits, request = random.getrandbits(192), f"{random.getrandbits(32):08x}"
    tokens = round(product.input_tokens * random.uniform(0.8, 1.2))
    output = round(product.output_tokens * random.uniform(0.6, 1.4))
    cached = round(tokens * product.cached * random.uniform(0.9, 1.0))
    is_cut, fails = random.random() < product.truncated, random.random() < product.error_share
    if fails:
        tokens, output, cached = 0, 0, 0
    cost = (
        INPUT_PICO[product.model] // 10 * (10 * (tokens - cached) + cached + 50 * output) if product.is_priced else None
    )
    call = LLMCall(
        trace_id=f"{bits >> 64:032x}",
        span_id=f"{bits & (1 << 64) - 1:016x}",
        started_at_ns=at_ns,
        duration_ns=2_000_000_000 + output * 10_000_000,
        provider="openai",
        operation="chat",
        request_model=product.model if product.is_priced else "novel-1",
        response_model=product.model if product.is_priced else "novel-1",
        usage=None if fails else Usage(input_tokens=tokens, cache_read_tokens=cached, output_tokens=output),
        usage_quality=UsageQuality.MISSING if fails else UsageQuality.REPORTED,
        attribution=Attribution(
            feature=product.name,
            team=product.team,
            tenant=tenant if product.name else "",
            environment=product.environment,
            session_id=f"s-{action}" if product.is_session else "",
            request_id=f"{action}-{nth}" if product.is_session and not repeated else action,
            tags=(("tier", "paid" if tenant in TENANTS[:2] else "free"),) if product.name else (),
            workload="interactive" if product.environment == "production" else "eval",
        ),
        call_site="shop.app:ask:12",
        service_name="shop",
        credential_id=product.credential,
        prompt_hash=product.prompt_hash,
        prompt_bytes=4 * 2_000 if product.prompt_hash else None,
        request_hash=repeated or request,
        finish_reason="" if fails else "length" if is_cut else "stop",
        error_type="timeout" if fails else "",
        attempt_kind="retry" if repeated and nth else "first",
        rejected="" if fails or bits % (2 if is_cut else _REJECTED_OF) else "json_parse",
    )
    status = PriceStatus.NO_USAGE if fails else PriceStatus.UNPRICED_MODEL if cost is None else PriceStatus.PRICED
    amount = None if cost is None or fails else PicoUSD(cost)
    return PricedCall(
        call=call,
        pricing=Pricing(status=status, list_cost=amount, effective_cost=amount, rate_table_version="0123456789ab"),
        received_at_ns=at_ns + product.delay_ns,
    )


_REJECTED_OF: Final = 40
"""The application rejects one of so many answers, and every second one that is cut off."""


def altered(product: Product, **fields: object) -> Product:
    """Return the product with some of it replaced."""
    return replace(product, **fields)  # type: ignore[arg-type]
