"""Reads bodies that answer no call of their own: documents, and files or streams of one document a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from otel_llmcost.instrument._call import note_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_BYTES: Final = 8 * 1024 * 1024
"""A document or a line above that is passed over."""

_DATA: Final = b"data:"


class WholeReader:
    """Takes one JSON document in pieces.

    Args:
        take: Is given the document at the end, if it is a whole JSON object.
    """

    def __init__(self, take: Callable[[Mapping[str, Any]], None]) -> None:
        self._take = take
        self._pieces: list[bytes] = []
        self._size = 0
        self.is_over = False

    def feed(self, piece: bytes) -> bytes:
        """Take a piece, and return it for the application."""
        self._size += len(piece)
        if self._size <= MAX_BYTES:
            self._pieces.append(piece)
        return piece

    def end(self, *, is_complete: bool) -> bytes:
        """Take note that nothing more comes."""
        if not self.is_over:
            self.is_over = True
            if is_complete:
                self._pass_on(b"".join(self._pieces))
        return b""

    def held_back(self) -> bytes:
        """Return nothing: the application sees every piece as it comes."""
        return b""

    def mark_end(self) -> None:
        """Do nothing: how long it took to read says nothing about the call."""

    def fail(self, _error: BaseException) -> None:
        """Take note that the body broke off."""
        self.end(is_complete=False)

    def take_all(self, body: bytes) -> None:
        """Take a body that is here as a whole."""
        self.feed(body)
        self.end(is_complete=True)

    def _pass_on(self, text: bytes) -> None:
        try:
            document = json.loads(text)
        except ValueError:
            return
        if isinstance(document, dict):
            try:
                self._take(document)
            except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
                note_fault("reading an answer", error)


class LineReader(WholeReader):
    """Takes one JSON document a line, or the events of a stream; whole lines count also where the body breaks off.

    Args:
        take: Is given each document.
        accepts: Whether a body that begins with this document is one of ours; of another nothing is kept.
        marks: A line with none of these bytes in it cannot matter; empty for none.
    """

    def __init__(
        self,
        take: Callable[[Mapping[str, Any]], None],
        *,
        accepts: Callable[[Mapping[str, Any]], bool] | None = None,
        marks: tuple[bytes, ...] = (),
    ) -> None:
        super().__init__(take)
        self._accepts = accepts
        self._marks = marks

    def feed(self, piece: bytes) -> bytes:
        """Take a piece, and return it for the application."""
        if self.is_over:
            return piece
        newline = piece.find(b"\n")
        if newline < 0:
            super().feed(piece)
            return piece
        self._line(b"".join([*self._pieces, piece[:newline]]))
        if not self.is_over:
            *lines, rest = piece[newline + 1 :].split(b"\n")
            for line in lines:
                self._line(line)
            self._pieces, self._size = [rest], len(rest)
        return piece

    def end(self, *, is_complete: bool) -> bytes:  # noqa: ARG002 - whole lines count in any case
        """Take note that nothing more comes."""
        if not self.is_over:
            self._line(b"".join(self._pieces))
            self.is_over = True
        return b""

    def _line(self, line: bytes) -> None:
        """Take a line; a fault in one takes none of the others with it."""
        try:
            self._read(line)
        except Exception as error:  # noqa: BLE001 - telemetry never breaks the application
            note_fault("reading a line", error)

    def _read(self, line: bytes) -> None:
        line = line.strip().removeprefix(_DATA)
        if not line or (self._marks and not any(mark in line for mark in self._marks)):
            return
        if self._accepts is not None and not self._is_accepted(line):
            self.is_over = True
            self._pieces.clear()
            return
        self._accepts = None
        self._pass_on(line)

    def _is_accepted(self, line: bytes) -> bool:
        try:
            document = json.loads(line)
        except ValueError:
            return False
        assert self._accepts is not None
        return isinstance(document, dict) and self._accepts(document)
