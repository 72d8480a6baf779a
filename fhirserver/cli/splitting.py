"""The records of one stream: a record by itself, JSON lines, an array, or a page of a registry's API.

What it is shows in its first bytes, never in its name. Memory holds one record and what was read ahead.
https://jsonlines.org, https://clinicaltrials.gov/data-api/api (the answer {"studies": […]})
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

LARGEST = 32 * 2**20
"""Bytes of one record; a larger one is passed over and reported."""

_CHUNK = 256 * 1024
_BLANK = b" \t\r\n"
_MARK = b"\xef\xbb\xbf"
_PAGE = re.compile(rb'\s*\{(?:\s*"[A-Za-z]+"\s*:\s*(?:\d+|"(?:[^"\\]|\\.)*"|null)\s*,)*\s*"studies"\s*:\s*\[')
_LINES = re.compile(rb"\A[^\r\n]*\}[ \t]*\r?\n\s*\{|\A[^\r\n]*\r?\n\{")
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\],]', re.DOTALL)
_QUOTE = re.compile(rb'"')


@dataclass(frozen=True, slots=True)
class Piece:
    """One record of a stream and its place there: '' for all of it, ':7' for line 7, '[3]' for item 3.

    `wrong` says what kept it from being read.
    """

    place: str
    data: bytes
    wrong: str | None = None


class _Ahead:
    """A stream with a part of it read ahead."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.buffer = b""
        self.ended = False

    def more(self) -> bool:
        """Reads on; False at the end."""
        if not self.ended:
            chunk = self._stream.read(_CHUNK)
            self.ended = not chunk
            self.buffer += chunk
        return not self.ended

    def at_least(self, size: int) -> None:
        while len(self.buffer) < size and self.more():
            pass


def pieces(stream: BinaryIO, largest: int = LARGEST) -> Iterator[Piece]:
    """The records of a stream, in its order; at least one, so that an empty stream is reported."""
    ahead = _Ahead(stream)
    ahead.at_least(_CHUNK)
    head = ahead.buffer.removeprefix(_MARK)
    start = head.lstrip(_BLANK)[:1]
    if start == b"[":
        yield from _items(ahead, ahead.buffer.index(b"[") + 1, largest)
    elif start == b"{" and (page := _PAGE.match(head)):
        yield from _items(ahead, len(ahead.buffer) - len(head) + page.end(), largest)
    elif start == b"{" and _LINES.match(head.lstrip(_BLANK)):
        yield from _lines(ahead, largest)
    else:
        ahead.at_least(largest + 1)
        if len(ahead.buffer) > largest:
            yield Piece("", b"", _too_large(largest))
        else:
            yield Piece("", ahead.buffer)


def _too_large(largest: int) -> str:
    return f"The record is larger than {largest // 2**20 or 1} MB: it was passed over."


def _lines(ahead: _Ahead, largest: int) -> Iterator[Piece]:
    number, skipping = 0, False
    ahead.buffer = ahead.buffer.removeprefix(_MARK)
    while True:
        line, end, rest = ahead.buffer.partition(b"\n")
        if not end and ahead.more():
            if len(ahead.buffer) > largest:
                ahead.buffer, skipping = b"", True
            continue
        number += 1
        ahead.buffer = rest
        if skipping or len(line) > largest:
            yield Piece(f":{number}", b"", _too_large(largest))
        elif line.strip(_BLANK):
            yield Piece(f":{number}", line.strip(_BLANK))
        skipping = False
        if not end:
            return


def _items(ahead: _Ahead, start: int, largest: int) -> Iterator[Piece]:
    """The items of an array whose '[' has been read; what comes after its ']' is not."""
    buffer, at, depth, number, skipping = ahead.buffer[start:], 0, 0, 0, False
    ahead.buffer = b""
    while True:
        cut: int | None = None
        closed = False
        for token in _TOKEN.finditer(buffer, at):
            at = token.end()
            sign = token[0]
            if sign in (b"{", b"["):
                depth += 1
            elif sign == b"," and depth == 0:
                cut = token.start()
                break
            elif sign in (b"}", b"]"):
                if depth == 0:
                    cut, closed = token.start(), True
                    break
                depth -= 1
        if cut is not None:
            item = buffer[:cut].strip(_BLANK)
            if item or skipping or not closed or number:
                yield _item(number, item, skipping, largest)
            number, skipping = number + 1, False
            buffer, at = buffer[at:], 0
            if closed:
                return
            continue
        # A quote without its end waits for more.
        open_quote = _QUOTE.search(buffer, at)
        at = open_quote.start() if open_quote else len(buffer)
        if len(buffer) > largest:
            buffer, at, skipping = buffer[at:], 0, True
        if len(buffer) > largest:
            # All of it is one text: only that it is open, and whether its last sign is escaped, matters.
            escapes = len(buffer) - len(buffer.rstrip(b"\\"))
            buffer = b'"' + b"\\" * (escapes % 2)
        if not ahead.more():
            yield Piece(f"[{number}]", b"", "The array has no end: the file was cut off, or is no JSON.")
            return
        buffer, ahead.buffer = buffer + ahead.buffer, b""


def _item(number: int, item: bytes, skipping: bool, largest: int) -> Piece:
    if skipping or len(item) > largest:
        return Piece(f"[{number}]", b"", _too_large(largest))
    return Piece(f"[{number}]", item)
