"""The results of Gemini's batches: inline in what is told of a job, or in a file that is downloaded.

`BaseApiClient.request` brings the job, `download_file` the file; a line of it looks like an inline result. Vertex AI
writes results to Cloud Storage, where other clients read them: `llmcost backfill` bills those.
"""

from __future__ import annotations

import json
import os
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from otel_llmcost.instrument._call import note_fault
from otel_llmcost.instrument._deferred import MAX_REMEMBERED, Deferred
from otel_llmcost.instrument._lines import LineReader
from otel_llmcost.instrument._patch import ModulePatch
from otel_llmcost.providers.deferred import Job, is_result, unix_ns
from otel_llmcost.providers.hosts import provider_at
from otel_llmcost.providers.reading import objects, section, word
from otel_llmcost.telemetry import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from otel_llmcost.call import LLMCall

_INLINE: Final = ("inlinedResponses", "inlinedEmbedContentResponses")
"""Under which names of a job's output its results stand, twice nested."""

_PROVIDER: Final = "gcp.gemini"
_PIECE_BYTES: Final = 1024 * 1024


class BatchPatch(ModulePatch):
    """The patch of what brings the results of batches, on or off."""

    def __init__(self) -> None:
        super().__init__("google_genai", "google.genai._api_client")
        self.deferred = Deferred(self.scope)
        self._jobs: dict[str, Job] = {}

    def wrap(self, module: Any) -> None:
        """Replace what fetches jobs and downloads files, as far as a release has it."""
        client = module.BaseApiClient
        for name, around in (
            ("request", self._fetching),
            ("async_request", self._async_fetching),
            ("download_file", self._downloading),
            ("async_download_file", self._async_downloading),
        ):
            if name in vars(client):
                self.replace(client, name, around)

    def remove(self) -> None:
        """Undo the patch, and forget what was learned."""
        super().remove()
        self.deferred = Deferred(self.scope)
        self._jobs.clear()

    # --- jobs ---

    def _fetching(self, original: Any) -> Any:
        def request(client: Any, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
            response = original(client, method, path, *args, **kwargs)
            self._fetched(client, method, path, response)
            return response

        return request

    def _async_fetching(self, original: Any) -> Any:
        async def request(client: Any, method: str, path: str, *args: Any, **kwargs: Any) -> Any:
            response = await original(client, method, path, *args, **kwargs)
            self._fetched(client, method, path, response)
            return response

        return request

    def _fetched(self, client: Any, method: str, path: str, response: Any) -> None:
        """Tell of the inline results of a job, or of each of a list of jobs, and remember whose file is whose."""
        try:
            if method != "get" or not path.startswith("batches") or not self.is_on:
                return
            document = json.loads(response.body)
            for job in objects(document, "operations") or [document]:
                self._job(client, job)
        except Exception as error:  # noqa: BLE001 - the application's call goes on
            note_fault("reading a batch of google_genai", error)

    def _job(self, client: Any, operation: Mapping[str, Any]) -> None:
        told = section(operation, "metadata") or {}
        output = section(told, "output") or section(operation, "response")
        job = _job_of(word(operation, "name"), told)
        if file := word(output, "responsesFile"):
            if len(self._jobs) >= MAX_REMEMBERED:
                self._jobs.clear()
            self._jobs[file] = _job_of(file, told)
        results = [each for name in _INLINE for each in objects(section(output, name), "inlinedResponses")]
        if results:
            take = self._taker(client, job)
            for result in results:
                take(result)

    # --- files ---

    def _downloading(self, original: Any) -> Any:
        def download_file(client: Any, path: str, *args: Any, **kwargs: Any) -> Any:
            reader = self._reader(client, path)
            content = original(client, path, *args, **_watched(kwargs, reader))
            _arrived(reader, content, kwargs)
            return content

        return download_file

    def _async_downloading(self, original: Any) -> Any:
        async def download_file(client: Any, path: str, *args: Any, **kwargs: Any) -> Any:
            reader = self._reader(client, path)
            content = await original(client, path, *args, **_watched(kwargs, reader))
            _arrived(reader, content, kwargs)
            return content

        return download_file

    def _reader(self, client: Any, path: str) -> LineReader | None:
        """Return what reads a file of results; of any other file it keeps nothing."""
        try:
            if not self.is_on:
                return None
            file = path.partition(":")[0]
            take = self._taker(client, self._jobs.get(file) or Job(name=file))
            return LineReader(take, accepts=partial(is_result, _PROVIDER))
        except Exception as error:  # noqa: BLE001 - the application's download goes on
            note_fault("reading a file of google_genai", error)
            return None

    # --- results ---

    def _taker(self, client: Any, job: Job) -> partial[None]:
        """Return what tells of one result of a job after the other."""
        options = client._http_options  # noqa: SLF001 - there is no other way to the address
        address = urlsplit(str(options["base_url"] if isinstance(options, dict) else options.base_url))
        host = address.hostname or ""
        at_host = provider_at(host, address.port)
        blank = self.deferred.blank(host, at_host or _PROVIDER, "host" if at_host else "sdk")
        return partial(self._result, blank, job, count())

    def _result(self, blank: LLMCall, job: Job, numbers: Iterator[int], result: Mapping[str, Any]) -> None:
        self.deferred.batched(blank, job, result, next(numbers))


def _job_of(name: str, told: Mapping[str, Any]) -> Job:
    """Return what a job's metadata say of all its results, which are known by the job's name or by their file's."""
    model = word(told, "model").removeprefix("models/")
    return Job(name=name, model=model, created_at_ns=unix_ns(word(told, "createTime")))


class _Watched:
    """A file of the application's to which a download is written, and which somebody else reads along."""

    def __init__(self, file: Any, reader: LineReader) -> None:
        self._file = file
        self._reader = reader

    def write(self, piece: bytes) -> Any:
        """Write, and show what is written."""
        written = self._file.write(piece)
        try:
            self._reader.feed(piece)
        except Exception as error:  # noqa: BLE001 - the application's download goes on
            note_fault("reading a file of google_genai", error)
        return written


def _watched(kwargs: dict[str, Any], reader: LineReader | None) -> dict[str, Any]:
    """Return the arguments of a download, such that `reader` sees what is written to an open file."""
    try:
        file = kwargs.get("destination")
        return {**kwargs, "destination": _Watched(file, reader)} if reader and hasattr(file, "write") else kwargs
    except Exception as error:  # noqa: BLE001 - the application's download goes on
        note_fault("reading a file of google_genai", error)
        return kwargs


def _arrived(reader: LineReader | None, content: Any, kwargs: dict[str, Any]) -> None:
    """Have a download read, wherever it was put, when the application need not wait for it."""
    if reader is None:
        return
    try:
        destination = kwargs.get("destination")
        if isinstance(content, bytes):
            runtime.started().pipeline.later(partial(reader.take_all, content))
        elif isinstance(destination, str | os.PathLike):
            opened = Path(destination).open("rb")  # noqa: SIM115 - now, since the application may move it
            runtime.started().pipeline.later(partial(_read_along, reader, opened))
        else:
            reader.end(is_complete=True)
    except Exception as error:  # noqa: BLE001 - the application's download is done
        note_fault("reading a file of google_genai", error)


def _read_along(reader: LineReader, opened: Any) -> None:
    with opened:
        while not reader.is_over and (piece := opened.read(_PIECE_BYTES)):
            reader.feed(piece)
    reader.end(is_complete=True)
