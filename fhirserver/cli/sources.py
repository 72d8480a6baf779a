"""Where trial records come from: files, folders, zip files, and standard input.

A folder, and a zip file, is gone through in the order of its names. What a file holds shows in its content: one record,
JSON lines, an array (`splitting`), any of these packed by gzip, or a zip file. Memory holds one folder's names, a zip
file's table and one record. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import gzip
import io
import os
import re
import shutil
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from fhirserver.cli.splitting import LARGEST, pieces
from fhirserver.errors import StartupError

ENDINGS = (".json", ".xml", ".txt", ".html", ".htm", ".ndjson", ".jsonl", ".zip", ".gz")
"""Files of a folder that must hold records; others are looked into and passed over where they hold none."""

_ZIP = b"PK\x03\x04"
_EMPTY_ZIP = b"PK\x05\x06"
_GZIP = b"\x1f\x8b"
_LIKELY = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*[\[{<]")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, gzip.BadGzipFile)


@dataclass(frozen=True, slots=True)
class Source:
    """One record and where it stands: 'folder/a.json', 'all.zip!b.json', 'lines.ndjson:7', 'array.json[3]', '-'.

    `wrong` says what kept it from being read. One that is not `asked` for may be something else than a record.
    `weight` is how far reading came with it, in bytes of the files.
    """

    name: str
    data: bytes
    wrong: str | None = None
    asked: bool = True
    weight: int = 0


def size(paths: Sequence[Path]) -> int | None:
    """Bytes of all files; None where standard input is among them. Refuses a path that is not there."""
    total = 0
    for path in paths:
        if str(path) == "-":
            return None
        if not path.exists():
            raise StartupError(f"There is no file or folder {path}: check the path.")
        total += sum(file.stat().st_size for file, _ in _files(path))
    return total


def sources(paths: Sequence[Path]) -> Iterator[Source]:
    """Every record of the files and folders named."""
    for path in paths:
        if str(path) == "-":
            yield from _standard_input()
            continue
        for file, asked in _files(path):
            try:
                weight = file.stat().st_size
                with file.open("rb") as stream:
                    yield from _weighed(_opened(stream, str(file), asked), weight)
            except OSError as error:
                yield Source(str(file), b"", error.strerror or str(error))


def _files(path: Path) -> Iterator[tuple[Path, bool]]:
    """The files of a path in order, and whether each must hold records; hidden ones are left out."""
    if not path.is_dir():
        yield path, True
        return
    for top, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        for name in sorted(names):
            if not _hidden(name) and (file := Path(top, name)).is_file():
                yield file, file.suffix.lower() in ENDINGS


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _weighed(found: Iterator[Source], weight: int) -> Iterator[Source]:
    """Gives the last source of a file the weight of all that the others did not say."""
    last: Source | None = None
    for source in found:
        if last is not None:
            yield last
            weight -= last.weight
        last = source
    if last is not None:
        yield replace(last, weight=max(0, weight))


def _opened(stream: BinaryIO, name: str, asked: bool) -> Iterator[Source]:
    """The records of a file that is open and can be gone back in."""
    head = stream.read(4096)
    stream.seek(0)
    if not asked and not _LIKELY.match(head):
        return
    if head.startswith((_ZIP, _EMPTY_ZIP)):
        yield from _members(stream, name)
    else:
        yield from _pieces(stream, name, asked)


def _pieces(stream: BinaryIO, name: str, asked: bool) -> Iterator[Source]:
    head = stream.read(2)
    stream.seek(0)
    packed = head == _GZIP
    plain = cast("BinaryIO", gzip.GzipFile(fileobj=stream)) if packed else stream
    try:
        for piece in pieces(plain):
            # Within an array or JSON lines, no other kind of file is to be expected.
            weight = 0 if packed else len(piece.data) + 1
            yield Source(name + piece.place, piece.data, piece.wrong, asked or bool(piece.place), weight)
    except _DAMAGED as error:
        yield Source(name, b"", f"The file is damaged: {error}.")


def _members(stream: BinaryIO, name: str) -> Iterator[Source]:
    """The records of a zip file's members; no member is unpacked beyond the size of the largest record."""
    try:
        packed = zipfile.ZipFile(stream)
    except _DAMAGED as error:
        yield Source(name, b"", f"The zip file is damaged: {error}.")
        return
    with packed:
        for member in sorted(packed.infolist(), key=lambda one: one.filename):
            parts = member.filename.split("/")
            if member.is_dir() or any(_hidden(part) for part in parts):
                continue
            yield from _member(packed, member, f"{name}!{member.filename}")


def _member(packed: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Iterator[Source]:
    asked = Path(member.filename).suffix.lower() in ENDINGS
    try:
        if member.flag_bits & 1:
            yield Source(name, b"", "The file is encrypted: unpack it first.", weight=member.compress_size)
            return
        with packed.open(member) as stream:
            head = stream.read(4096)
        if not asked and not _LIKELY.match(head):
            return
        if head.startswith((_ZIP, _EMPTY_ZIP)):
            said = "A zip file within a zip file is not read: unpack it first."
            yield Source(name, b"", said, weight=member.compress_size)
            return
        with packed.open(member) as stream:
            for number, source in enumerate(_unpacked(cast("BinaryIO", stream), name, asked)):
                yield replace(source, weight=0 if number else member.compress_size)
    except _DAMAGED as error:
        yield Source(name, b"", f"The zip file is damaged: {error}.", weight=member.compress_size)


def _unpacked(stream: BinaryIO, name: str, asked: bool) -> Iterator[Source]:
    """A member, which cannot be gone back in: gzip within zip is read as far as the largest record goes."""
    buffered = io.BufferedReader(cast("io.RawIOBase", stream))
    if buffered.peek(2)[:2] == _GZIP:
        yield from _pieces(io.BytesIO(buffered.read(LARGEST + 1)), name, asked)
        return
    for piece in pieces(buffered):
        yield Source(name + piece.place, piece.data, piece.wrong, asked or bool(piece.place))


def _standard_input() -> Iterator[Source]:
    """What comes in on standard input; a zip file, whose table is at its end, is laid on disk first."""
    buffered = cast("io.BufferedReader", sys.stdin.buffer)
    head = buffered.peek(4)[:4]
    if head.startswith((_ZIP, _GZIP, _EMPTY_ZIP)):
        with tempfile.TemporaryFile() as spooled:
            shutil.copyfileobj(buffered, spooled)
            spooled.seek(0)
            yield from _opened(cast("BinaryIO", spooled), "-", True)
        return
    for piece in pieces(buffered):
        yield Source("-" + piece.place, piece.data, piece.wrong)
