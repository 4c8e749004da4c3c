"""What `LLMCOST_*` variables are read as, and that no text in them does harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_llmcost.attribution import Attribution
from otel_llmcost.telemetry.settings import Settings, settings_from

if TYPE_CHECKING:
    from pathlib import Path

NAMES = (
    "ENDPOINT", "HEADERS", "TRUST_INCOMING", "TAGS_HEADER", "MAX_QUEUE_SIZE", "SPOOL_MAX_BYTES", "SPOOL_FSYNC",
    "MAX_FEATURES", "MAX_TENANTS", "SUMMARY", "DATA_DIR", "FEATURE", "TEAM", "WORKLOAD",
)  # fmt: skip


def test_every_variable_is_read(tmp_path: Path) -> None:
    said = {
        "LLMCOST_DATA_DIR": str(tmp_path),
        "LLMCOST_ENDPOINT": "https://collector.example:4320/base/",
        "LLMCOST_HEADERS": "authorization=Bearer a=b, x-tenant=t",
        "LLMCOST_FEATURE": "nightly",
        "LLMCOST_TEAM": "growth",
        "LLMCOST_ENVIRONMENT": "staging",
        "LLMCOST_TENANT": "acme",
        "LLMCOST_AGENT": "planner",
        "LLMCOST_WORKLOAD": "batch",
        "LLMCOST_TRUST_INCOMING": "Yes",
        "LLMCOST_TAGS_HEADER": "X-Who-Pays",
        "LLMCOST_MAX_QUEUE_SIZE": "10",
        "LLMCOST_SPOOL_MAX_BYTES": "1000",
        "LLMCOST_SPOOL_FSYNC": "always",
        "LLMCOST_MAX_FEATURES": "3",
        "LLMCOST_MAX_TENANTS": "4",
        "LLMCOST_SUMMARY": "0",
    }

    assert settings_from(said) == Settings(
        data_dir=tmp_path,
        endpoint="https://collector.example:4320/base",
        headers=(("authorization", "Bearer a=b"), ("x-tenant", "t")),
        defaults=Attribution(
            feature="nightly", team="growth", environment="staging", tenant="acme", agent="planner", workload="batch"
        ),
        trusts_incoming=True,
        tags_header="x-who-pays",
        max_queue_size=10,
        max_spool_bytes=1000,
        fsync="always",
        max_features=3,
        max_tenants=4,
        shows_summary=False,
    )


def test_nothing_set_is_the_default(tmp_path: Path) -> None:
    expected = Settings(data_dir=tmp_path / ".local/share/llmcost", tags_header="x-llmcost-tags")
    assert settings_from({"HOME": str(tmp_path)}) == expected


@pytest.mark.parametrize("url", ["collector:4320", "ftp://c:1", "http://", "http://c:no", "http://[::1", "http://c:0"])
def test_an_endpoint_that_is_no_url_is_told_and_the_spool_taken(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert settings_from({"LLMCOST_ENDPOINT": url}).endpoint == ""
    assert caplog.messages == [
        f"LLMCOST_ENDPOINT={url!r} is not a URL such as http://collector:4318; taking '' instead"
    ]


@given(st.dictionaries(st.sampled_from([f"LLMCOST_{name}" for name in NAMES]), st.text(max_size=20)))
def test_no_text_raises(environ: dict[str, str]) -> None:
    """The instrumentation of a program starts with this, and an exception would abort it."""
    settings = settings_from({"HOME": "home", **environ})

    assert settings.max_queue_size > 0
    assert settings.fsync in ("always", "seal", "never")
