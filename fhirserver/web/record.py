"""The record of one request: its id, what it is called, how it was answered and what that took; never what it said."""

from __future__ import annotations

import time
from contextvars import ContextVar

from starlette.requests import Request
from starlette.types import Message, Scope, Send

from fhirserver.resources.registry import Release
from fhirserver.store.tally import Tally
from fhirserver.web.naming import interaction, type_name
from fhirserver.web.request_id import CORRELATION_ID, REQUEST_ID, identified

RECORD: ContextVar[Record | None] = ContextVar("record", default=None)
"""The request that is being answered, for whoever logs."""

HUNG_UP = 499
"""Said of a request whose client left before it was answered; no client ever sees it."""


class Record:
    """Watches over one request: gives its answer the id, and notes what goes out."""

    __slots__ = (
        "_extra",
        "_head",
        "_send",
        "began",
        "complete",
        "id",
        "interaction",
        "origin",
        "release",
        "size",
        "started",
        "status",
        "tally",
        "type",
    )

    def __init__(self, scope: Scope, send: Send) -> None:
        self.began = time.perf_counter()
        given: list[bytes] = []
        self.origin = False
        for name, value in scope["headers"]:
            if name == REQUEST_ID:
                given.append(value)
            elif name == b"origin":
                self.origin = True
        id_, client = identified(given)
        self.id = id_.decode()
        self._extra = [(REQUEST_ID, id_)]
        if client is not None:
            self._extra.append((CORRELATION_ID, client))
        self._send = send
        self._head = scope["method"] == "HEAD"
        self.status = HUNG_UP
        self.size = 0
        self.started = False
        self.complete = False
        self.interaction = "options" if scope["method"] == "OPTIONS" else "none"
        self.type = ""
        self.release: Release | None = None
        self.tally = Tally()

    async def send(self, message: Message) -> None:
        """Passes on what an application sends."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.started = True
            message["headers"] = [*message["headers"], *self._extra]
        elif message["type"] == "http.response.body":
            if not self._head:
                self.size += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        await self._send(message)

    def add_header(self, name: bytes, value: bytes) -> None:
        """Adds a header to the answer."""
        self._extra.append((name, value))

    @property
    def seconds(self) -> float:
        """Since the request began."""
        return time.perf_counter() - self.began


def name_request(request: Request, handler: str, release: Release) -> None:
    """Notes which interaction a request is, once that is known."""
    record = RECORD.get()
    if record is not None:
        record.release = release
        record.interaction = interaction(handler, request.scope["path_params"])
        record.type = type_name(release, request.scope["path_params"])


def rename_request(name: str) -> None:
    """Notes what only the body told: whether a Bundle is a batch or a transaction."""
    record = RECORD.get()
    if record is not None:
        record.interaction = name
