"""One pricing engine in its own environment, which prices on command: `python -m tests.bench.pricing_worker SUBJECT`.

For each line of JSON on its input it answers one line. `know` is told names and answers which of them have a price;
`load` is told what to price; `price` says the CPU seconds that so many calls took. Only the subject itself and the
standard library are imported, so that it runs where we are not installed.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from importlib.metadata import version
from typing import Any

OURS = "otel-llmcost"
_GENAI = {
    "gcp.gemini": "google",
    "x_ai": "x-ai",
    "mistral_ai": "mistral",
    "azure.ai.openai": "azure",
    "aws.bedrock": "aws",
}
_LITELLM = {"gcp.gemini": "gemini", "x_ai": "xai", "mistral_ai": "mistral", "azure.ai.openai": "azure"}
_LITELLM |= {"aws.bedrock": "bedrock", "together": "together_ai", "fireworks": "fireworks_ai"}


class GenaiPrices:
    """`calc_price` with a `Usage` made for each call, as its documentation shows."""

    package = "genai-prices"

    def __init__(self) -> None:
        from genai_prices import Usage, calc_price

        self._usage, self._price = Usage, calc_price

    def price(self, provider: str, model: str, counts: tuple[int, int, int]) -> Any:
        read, cached, written = counts
        usage = self._usage(input_tokens=read, cache_read_tokens=cached, output_tokens=written)
        return self._price(usage, model_ref=model, provider_id=_GENAI.get(provider, provider)).total_price


class LiteLLM:
    """`cost_per_token` with whole numbers."""

    package = "litellm"

    def __init__(self) -> None:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm
        from litellm import cost_per_token

        litellm.suppress_debug_info = True
        self._price = cost_per_token

    def price(self, provider: str, model: str, counts: tuple[int, int, int]) -> Any:
        read, cached, written = counts
        return self._price(
            model=model,
            custom_llm_provider=_LITELLM.get(provider, provider),
            prompt_tokens=read,
            completion_tokens=written,
            cache_read_input_tokens=cached,
        )


class Rival:
    def __init__(self, engine: Any) -> None:
        self._engine, self._calls = engine, []

    def about(self) -> dict[str, Any]:
        return {"version": version(self._engine.package)}

    def know(self, names: list[tuple[str, str]]) -> list[bool]:
        return [self._knows(provider, model) for provider, model in names]

    def load(self, calls: list[Any]) -> None:
        self._calls = [(provider, model, tuple(counts)) for provider, model, counts in calls]

    def price(self, calls: int, how: str) -> float:
        del how
        price, told = self._engine.price, self._calls[:calls]
        gc.collect()
        start = time.process_time()
        for provider, model, counts in told:
            price(provider, model, counts)
        return time.process_time() - start

    def _knows(self, provider: str, model: str) -> bool:
        try:
            self._engine.price(provider, model, (1337, 1024, 212))
        except Exception:  # noqa: BLE001 - each says in its own way that it knows nothing
            return False
        return True


class Ours:
    """The kernel by column and by call, and the scalar engine."""

    def __init__(self) -> None:
        from otel_llmcost.pricing import Pricer, load_rate_table

        self._pricer = Pricer(load_rate_table())
        self._kernel = self._new_kernel()

    def about(self) -> dict[str, Any]:
        return {"version": self._pricer.table.version}

    def know(self, names: list[tuple[str, str]]) -> list[bool]:
        self.load([(*name, (1337, 1024, 212)) for name in names])
        return [self._pricer.price(call).status.value == "priced" for call in self._calls]

    def load(self, calls: list[Any]) -> None:
        import numpy as np

        from otel_llmcost.call import LLMCall
        from otel_llmcost.pricing.pricer import KIND
        from otel_llmcost.usage import Usage

        self._calls = [
            LLMCall(
                trace_id="1" * 32,
                span_id="1" * 16,
                provider=provider,
                request_model=model,
                started_at_ns=1_795_000_000_000_000_000 + number,
                usage=Usage(input_tokens=counts[0], cache_read_tokens=counts[1], output_tokens=counts[2]),
            )
            for number, (provider, model, counts) in enumerate(calls)
        ]
        self._texts = {name: [getattr(call, name) for call in self._calls] for name in KIND}
        self._starts = np.array([call.started_at_ns for call in self._calls], np.int64)
        names = ("input_tokens", "cache_read_tokens", "output_tokens")
        self._counts = {name: np.array([counts[at] for *_, counts in calls], np.int64) for at, name in enumerate(names)}

    def price(self, calls: int, how: str) -> float:
        do = getattr(self, f"_{how}")
        if how == "cold":
            self._forget()
        gc.collect()
        start = time.process_time()
        do(calls)
        return time.process_time() - start

    def _columns(self, calls: int) -> None:
        from otel_llmcost.pricing.kernel import CallColumns

        told = CallColumns(
            kinds=list(zip(*(column[:calls] for column in self._texts.values()), strict=True)),
            started_at_ns=self._starts[:calls],
            counts={name: column[:calls] for name, column in self._counts.items()},
        )
        answer = self._kernel.price_columns(told)
        assert not answer.by_engine

    _cold = _columns

    def _batch(self, calls: int) -> None:
        list(self._kernel.price(self._calls[:calls]).each())

    def _scalar(self, calls: int) -> None:
        price = self._pricer.price
        for call in self._calls[:calls]:
            price(call)

    def _forget(self) -> None:
        """Begin with a table, a pricer and a kernel that nobody has asked anything yet."""
        from otel_llmcost.pricing import Pricer, RateTable

        table = self._pricer.table
        self._pricer = Pricer(RateTable(table.models, version=table.version, built_from=table.built_from))
        self._kernel = self._new_kernel()

    def _new_kernel(self) -> Any:
        from otel_llmcost.pricing.kernel import Kernel

        return Kernel(self._pricer)


SUBJECTS = {OURS: Ours, "genai-prices": lambda: Rival(GenaiPrices()), "litellm": lambda: Rival(LiteLLM())}


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr  # what a package prints is no answer
    subject = SUBJECTS[sys.argv[1]]()
    for line in sys.stdin:
        asked = json.loads(line)
        answer = getattr(subject, asked.pop("job"))(**asked)
        out.write(json.dumps(answer) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
