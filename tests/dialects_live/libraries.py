"""The libraries that are run. Those that get on with each other and with our pins share an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from tests.dialects_live import set_ups
from tests.dialects_live.set_ups import instrumentors
from tests.support import clouds
from tests.support.exchanges import PATHS

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import TracerProvider

    from tests.dialects_live.set_ups import Ask


ALL: Final = frozenset({"*"})


class Environment(NamedTuple):
    """Where libraries are installed.

    Attributes:
        name: Its directory under `.build/bench/`.
        requirements: What is installed.
        unpinned: Packages that are not at the versions of `constraints.txt`, since these libraries do not admit them.
    """

    name: str
    requirements: tuple[str, ...]
    unpinned: frozenset[str] = frozenset()


class Library(NamedTuple):
    """One of them.

    Attributes:
        title: Its name for readers, with the versions that are installed.
        dialect: The dialect in which its spans are read.
        set_up: Puts it to work in a process.
        environment: Where it is installed.
        providers: Whose exchanges it can see.
        paths: How the paths end whose exchanges it can see.
        runs_beside: Whether it is run beside us, too.
    """

    title: str
    dialect: str
    set_up: Callable[[TracerProvider], Ask]
    environment: Environment
    providers: tuple[str, ...] = ("openai", "anthropic")
    paths: tuple[str, ...] = PATHS
    runs_beside: bool = True


_SDKS: Final = ("openai", "anthropic")
_SHARED: Final = Environment(
    "dialects",
    (
        "opentelemetry-instrumentation-genai-openai==1.3b0",
        "opentelemetry-instrumentation-genai-anthropic==1.3b0",
        "opentelemetry-instrumentation-openai==0.62.4",
        "opentelemetry-instrumentation-anthropic==0.62.4",
        "openinference-instrumentation-openai==0.1.66",
        "openinference-instrumentation-anthropic==3.1.0",
        *_SDKS,
    ),
)
_OPENLIT: Final = Environment(
    "openlit",
    (
        "openlit==1.45.0",
        "openai==2.54.0",
        "anthropic==0.125.0",
        # What these need are previews, which pip takes only where they are named.
        "opentelemetry-sdk==1.45.1",
        "opentelemetry-instrumentation==0.66b1",
        "opentelemetry-exporter-http-transport==0.66b1",
        "opentelemetry-exporter-otlp-common==0.66b1",
    ),
    ALL,
)
_LOGFIRE: Final = Environment("logfire", ("logfire==5.2.0", "pydantic-ai-slim[openai,anthropic]==2.68.0", *_SDKS))
_LANG: Final = Environment("langfuse", ("langfuse==5.0.4", "langsmith[otel]==0.15.0", *_SDKS))
_LITELLM: Final = Environment("litellm", ("litellm==1.106.2", "openai==2.54.0", "mcp"), ALL)
_CLOUDS: Final = Environment(
    "clouds",
    (
        "opentelemetry-instrumentation-botocore==0.66b2",
        "opentelemetry-instrumentation-genai-bedrock==1.3b0",
        "opentelemetry-instrumentation-google-genai==1.3b0",
        "opentelemetry-util-genai==1.3b0",
        "opentelemetry-instrumentation-bedrock==0.62.4",
        "opentelemetry-instrumentation-google-generativeai==0.62.4",
        "openinference-instrumentation-bedrock==0.1.61",
        "openinference-instrumentation-google-genai==1.4.14",
        "openinference-instrumentation-mistralai==2.2.2",
        "boto3",
        "google-genai",
        "mistralai",
    ),
)
_NODE: Final = Environment("node", ())
_WITHOUT_EMBEDDINGS: Final = tuple(path for path in PATHS if not path.endswith("/embeddings"))

LIBRARIES: Final = {
    "sdk": Library("the anthropic SDK itself 2.12", "sdk", set_ups.bare, _SHARED, ("anthropic",), runs_beside=False),
    "opentelemetry": Library(
        "OpenTelemetry genai 1.3b0",
        "opentelemetry",
        instrumentors(
            "opentelemetry.instrumentation.genai.openai:OpenAIInstrumentor",
            "opentelemetry.instrumentation.genai.anthropic:AnthropicInstrumentor",
        ),
        _SHARED,
    ),
    "openllmetry": Library(
        "OpenLLMetry 0.62.4",
        "openllmetry",
        instrumentors(
            "opentelemetry.instrumentation.openai:OpenAIInstrumentor",
            "opentelemetry.instrumentation.anthropic:AnthropicInstrumentor",
        ),
        _SHARED,
    ),
    "openinference": Library(
        "OpenInference openai 0.1.66, anthropic 3.1.0",
        "openinference",
        instrumentors(
            "openinference.instrumentation.openai:OpenAIInstrumentor",
            "openinference.instrumentation.anthropic:AnthropicInstrumentor",
        ),
        _SHARED,
    ),
    "mistral": Library("the mistralai SDK itself 3.7", "sdk", set_ups.mistral, _CLOUDS, ("mistral",), clouds.MISTRAL),
    "botocore": Library(
        "OpenTelemetry botocore 0.66b2",
        "opentelemetry",
        instrumentors("opentelemetry.instrumentation.botocore:BotocoreInstrumentor", ask=clouds.run),
        _CLOUDS,
        ("bedrock",),
        clouds.BEDROCK,
    ),
    "opentelemetry-clouds": Library(
        "OpenTelemetry genai-bedrock, google-genai 1.3b0",
        "opentelemetry",
        instrumentors(
            "opentelemetry.instrumentation.genai.bedrock:BedrockInstrumentor",
            "opentelemetry.instrumentation.google_genai:GoogleGenAiSdkInstrumentor",
            ask=clouds.run,
        ),
        _CLOUDS,
        ("bedrock", "gemini", "vertex"),
        (*clouds.BEDROCK, *clouds.GOOGLE),
    ),
    "openllmetry-clouds": Library(  # its package for mistralai knows 1.x alone
        "OpenLLMetry bedrock, google-generativeai 0.62.4",
        "openllmetry",
        instrumentors(
            "opentelemetry.instrumentation.bedrock:BedrockInstrumentor",
            "opentelemetry.instrumentation.google_generativeai:GoogleGenerativeAiInstrumentor",
            ask=clouds.run,
        ),
        _CLOUDS,
        ("bedrock", "gemini", "vertex"),
        (*clouds.BEDROCK, *clouds.GOOGLE),
    ),
    "openinference-clouds": Library(
        "OpenInference bedrock 0.1.61, google-genai 1.4.14, mistralai 2.2.2",
        "openinference",
        instrumentors(
            "openinference.instrumentation.bedrock:BedrockInstrumentor",
            "openinference.instrumentation.google_genai:GoogleGenAIInstrumentor",
            "openinference.instrumentation.mistralai:MistralAIInstrumentor",
            ask=clouds.run,
        ),
        _CLOUDS,
        ("bedrock", "gemini", "vertex", "mistral"),
        (*clouds.BEDROCK, *clouds.GOOGLE, *clouds.MISTRAL),
    ),
    "openlit": Library("OpenLIT 1.45.0", "openlit", set_ups.openlit, _OPENLIT),
    "logfire": Library("Logfire 5.2.0", "logfire", set_ups.logfire, _LOGFIRE),
    "pydantic-ai": Library(
        "pydantic-ai 2.68.0", "pydantic-ai", set_ups.pydantic_ai, _LOGFIRE, paths=_WITHOUT_EMBEDDINGS
    ),
    "langfuse": Library("Langfuse 5.0.4", "langfuse", set_ups.langfuse, _LANG, ("openai",)),
    "langsmith": Library("LangSmith 0.15.0", "langsmith", set_ups.langsmith, _LANG),
    "vercel-5": Library("Vercel AI SDK 5.0.277", "vercel-ai", set_ups.vercel("5"), _NODE, runs_beside=False),
    "vercel-6": Library("Vercel AI SDK 6.0.326", "vercel-ai", set_ups.vercel("6"), _NODE, runs_beside=False),
    "vercel-7": Library("Vercel AI SDK 7.0.173", "vercel-ai", set_ups.vercel("7"), _NODE, runs_beside=False),
    "vercel-7-details": Library(
        "Vercel AI SDK 7.0.173 with `usage` and `providerMetadata`",
        "vercel-ai",
        set_ups.vercel("7", "details"),
        _NODE,
        runs_beside=False,
    ),
    "vercel-7-legacy": Library(
        "Vercel AI SDK 7.0.173, `LegacyOpenTelemetry`",
        "vercel-ai",
        set_ups.vercel("7", "legacy"),
        _NODE,
        runs_beside=False,
    ),
    "litellm": Library("LiteLLM 1.106.2", "litellm", set_ups.litellm, _LITELLM),
}
