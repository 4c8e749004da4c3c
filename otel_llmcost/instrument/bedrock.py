"""Bedrock's runtime, through botocore (boto3 and all that stands on it) and aiobotocore.

`_make_api_call` frames a call with its retries, `_make_request` below it shows the exchange: what was sent, and the
HTTP response of the last try. Other services of AWS pass both untouched.
"""

from __future__ import annotations

import json
import re
import weakref
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from otel_llmcost.instrument._aws_body import DocumentReader, FrameReader, read_answer, told_by_headers, watch
from otel_llmcost.instrument._call import Asked, OpenCall, in_progress, note_fault
from otel_llmcost.instrument._instrumentor import Instrumentor
from otel_llmcost.instrument._patch import ModulePatch
from otel_llmcost.providers.bedrock import EMBEDDINGS, SURFACES
from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.providers.reading import section, word
from otel_llmcost.telemetry import runtime
from otel_llmcost.usage import UsageQuality

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Tracer

_SERVICE: Final = "bedrock-runtime"
_PROVIDER: Final = "aws.bedrock"
_OPERATIONS: Final = {
    "Converse": SURFACES["/converse"],
    "ConverseStream": SURFACES["/converse-stream"],
    "InvokeModel": SURFACES["/invoke"],
    "InvokeModelWithResponseStream": SURFACES["/invoke-with-response-stream"],
}
_STREAMS: Final = frozenset({"ConverseStream", "InvokeModelWithResponseStream"})
_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:bedrock:[a-z0-9-]*:(?P<account>\d*):(?P<kind>[a-z-]+)/(?P<name>[^:]+)(?::(?P<version>.+))?"
)
_LIMITS: Final = ("max_tokens", "max_completion_tokens", "max_gen_len", "maxTokenCount", "max_new_tokens", "maxTokens")
"""How the models of InvokeModel call the most that they may generate."""

_LIMIT_SECTIONS: Final = ("textGenerationConfig", "inferenceConfig")
MAX_REQUEST_BYTES: Final = 64 * 1024
"""A body of InvokeModel above that is not decoded to learn its limit and its prompt."""


class Place(NamedTuple):
    """Whom a client asks.

    Attributes:
        endpoint: The client's address.
        host: Its host.
        provider_source: Whether the host tells that it is Bedrock, or only the SDK.
        region: The client's region.
        credential: Its access key, where it is one that lasts; the key of a role is another every hour.
    """

    endpoint: str
    host: str
    provider_source: str
    region: str
    credential: str


class _Patch(ModulePatch):
    """The patch of both kinds of client."""

    def __init__(self) -> None:
        super().__init__("bedrock", "botocore.client", "aiobotocore.client")
        self._places: weakref.WeakKeyDictionary[Any, Place] = weakref.WeakKeyDictionary()

    def wrap(self, module: Any) -> None:
        """Replace the choke point of the module's client."""
        if module.__name__ == "botocore.client":
            self.replace(module.BaseClient, "_make_api_call", self.framed(self._begin, _answered))
            self.replace(module.BaseClient, "_make_request", self._request)
        else:
            self.replace(module.AioBaseClient, "_make_api_call", self.framed_async(self._begin, _answered))
            self.replace(module.AioBaseClient, "_make_request", self._async_request)

    def _begin(self, client: Any, operation_name: str, api_params: Mapping[str, Any]) -> BedrockCall | None:
        """Return the call that begins here; None for what is no call of a model."""
        surface = _OPERATIONS.get(operation_name)
        if surface is None or self.tracer is None or not _is_bedrock(client):
            return None
        model = word(api_params, "modelId")
        place = self._place(client)
        body = api_params if operation_name.startswith("Converse") else _decoded(api_params.get("body"))
        is_embedding = operation_name == "InvokeModel" and "embed" in model
        asked = Asked(
            surface=EMBEDDINGS if is_embedding else surface,
            provider=_PROVIDER,
            provider_source=place.provider_source,
            server_address=place.host,
            base_url=place.endpoint,
            model=model,
            is_stream=operation_name in _STREAMS,
            max_output_tokens=_limit(body),
            service_tier=word(section(api_params, "serviceTier"), "type") or word(api_params, "serviceTier"),
            region=place.region,
            body=body,
            credential=place.credential,
        )
        return BedrockCall(runtime.started(), self.tracer, asked, self.scope)

    def _place(self, client: Any) -> Place:
        """Return whom a client asks, worked out once."""
        place = self._places.get(client)
        if place is None:
            endpoint = client.meta.endpoint_url
            host = urlsplit(endpoint).hostname or ""
            source = "host" if provider_at(host) == _PROVIDER else "sdk"
            place = Place(endpoint, host, source, client.meta.region_name or "", _lasting_key(client))
            self._places[client] = place
        return place

    # --- the exchange ---

    def _request(self, original: Any) -> Any:
        def make_request(client: Any, operation_model: Any, request_dict: Any, request_context: Any) -> Any:
            call = _call_of(client)
            if call is None:
                return original(client, operation_model, request_dict, request_context)
            try:
                http, parsed = original(client, operation_model, request_dict, request_context)
            finally:
                call.sent(request_dict, request_context)
            call.see(http, parsed, http.content if call.comes_whole else None)
            return http, parsed

        return make_request

    def _async_request(self, original: Any) -> Any:
        async def make_request(client: Any, operation_model: Any, request_dict: Any, request_context: Any) -> Any:
            call = _call_of(client)
            if call is None:
                return await original(client, operation_model, request_dict, request_context)
            try:
                http, parsed = await original(client, operation_model, request_dict, request_context)
            finally:
                call.sent(request_dict, request_context)
            call.see(http, parsed, await http.content if call.comes_whole else None)
            return http, parsed

        return make_request


