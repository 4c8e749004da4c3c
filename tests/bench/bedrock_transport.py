"""Bedrock inside the process: a real boto3 client whose requests are answered from memory, as the HTTP of an answer."""

from __future__ import annotations

import io
import json
from http.client import HTTPResponse
from typing import Any

import boto3
import urllib3
from botocore.awsrequest import AWSResponse

from tests.support.eventstream import frame

_EVENT_STREAM = "application/vnd.amazon.eventstream"


class Provider:
    """Answers every call.

    Args:
        input_tokens: What it counts in every prompt; none of them are cached, which the others count differently.

    Attributes:
        client: What asks it.
        chunks: How many pieces of text the next streams have.
    """

    def __init__(self, input_tokens: int) -> None:
        usage = {"inputTokens": input_tokens, "outputTokens": 212, "totalTokens": input_tokens + 212}
        text = "In October the price of your plan rose, and two seats were added on the third of the month. " * 4
        self.chunks = 1
        self._usage = usage
        self._whole = _http(
            json.dumps(
                {
                    "metrics": {"latencyMs": 812},
                    "output": {"message": {"role": "assistant", "content": [{"text": text}]}},
                    "stopReason": "end_turn",
                    "usage": usage,
                }
            ).encode()
        )
        self._streams: dict[int, bytes] = {}
        self.client = boto3.client(
            "bedrock-runtime", region_name="us-east-1", aws_access_key_id="AKIANONE", aws_secret_access_key="none"
        )
        self.client.meta.events.register("before-send.bedrock-runtime", self._answer)

    def _answer(self, request: Any, **_: Any) -> AWSResponse:
        raw = self._stream() if request.url.endswith("-stream") else self._whole
        message = HTTPResponse(_Socket(raw), method="POST")
        message.begin()
        response = urllib3.HTTPResponse(
            message,
            list(message.headers.items()),
            200,
            preload_content=False,
            original_response=message,
            decode_content=False,
        )
        return AWSResponse(request.url, 200, response.headers, response)

    def _stream(self) -> bytes:
        if self.chunks not in self._streams:
            delta = frame("contentBlockDelta", {"delta": {"text": " invoice"}, "contentBlockIndex": 0, "p": "abcdefgh"})
            self._streams[self.chunks] = _chunked(
                [
                    frame("messageStart", {"role": "assistant", "p": "abc"}),
                    *[delta] * self.chunks,
                    frame("contentBlockStop", {"contentBlockIndex": 0, "p": "abc"}),
                    frame("messageStop", {"stopReason": "end_turn", "p": "abc"}),
                    frame("metadata", {"usage": self._usage, "metrics": {"latencyMs": 812}, "p": "abc"}),
                ]
            )
        return self._streams[self.chunks]


class _Socket:
    """What `http.client` reads an answer from."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._raw)


def _http(body: bytes) -> bytes:
    return _head("application/json", f"content-length: {len(body)}") + body


def _chunked(frames: list[bytes]) -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in frames)
    return _head(_EVENT_STREAM, "transfer-encoding: chunked") + body + b"0\r\n\r\n"


def _head(content_type: str, framing: str) -> bytes:
    said = ("HTTP/1.1 200 OK", f"content-type: {content_type}", "x-amzn-requestid: 5b1a3c2e-0000-4000-8000", framing)
    return "\r\n".join((*said, "", "")).encode()
