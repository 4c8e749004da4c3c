"""What `opentelemetry-instrument` calls. An exception here would abort the application's instrumentation."""

from __future__ import annotations

import logging


def pre_instrument() -> None:
    """Start the runtime before instrumentors are loaded."""
    try:
        from otel_llmcost.telemetry import runtime

        runtime.started()
    except Exception as error:  # noqa: BLE001 - entry point opentelemetry_pre_instrument: must not raise
        logging.getLogger("otel_llmcost").warning("calls are not recorded: %s: %s", type(error).__name__, error)
