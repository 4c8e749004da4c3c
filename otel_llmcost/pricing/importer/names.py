"""The names of a model: what the package's match clauses spell out, less what they only hint at."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genai_prices.types import ModelInfo, Provider

_HALF_A_DATE: Final = re.compile(r"-20\d\d-?$")
_BEDROCK_VERSION: Final = re.compile(r"-v\d+(:\d+)?$")
_GOOGLE_STABLE: Final = re.compile(r"gemini-[12]\.\d-[a-z-]*[a-z]$")
_REGIONAL: Final = "regional."
_FINE_TUNED: Final = "ft:"
_TUNED_IN_PLACE: Final = ".ft-"

_MORE_NAMES: Final = {
    "claude-2": ("claude-2.0", "claude-2.1"),
    "claude-3-5-sonnet": ("claude-3-5-sonnet-v2",),
    "computer-use": ("computer-use-preview",),
    "ft:gpt-3.5-turbo-": ("ft:gpt-3.5-turbo-0125", "ft:gpt-3.5-turbo-0613", "ft:gpt-3.5-turbo-1106"),
    "gemini-2.5-flash-lite": ("gemini-2.5-flash-lite-preview-06-17", "gemini-2.5-flash-lite-preview-09-2025"),
    "gemini-2.5-pro": ("gemini-2.5-pro-preview-05-06", "gemini-2.5-pro-preview-06-05"),
    "magistral-medium": ("magistral-medium-2506", "magistral-medium-2507", "magistral-medium-2509"),
    "magistral-small": ("magistral-small-2506", "magistral-small-2507", "magistral-small-2509"),
    "moderation": ("omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest"),
}
"""Names that a prefix or substring clause stands for and that no rule of ours finds."""


def names_of(model: ModelInfo, provider: Provider, all_providers: list[Provider]) -> list[str]:
    """Return every name, in lower case, that the package too would lead to `model` when asked of `provider`.

    The model's own id is among them unless it is the package's invention, such as `regional.…`.
    """
    candidates = {name.strip().lower() for name in _candidates(model, provider.id)}
    return sorted(name for name in candidates if _leads_to(model, name, provider, all_providers))


def _leads_to(model: ModelInfo, name: str, provider: Provider, all_providers: list[Provider]) -> bool:
    found = provider.find_model(name, all_providers=all_providers)
    if found is None:
        return name == model.id.lower()
    return found is model and name.startswith(_FINE_TUNED) == model.id.startswith(_FINE_TUNED)


def _candidates(model: ModelInfo, provider_id: str) -> Iterator[str]:
    for name in (own_name(model.id), *_spelled_out(model.match), *_MORE_NAMES.get(model.id, ())):
        if not name or _TUNED_IN_PLACE in name:
            continue
        yield name
        if provider_id == "aws":
            yield from _bedrock_versions(name, model.id)
        if provider_id == "google" and _GOOGLE_STABLE.fullmatch(name):
            yield from (f"{name}-001", f"{name}-002")


def own_name(model_id: str) -> str:
    """Return the package's id of a model without what the package put there itself."""
    return model_id.removeprefix(_REGIONAL).rstrip("-")


def _spelled_out(clause: Any) -> Iterator[str]:
    """Yield what a clause spells out. A regular expression spells out nothing: ours of dates takes its place."""
    for branch in (*getattr(clause, "or_", ()), *getattr(clause, "and_", ())):
        yield from _spelled_out(branch)
    if name := getattr(clause, "equals", ""):
        yield name
    for kind in ("starts_with", "ends_with", "contains"):
        if name := getattr(clause, kind, ""):
            yield _HALF_A_DATE.sub("", name).strip("-@/")


def _bedrock_versions(name: str, model_id: str) -> Iterator[str]:
    """Yield a Bedrock name with the version that requests carry: `…-v1` means `…-v1:0`."""
    if re.search(r"-v\d+$", name):
        yield f"{name}:0"
    elif not _BEDROCK_VERSION.search(name):
        version = _BEDROCK_VERSION.search(model_id)
        yield name + (version[0] if version else "-v1:0")
