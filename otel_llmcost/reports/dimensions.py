"""By what spend can be split: names for people, each an expression over a call `c` and its corrections `a`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from otel_llmcost.errors import ConfigError

DIMENSIONS: Final = {
    "feature": "c.feature",
    "team": "c.team",
    "tenant": "c.tenant",
    "environment": "c.environment",
    "workload": "c.workload",
    "agent": "c.agent",
    "user": "c.user_id",
    "session": "c.session_id",
    "request": "c.request_id",
    "service": "c.service_name",
    "service_version": "c.service_version",
    "call_site": "c.call_site",
    "provider": "c.provider",
    "model": "if(c.response_model = '', c.request_model, c.response_model)",
    "request_model": "c.request_model",
    "operation": "c.operation",
    "service_tier": "c.service_tier",
    "region": "c.region",
    "account": "c.billing_account_id",
    "sub_account": "c.sub_account_id",
    "credential": "c.credential_id",
    "attempt_kind": "c.attempt_kind",
    "attempt_reason": "c.attempt_reason",
    "finish_reason": "c.finish_reason",
    "error": "c.error_type",
    "price_status": "if(a.price_status = '', c.price_status, a.price_status)",
    "prompt": "c.prompt_name",
    "prompt_version": "c.prompt_version",
    "hour": "formatDateTime(c.started_at, '%Y-%m-%d %H:00', {timezone:String})",
    "day": "formatDateTime(c.started_at, '%Y-%m-%d', {timezone:String})",
    "month": "formatDateTime(c.started_at, '%Y-%m', {timezone:String})",
}
"""Every dimension; `tag.<key>` besides, for a tag of the user's own."""

_COLUMNS: Final = {
    "user_id": "user",
    "session_id": "session",
    "request_id": "request",
    "service_name": "service",
    "response_model": "model",
    "error_type": "error",
}
_TAG: Final = "tag."
_CORRECTED: Final = frozenset({"price_status"})


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that spend is split by.

    Attributes:
        name: What it is called.
        expression: SQL over a call `c`, and what its corrections `a` say.
        parameters: The values that the expression names.
    """

    name: str
    expression: str
    parameters: dict[str, object] = field(default_factory=dict)

    @property
    def is_corrected(self) -> bool:
        """Whether it asks what the corrections of a call say."""
        return self.name in _CORRECTED


def dimension_of(name: str) -> Dimension:
    """Return the dimension that a name stands for.

    Args:
        name: One of `DIMENSIONS`, the column behind it, or `tag.<key>`.

    Raises:
        ConfigError: There is no such dimension; the message lists those that there are.
    """
    asked = name.strip().lower()
    if asked.startswith(_TAG) and len(asked) > len(_TAG):
        key = name.strip()[len(_TAG) :]
        parameter = f"tag_{key.encode().hex()}"
        return Dimension(f"{_TAG}{key}", f"c.tags[{{{parameter}:String}}]", {parameter: key})
    if expression := DIMENSIONS.get(_COLUMNS.get(asked, asked)):
        return Dimension(asked, expression)
    msg = f"there is no dimension {name.strip()!r}; there are {', '.join(DIMENSIONS)} and tag.<key>"
    raise ConfigError(msg)
