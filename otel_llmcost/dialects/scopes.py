"""Which scopes never tell of a call, and by which words a span is known that may: asked of every span there is."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from otel_llmcost import semconv

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_SCOPES: Final = 4096

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

_WORDS: Final = (semconv.GEN_AI_PREFIX, "openinference.", "langfuse.observation.", "ai.operationId", "llm.")


@lru_cache(MAX_SCOPES)
def is_silent(scope_name: str) -> bool:
    """Tell whether a scope tells of no calls of others: it is about something else, or it is ours."""
    return scope_name.startswith((semconv.SCOPE_PREFIX, *_SILENT))


def may_tell(attributes: Iterable[str]) -> bool:
    """Tell whether a span may be a call, by the names of its attributes alone."""
    return any(name.startswith(_WORDS) for name in attributes)
