"""What the user knows of prices and the published table does not: own models, negotiated prices, names, subscriptions.

An overlay never touches the list cost of a model that the table knows. It says what is really paid:

    a subscription in force   the call costs nothing more, whatever it counted (`included`)
    else an own rate card     that is the price, of a model of the user's own or one that the table knows too
    else a fixed rate         that is the price of the meters it names
    else a discount           off the list cost of all other meters, one for a call: a discount that names the model
                              wins over one for the whole provider, and what still ties is the first of the file

Whatever overlaps so that two entries of one kind would bill the same call by the same name is refused when the file
is read. All dates are half-open, `[from, to)`, and the call's start decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeVar

from otel_llmcost.pricing.provider import canonical_provider
from otel_llmcost.pricing.rates import STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from otel_llmcost.pricing.rates import ModelRates, Rate
    from otel_llmcost.pricing.table import RateTable
    from otel_llmcost.usage import UsageMeter

WHERE: Final = ("service_name", "billing_account_id", "sub_account_id", "credential_id", "scope_name", "server_address")
"""What a subscription may ask of a call besides its model: fields of `LLMCall`."""

FULL_PRICE: Final = Fraction(1)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """A half-open span of time.

    Attributes:
        from_ns: Unix nanoseconds, inclusive; None for ever since.
        to_ns: Unix nanoseconds, exclusive; None for until further notice.
    """

    from_ns: int | None = None
    to_ns: int | None = None

    def __contains__(self, at_ns: int) -> bool:
        """Tell whether a moment lies in it."""
        return (self.from_ns is None or at_ns >= self.from_ns) and (self.to_ns is None or at_ns < self.to_ns)

    def meets(self, other: Period) -> bool:
        """Tell whether the two share an instant."""
        return _before(self.from_ns, other.to_ns) and _before(other.from_ns, self.to_ns)


ALWAYS: Final = Period()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name of the user's own for a model: a deployment, an inference profile, a gateway's id.

    Attributes:
        provider: Under which provider the name is used.
        name: The name, in lower case.
        model: The model that it stands for, as its provider calls it.
        rates_of: The provider whose prices bill it.
        period: When it stands for that.
    """

    provider: str
    name: str
    model: str
    rates_of: str
    period: Period = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedRates:
    """Negotiated unit prices of some meters; the others stay at list price.

    Attributes:
        provider: Who sells it.
        models: The models, in lower case; at least one.
        tier: The service tier that served.
        rates: The price of each meter named.
        period: When they are in force.
    """

    provider: str
    models: tuple[str, ...]
    rates: Mapping[UsageMeter, Rate]
    tier: str = STANDARD
    period: Period = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A negotiated discount.

    Attributes:
        provider: Who gives it.
        models: The models, in lower case; empty for all of the provider.
        paid: The part of the list price that is paid: 17/20 at a discount of 15 %.
        period: When it is in force.
    """

    provider: str
    paid: Fraction
    models: tuple[str, ...] = ()
    period: Period = ALWAYS


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """Something paid for elsewhere, such as seats or provisioned capacity, that covers calls.

    Attributes:
        name: What it is called.
        provider: Who sells it.
        models: The models or deployments that it covers, in lower case; empty for all of the provider.
        where: What else a call must say: fields of `WHERE`, each with the values that are covered.
        period: When it covers them.
    """

    name: str
    provider: str
    models: tuple[str, ...] = ()
    where: Mapping[str, frozenset[str]] = field(default_factory=dict)
    period: Period = ALWAYS

    def covers(self, said: Mapping[str, object]) -> bool:
        """Tell whether a call that says this is what `where` asks for."""
        return all(said[name] in values for name, values in self.where.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlay:
    """Everything that `rates` of one `llmcost.yaml` says.

    Attributes:
        version: The first 12 hex digits of the sha256 of what it says; of nothing that is only spelled differently.
        models: Rate cards of the user's own.
        fixed: Negotiated unit prices.
        discounts: Negotiated discounts, in the order of the file.
        aliases: Names of the user's own.
        subscriptions: What is paid for elsewhere.
        hosts: The provider behind each host that nobody else knows.
    """

    version: str
    models: tuple[ModelRates, ...] = ()
    fixed: tuple[FixedRates, ...] = ()
    discounts: tuple[Discount, ...] = ()
    aliases: tuple[Alias, ...] = ()
    subscriptions: tuple[Subscription, ...] = ()
    hosts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def alias(self, provider: str, name: str, at_ns: int) -> Alias | None:
        """Return what a name stands for at a moment, None where it is no name of the user's own."""
        said = name.strip().lower()
        for alias in self.aliases:
            if alias.name == said and alias.provider == provider and at_ns in alias.period:
                return alias
        return None

    def subscription(
        self, provider: str, names: frozenset[str], said: Mapping[str, object], at_ns: int
    ) -> Subscription | None:
        """Return what covers a call, None where nothing does; `said` are its fields that an entry may ask for."""
        covering = _in_force(self.subscriptions, provider, names, at_ns)
        return next((each for each in covering if each.covers(said)), None)

    def fixed_rates(self, provider: str, names: frozenset[str], tier: str, at_ns: int) -> dict[UsageMeter, Rate]:
        """Return the negotiated unit prices of a call; of two for one meter the first of the file."""
        rates: dict[UsageMeter, Rate] = {}
        for fixed in _in_force(self.fixed, provider, names, at_ns):
            if fixed.tier == tier:
                rates = {**fixed.rates, **rates}
        return rates

    def paid(self, provider: str, names: frozenset[str], at_ns: int) -> Fraction:
        """Return the part of the list price that is paid for a call."""
        found = list(_in_force(self.discounts, provider, names, at_ns))
        best = next((each for each in found if each.models), found[0] if found else None)
        return best.paid if best else FULL_PRICE

    def edges(self) -> Iterator[int | None]:
        """Yield every moment at which an entry begins or ends."""
        periods = [each.period for each in self.fixed]
        periods += [each.period for each in self.discounts]
        periods += [each.period for each in self.aliases]
        periods += [each.period for each in self.subscriptions]
        for period in periods:
            yield from (period.from_ns, period.to_ns)

    def unknown_names(self, table: RateTable) -> Iterator[str]:
        """Yield every model that it names and neither it nor the table knows, as `provider/model`."""
        own = {(rates.provider, name) for rates in self.models for name in names_of(rates)}
        own |= {(alias.provider, alias.name) for alias in self.aliases}
        asked = [(fixed.provider, name) for fixed in self.fixed for name in fixed.models]
        asked += [(discount.provider, name) for discount in self.discounts for name in discount.models]
        asked += [(alias.rates_of, alias.model) for alias in self.aliases]
        for provider, name in dict.fromkeys(asked):
            if (provider, name.lower()) not in own and table.find(provider, name) is None:
                yield f"{provider}/{name}"


def names_of(rates: ModelRates) -> frozenset[str]:
    """Return every name of a model in the table, in lower case."""
    return frozenset((rates.model.lower(), *rates.names))


def names_said(models: Iterable[str], rates: ModelRates | None) -> frozenset[str]:
    """Return every name by which an entry may mean a call: those that it says itself, and those of the table."""
    said = frozenset(model.strip().lower() for model in models if model)
    return said | names_of(rates) if rates else said


_Entry = TypeVar("_Entry", FixedRates, Discount, Subscription)


def provider_at(host: str, hosts: Mapping[str, str]) -> str | None:
    """Return the provider that the user says is behind a host, None where nothing is said of it."""
    found = hosts.get(host.strip().lower())
    return canonical_provider(found) if found else None


def _in_force(entries: Iterable[_Entry], provider: str, names: frozenset[str], at_ns: int) -> Iterator[_Entry]:
    for entry in entries:
        is_meant = not entry.models or not names.isdisjoint(entry.models)
        if is_meant and entry.provider == provider and at_ns in entry.period:
            yield entry


def _before(begin: int | None, end: int | None) -> bool:
    return begin is None or end is None or begin < end
