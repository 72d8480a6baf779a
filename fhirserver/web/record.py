"""The record of one request: its id, what it is called, how it was answered and what that took; never what it said.

Every request pays for this: it notes, and leaves what can wait to whoever reads it.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Mapping

import msgspec
from starlette.requests import Request
from starlette.types import Message, Scope, Send

from fhirserver.resources.registry import Release
from fhirserver.store.tally import CURRENT, Tally
from fhirserver.web.naming import interaction, type_name
from fhirserver.web.request_id import CORRELATION_ID, REQUEST_ID, identified

HUNG_UP = 499
"""Said of a request whose client left before it was answered; no client ever sees it."""
_VARY = (b"vary", b"Origin")


class Done(msgspec.Struct, frozen=True, gc=False):
    """What is kept of a request that is over: words of closed sets and numbers, times in seconds."""

    id: bytes
    interaction: str
    type: str
    release: Release | None
    status: int
    size: int
    ended: float
    took: float
    database: float
    operations: int


class Record(Tally):
    """Watches over one request: gives its answer the id, and notes what goes out."""

    status = HUNG_UP
    size = 0
    started = False
    complete = False
    name = "none"
    handler: str | None = None
    parameters: Mapping[str, str] = {}
    release: Release | None = None

    def __init__(self, scope: Scope, send: Send) -> None:
        self.began = time.perf_counter()
        self.method: str = scope["method"]
        self._send = send
        headers = scope["headers"]
        names = [name for name, _ in headers]
        self.origin = b"origin" in names
        given = [value for name, value in headers if name == REQUEST_ID] if REQUEST_ID in names else ()
        self.id, client = identified(given)
        # Only browsers' apps send their origin, and only their answers say who may read them: caches must not give an
        # app what others got.
        self._extra = [(REQUEST_ID, self.id)] if self.origin else [(REQUEST_ID, self.id), _VARY]
        if client is not None:
            self._extra.append((CORRELATION_ID, client))

    def send(self, message: Message) -> Awaitable[None]:
        """Passes on what an application sends."""
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message["headers"] = [*message["headers"], *self._extra]
        elif message["type"] == "http.response.body":
            if self.method != "HEAD":
                self.size += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        return self._send(message)

    def done(self) -> Done:
        """The request is over. Nothing of it stays but this, or what it held would live on with it."""
        ended = time.perf_counter()
        return Done(
            self.id,
            self.interaction,
            self.type,
            self.release,
            self.status,
            self.size,
            ended,
            ended - self.began,
            self.seconds,
            self.operations,
        )

    @property
    def interaction(self) -> str:
        """What logs and metrics call it."""
        if self.handler is None:
            return "options" if self.method == "OPTIONS" else self.name
        return interaction(self.handler, self.parameters) if self.name == "none" else self.name

    @property
    def type(self) -> str:
        """The resource type; empty where it is about none."""
        return type_name(self.release, self.parameters) if self.release else ""


def current() -> Record | None:
    """The request that is being answered, for whoever logs."""
    found = CURRENT.get()
    return found if isinstance(found, Record) else None


def name_request(request: Request, handler: str, release: Release) -> None:
    """Notes which interaction a request is, once that is known."""
    record = current()
    if record is not None:
        record.handler = handler
        record.parameters = request.scope["path_params"]
        record.release = release


def rename_request(name: str) -> None:
    """Notes what only the body told: whether a Bundle is a batch or a transaction."""
    record = current()
    if record is not None:
        record.name = name
