"""Which dialect a scope speaks: decided once for each scope, by the longest beginning of its name that is known."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv
from otel_llmcost.dialects import (
    coding_agents,
    conventions,
    langfuse,
    langsmith,
    litellm,
    logfire,
    openinference,
    openlit,
    openllmetry,
    opentelemetry,
    sdk,
    vercel_ai,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from otel_llmcost.call import LLMCall
    from otel_llmcost.dialects.telling import Telling

    Reader = Callable[[Telling], LLMCall | None]

MAX_SCOPES: Final = 4096

_READERS: Final[dict[str, Reader]] = {
    **{
        scope: dialect.read
        for dialect in (
            langfuse, langsmith, litellm, logfire, openinference, openlit, openllmetry, opentelemetry, sdk,
        )
        for scope in dialect.SCOPES
    },
    **dict.fromkeys(coding_agents.SCOPES, coding_agents.read_span),
}  # fmt: skip
_WHOLE_NAMES: Final[dict[str, Reader]] = dict.fromkeys(vercel_ai.SCOPES, vercel_ai.read)
_SILENT: Final = tuple(
    f"opentelemetry.instrumentation.{package}"
    for package in (
        "aiohttp", "aio_pika", "asgi", "asyncio", "asyncpg", "aws_lambda", "celery", "confluent_kafka", "dbapi",
        "django", "elasticsearch", "falcon", "fastapi", "flask", "grpc", "httpx", "jinja2", "kafka", "logging", "mysql",
        "pika", "psycopg", "pymongo", "pymysql", "pyramid", "redis", "requests", "sqlalchemy", "sqlite3", "starlette",
        "threading", "tornado", "tortoiseorm", "urllib", "wsgi",
    )
)  # fmt: skip
"""Instrumentations of everything but LLMs."""


@lru_cache(MAX_SCOPES)
def reader_of(scope_name: str) -> Reader | None:
    """Return what reads the spans of a scope, None for a scope that never tells of calls, and for our own."""
    if scope_name.startswith((semconv.SCOPE_PREFIX, *_SILENT)):
        return None
    if whole := _WHOLE_NAMES.get(scope_name):
        return whole
    known = max((start for start in _READERS if scope_name.startswith(start)), key=len, default=None)
    return _READERS[known] if known else conventions.read


def may_tell(scope_name: str, attributes: Iterable[str]) -> bool:
    """Tell whether a span may be a call, by its scope and the names of its attributes, before anything is decoded."""
    reader = reader_of(scope_name)
    if reader is not conventions.read:
        return reader is not None
    return any(name.startswith(_TELLING) for name in attributes)


_TELLING: Final = (semconv.GEN_AI_PREFIX, openinference.KIND)
