"""A lean load generator: a few keep-alive connections, each sending its next request when its answer is whole.

https://www.rfc-editor.org/rfc/rfc9112. It reads no more of HTTP than uvicorn writes, so that it costs far less than
what it measures.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import uvloop

FHIR_JSON = "application/fhir+json"
SAMPLE = 20
"""One answer in so many is kept and checked when the clock has stopped; at least the first."""
PATIENCE_S = 120

Check = Callable[[bytes], None]


class BenchError(Exception):
    """An answer that is not what was asked for: the measurement is void."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request, the status of a good answer, and a look at the answer's body that raises when it is wrong."""

    method: str
    path: str
    status: int
    check: Check
    body: bytes = b""
    content_type: str = FHIR_JSON

    def wire(self, host: str) -> bytes:
        """The bytes to send."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}", f"Accept: {FHIR_JSON}"]
        if self.body:
            lines += [f"Content-Type: {self.content_type}", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


@dataclass(frozen=True, slots=True)
class Timing:
    """What a run took: `busy` is the generator's own share of a processor, in seconds."""

    requests: int
    seconds: float
    busy: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def run(host: str, port: int, asks: Sequence[Ask], connections: int) -> Timing:
    """Sends all of `asks` over `connections` connections and checks the answers; BenchError at the first bad one."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(host, port, asks, connections))


async def _run(host: str, port: int, asks: Sequence[Ask], connections: int) -> Timing:
    loop = asyncio.get_running_loop()
    load = _Load([ask.wire(f"{host}:{port}") for ask in asks], [ask.status for ask in asks], loop.create_future())
    opened = [
        (await loop.create_connection(lambda: _Connection(load), host, port))[1]
        for _ in range(min(connections, len(asks)))
    ]
    began, busy = time.perf_counter(), time.process_time()
    for connection in opened:
        connection.next()
    try:
        await asyncio.wait_for(load.finished, PATIENCE_S)
    except TimeoutError:
        raise BenchError(f"{load.waiting} of {len(asks)} answers are missing after {PATIENCE_S} s") from None
    finally:
        for connection in opened:
            connection.close()
    timing = Timing(len(asks), load.ended - began, time.process_time() - busy)
    for at, status, body in load.kept:
        _look(asks[at], status, body)
    return timing


def _look(ask: Ask, status: int, body: bytes) -> None:
    try:
        if status != ask.status:
            raise BenchError(f"status {status} instead of {ask.status}")
        ask.check(body)
    except (BenchError, ValueError, LookupError, TypeError) as error:
        said = body[:600].decode(errors="replace")
        raise BenchError(f"{ask.method} {ask.path}: {type(error).__name__}: {error}\n{said}") from None


class _Load:
    """What the connections share: the requests still to be sent and the answers that are kept."""

    def __init__(self, wires: list[bytes], statuses: list[int], finished: asyncio.Future[None]) -> None:
        self.wires = wires
        self.statuses = statuses
        self.finished = finished
        self.sent = 0
        self.waiting = len(wires)
        self.ended = 0.0
        self.kept: list[tuple[int, int, bytes]] = []

    def answered(self, at: int, status: int, body: bytes) -> None:
        """Takes an answer; a status that is not the expected one ends the run."""
        self.waiting -= 1
        bad = status != self.statuses[at]
        if bad or at % SAMPLE == 0:
            self.kept.append((at, status, body))
        if (bad or not self.waiting) and not self.finished.done():
            self.ended = time.perf_counter()
            if bad:
                self.kept = self.kept[-1:]
            self.finished.set_result(None)

    def broken(self, why: str) -> None:
        """Ends the run over a connection that was lost or makes no sense."""
        if not self.finished.done():
            self.finished.set_exception(BenchError(why))


class _Connection(asyncio.Protocol):
    """One keep-alive connection."""

    def __init__(self, load: _Load) -> None:
        self.load = load
        self.at = -1
        self.status = 0
        self.missing = 0
        self.parts: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of classes of its own.
        self.transport = cast("asyncio.Transport", transport)

    def next(self) -> None:
        """Sends the next request, if there is one."""
        load = self.load
        self.at = load.sent
        if self.at < len(load.wires) and not load.finished.done():
            load.sent += 1
            self.transport.write(load.wires[self.at])

    def close(self) -> None:
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if self.status:
            self.parts.append(data)
            self.missing -= len(data)
        else:
            if self.parts:
                data = b"".join([*self.parts, data])
                self.parts = []
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.parts.append(data)
                return
            self.status = int(data[9:12])
            self.missing = self._length(data[:end].lower()) - (len(data) - end - 4)
            self.parts.append(data[end + 4 :])
        if self.missing > 0:
            return
        if self.missing < 0:
            self.load.broken("a server sent more than its Content-Length")
            return
        status, self.status = self.status, 0
        body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
        self.parts = []
        self.load.answered(self.at, status, body)
        self.next()

    def _length(self, head: bytes) -> int:
        start = head.find(b"\r\ncontent-length:")
        if start < 0:
            if self.status != 204:
                self.load.broken(f"an answer has no Content-Length: {head.decode(errors='replace')}")
            return 0
        end = head.find(b"\r\n", start + 2)
        return int(head[start + 17 : end if end > 0 else len(head)])

    def connection_lost(self, exc: Exception | None) -> None:
        if self.load.waiting:
            self.load.broken(f"a server closed the connection: {exc or 'no reason given'}")
