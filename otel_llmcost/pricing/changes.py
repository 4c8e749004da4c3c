"""What is different between two rate tables, model by model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from otel_llmcost.pricing.rates import ModelRates, Rate, RateCard, Rates
    from otel_llmcost.pricing.table import RateTable
    from otel_llmcost.usage import UsageMeter


@dataclass(frozen=True, slots=True, kw_only=True)
class RateChange:
    """One price that is not what it was.

    Attributes:
        card_id: The card it stands on.
        meter: What it is put on.
        above: The context threshold, in input tokens; None below all of them.
        old, new: The price; None where the table has none.
    """

    card_id: str
    meter: UsageMeter
    above: int | None
    old: Rate | None
    new: Rate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChange:
    """What became of one model.

    Attributes:
        provider: Who sells it, as the tables spell it.
        model: The model's name.
        kind: `added`, `removed` or `changed`.
        rates: The prices that differ, card by card; empty for a model that is added or removed.
        cards_added, cards_removed: Ids of cards that only the new or only the old table has. A card whose time or
            hours changed is among both.
        names_added, names_removed: Other names that it answers to now, or no longer.
    """

    provider: str
    model: str
    kind: Literal["added", "removed", "changed"]
    rates: tuple[RateChange, ...] = ()
    cards_added: tuple[str, ...] = ()
    cards_removed: tuple[str, ...] = ()
    names_added: tuple[str, ...] = ()
    names_removed: tuple[str, ...] = ()


def compare(old: RateTable, new: RateTable) -> tuple[ModelChange, ...]:
    """Return what differs between two tables, by provider and model in alphabetical order."""
    before = {(rates.provider, rates.model): rates for rates in old.models}
    after = {(rates.provider, rates.model): rates for rates in new.models}
    changes = (_change(key, before.get(key), after.get(key)) for key in sorted(before.keys() | after.keys()))
    return tuple(change for change in changes if change)


def _change(key: tuple[str, str], old: ModelRates | None, new: ModelRates | None) -> ModelChange | None:
    provider, model = key
    if old is None or new is None:
        return ModelChange(provider=provider, model=model, kind="added" if old is None else "removed")
    was = {card.id: card for card in old.all_cards()}
    now = {card.id: card for card in new.all_cards()}
    moved = {name for name in was.keys() & now.keys() if _span(was[name]) != _span(now[name])}
    change = ModelChange(
        provider=provider,
        model=model,
        kind="changed",
        rates=tuple(one for name in now if name in was for one in _rate_changes(was[name], now[name])),
        cards_added=tuple(name for name in now if name not in was or name in moved),
        cards_removed=tuple(name for name in was if name not in now or name in moved),
        names_added=tuple(sorted({*new.names} - {*old.names})),
        names_removed=tuple(sorted({*old.names} - {*new.names})),
    )
    is_same = not (
        change.rates or change.cards_added or change.cards_removed or change.names_added or change.names_removed
    )
    return None if is_same else change


def _span(card: RateCard) -> tuple[object, ...]:
    return card.effective_from_ns, card.effective_to_ns, card.schedule


def _rate_changes(old: RateCard, new: RateCard) -> Iterator[RateChange]:
    was, now = _by_threshold(old), _by_threshold(new)
    for above in dict.fromkeys((*was, *now)):
        # Where a threshold is new, the prices that held there are those that the old card had at that length.
        before = was.get(above) or old.rates_for((above or 0) + 1)
        after = now.get(above) or new.rates_for((above or 0) + 1)
        for meter in dict.fromkeys((*before, *after)):
            if before.get(meter) != after.get(meter):
                yield RateChange(card_id=new.id, meter=meter, above=above, old=before.get(meter), new=after.get(meter))


def _by_threshold(card: RateCard) -> dict[int | None, Rates]:
    return {None: card.rates} | {tier.tokens: tier.rates for tier in card.context_tiers}