class BedrockCall(OpenCall):
    """A call under way.

    Args:
        process: Where its record goes.
        tracer: Where its span goes.
        asked: What the request tells.
        scope: Name and version of the instrumentation scope.

    Attributes:
        comes_whole: Whether botocore reads the answer's body itself.
    """

    def __init__(self, process: runtime.Runtime, tracer: Tracer, asked: Asked, scope: tuple[str, str]) -> None:
        super().__init__(process, tracer, asked, scope)
        self._later = process.pipeline.later
        self._error_code = ""
        self.comes_whole = asked.surface is _OPERATIONS["Converse"]
        if arn := _ARN.fullmatch(asked.model):
            self.record.billing_account_id = arn["account"]
            if arn["kind"] == "prompt":
                self.record.prompt_name, self.record.prompt_version = arn["name"], arn["version"] or ""

    def sent(self, request: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        """Note what was sent, and how often."""
        try:
            self._sent(request, context)
        except Exception as error:  # noqa: BLE001 - the application gets its answer, or the error of AWS
            note_fault("reading a request of bedrock", error)

    def _sent(self, request: Mapping[str, Any], context: Mapping[str, Any]) -> None:
        retries = context.get("retries") or {}
        body = request.get("body")
        sent_bytes = len(body) if isinstance(body, bytes | bytearray) else None
        self.answered("", max(retries.get("attempt", 1) - 1, 0), sent_bytes)

    def see(self, http: Any, parsed: Mapping[str, Any], body: bytes | None) -> None:
        """Read an answer that is here as a whole, or watch one that is still coming.

        Args:
            http: The HTTP response as botocore knows it.
            parsed: What botocore made of it.
            body: The body; None where the application is to read it.
        """
        try:
            metadata = section(parsed, "ResponseMetadata") or {}
            self.record.provider_request_id = word(metadata, "RequestId")
            if http.status_code >= 300:  # noqa: PLR2004 - as botocore tells errors from answers
                self._error_code = word(section(parsed, "Error"), "Code")
                return
            self.record.response_model = self.asked.model
            self._see(http.raw, section(metadata, "HTTPHeaders") or {}, body)
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault("reading an answer of bedrock", error)

    def _see(self, raw: Any, headers: Mapping[str, str], body: bytes | None) -> None:
        if body is not None:
            self.read(*read_answer(self, body, headers))
            return
        if not self.asked.is_stream:
            self.mark_end()  # the answer is here but for reading it
        if self.asked.surface is EMBEDDINGS and (told := told_by_headers(self, headers)).usage is not None:
            self.read(told, UsageQuality.REPORTED)  # without decoding all the numbers
            return
        self.read(told_by_headers(self, headers), UsageQuality.PARTIAL)  # all there is if it cannot be watched
        reader = FrameReader(self, headers) if self.asked.is_stream else DocumentReader(self, headers)
        watch(raw, reader, self._later)
        self.awaits_body = True

    def finish(self) -> None:
        """Name an error by the code that AWS gives it, where botocore has no class for it; then as any call."""
        if self.record.error_type == "ClientError":
            self.record.error_type = self._error_code or "ClientError"
        super().finish()


def _answered(_call: OpenCall, result: Any) -> Any:
    """Return the result as it is: what it tells was seen below."""
    return result


def _is_bedrock(client: Any) -> bool:
    return bool(client.meta.service_model.service_name == _SERVICE)


def _call_of(client: Any) -> BedrockCall | None:
    """Return the call that a client is busy with. Inside it, other services are asked too, for credentials."""
    try:
        call = in_progress.get()
        return call if isinstance(call, BedrockCall) and _is_bedrock(client) else None
    except Exception as error:  # noqa: BLE001 - the application's call goes on
        note_fault("recording a call of bedrock", error)
        return None


def _lasting_key(client: Any) -> str:
    """Return the access key of a client's static credentials. Others would be fetched by asking for it."""
    credentials = getattr(getattr(client, "_request_signer", None), "_credentials", None)
    key = vars(credentials).get("access_key") if credentials is not None else None
    return key if isinstance(key, str) and not vars(credentials).get("token") else ""


def _decoded(body: object) -> Mapping[str, Any]:
    """Return the body of InvokeModel, if it is a small JSON object."""
    if not isinstance(body, str | bytes | bytearray) or len(body) > MAX_REQUEST_BYTES:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _limit(body: Mapping[str, Any]) -> int | None:
    """Return the most that may be generated, in whichever words the model has for it."""
    for holder in (body, section(body, *_LIMIT_SECTIONS)):
        for name in _LIMITS:
            limit = holder.get(name) if holder else None
            if isinstance(limit, int):
                return limit
    return None


class BedrockInstrumentor(Instrumentor):
    """Instruments every Bedrock runtime client of `botocore`, `boto3` and `aiobotocore`."""

    name = "bedrock"
    requires = "botocore >= 1.34.131"
    tested = "1.43.117"
    patch = _Patch()
