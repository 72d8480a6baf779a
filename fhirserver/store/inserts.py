"""Documents that several requests insert into one collection at the same time, sent together.

An insert is mostly what surrounds it: a command, a place in the journal, an answer. Those that come while others are
under way share the next command. Nothing waits for company, and each is inserted or not whatever becomes of the others.
https://www.mongodb.com/docs/manual/reference/command/insert/
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, WriteError

from fhirserver.store.codec import Document
from fhirserver.store.failures import DUPLICATE

AT_ONCE = 2
"""Commands under way: one is carried out while the next one gathers."""

MOST = 64
"""Documents of a command."""

LARGE = 256 * 1024
"""Bytes from which on a document goes alone."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    document: RawBSONDocument
    done: asyncio.Future[bool]


@dataclass(slots=True)
class Inserts:
    """The inserts of one process into one collection: those that wait, and how many commands are under way."""

    collection: AsyncCollection[Document]
    _waiting: deque[_Wanted] = field(default_factory=deque)
    _under_way: int = 0
    _writers: set[asyncio.Task[None]] = field(default_factory=set)

    async def insert(self, document: RawBSONDocument) -> bool:
        """Inserts a document; False when there is one of its `_id` already."""
        if len(document.raw) >= LARGE:
            return await self._alone(document)
        if self._under_way < AT_ONCE:
            self._under_way += 1
            try:
                return await self._alone(document)
            finally:
                self._go_on()
        wanted = _Wanted(document, asyncio.get_running_loop().create_future())
        self._waiting.append(wanted)
        return await wanted.done

    def _go_on(self) -> None:
        """Hands the place of a command that has ended to those that wait."""
        together: list[_Wanted] = []
        while self._waiting and len(together) < MOST:
            wanted = self._waiting.popleft()
            if not wanted.done.done():  # whoever asked may have gone
                together.append(wanted)
        if not together:
            self._under_way -= 1
            return
        # It works for many requests: what it does is counted and logged as none's.
        writer = asyncio.create_task(self._write(together), context=contextvars.Context())
        self._writers.add(writer)
        writer.add_done_callback(self._writers.discard)

    async def _write(self, together: Sequence[_Wanted]) -> None:
        outcomes: Sequence[bool | Exception]
        try:
            outcomes = await self._together([wanted.document for wanted in together])
        except Exception as error:
            outcomes = [error] * len(together)
        except BaseException:
            # The process ends: nobody is left waiting for what will not be sent.
            for wanted in (*together, *self._waiting):
                wanted.done.cancel()
            raise
        self._go_on()
        for wanted, outcome in zip(together, outcomes, strict=True):
            if wanted.done.done():
                continue
            if isinstance(outcome, bool):
                wanted.done.set_result(outcome)
            else:
                wanted.done.set_exception(outcome)

    async def _alone(self, document: RawBSONDocument) -> bool:
        try:
            await self.collection.insert_one(document)
        except DuplicateKeyError:
            return False
        return True

    async def _together(self, documents: list[RawBSONDocument]) -> list[bool | Exception]:
        """What became of each: inserted, not inserted since its `_id` is taken, or refused."""
        if len(documents) == 1:
            return [await self._alone(documents[0])]
        outcomes: list[bool | Exception] = [True] * len(documents)
        try:
            await self.collection.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            details = error.details or {}
            if details.get("writeConcernErrors"):
                raise
            for each in details["writeErrors"]:
                refusal = WriteError(each["errmsg"], each["code"], each)
                outcomes[each["index"]] = False if each["code"] == DUPLICATE else refusal
        return outcomes
