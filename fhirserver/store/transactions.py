"""Several writes that happen all or not at all, run again while others are in the way.

https://www.mongodb.com/docs/manual/core/transactions/; the driver's own with_transaction waits without jitter and
for two minutes, and does not exist alike in both drivers.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

from pymongo import UpdateOne, WriteConcern
from pymongo.errors import ConnectionFailure, PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference

from fhirserver.errors import Conflict
from fhirserver.store import indexes, locks, superseding
from fhirserver.store.context import Context, RerunError, Session
from fhirserver.store.failures import is_commit_unknown, is_duplicate, is_transient, translated

T = TypeVar("T")

PATIENCE_S = 30.0
"""Seconds after which a transaction that others keep preventing is given up."""

_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.5
MAJORITY = WriteConcern("majority", j=True)
_SNAPSHOT = ReadConcern("snapshot")


async def transact(
    ctx: Context, work: Callable[[Context], Awaitable[T]], keys: Sequence[str] = (), *, patience_s: float = PATIENCE_S
) -> T:
    """Runs `work` in one transaction that serialises with every other one that names one of `keys`.

    `work` may run more than once, so it must have no effect but through its context. Conflict when others were in the
    way for `patience_s` seconds, Unavailable when the store cannot be reached.
    """
    slots = locks.slots(keys)
    careful = False
    with translated():
        async with ctx.queues.turn(slots), await _session(ctx) as session:
            deadline = time.monotonic() + patience_s
            pause = _FIRST_PAUSE_S
            while True:
                attempt = ctx.within(session, careful)
                try:
                    return await _once(attempt, work, slots, deadline)
                except RerunError as again:
                    careful = careful or not again.types
                    await asyncio.gather(*(indexes.ensure(ctx, type_) for type_ in sorted(again.types)))
                except PyMongoError as error:
                    # No server was found for seconds: whoever asks shall hear that now.
                    if not is_transient(error) or isinstance(error, ServerSelectionTimeoutError):
                        raise
                    if isinstance(error, ConnectionFailure) and time.monotonic() > deadline:
                        raise
                    if time.monotonic() > deadline:
                        raise Conflict(
                            "Other clients kept changing the same resources: try again in a moment."
                        ) from error
                    await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311
                    pause = min(pause * 2, _LONGEST_PAUSE_S)


async def _once(ctx: Context, work: Callable[[Context], Awaitable[T]], slots: list[int], deadline: float) -> T:
    session = cast("Session", ctx.session)
    begun = session.start_transaction(_SNAPSHOT, MAJORITY, ReadPreference.PRIMARY)
    if inspect.isawaitable(begun):  # PyMongo's is a coroutine, Motor's is not
        await begun
    try:
        with ctx.translated():
            await touch(ctx, slots)
        result = await work(ctx)
        with ctx.translated():
            await superseding.flush(ctx)
    except BaseException:
        await _abort(session)
        raise
    with ctx.translated():
        await _commit(session, deadline)
    for version in ctx.written.values():
        ctx.cache.put(version)
    return result


async def touch(ctx: Context, slots: list[int]) -> None:
    """Writes the lock documents first: whoever comes second fails at once, before it has done any work."""
    if not slots:
        return
    collection = ctx.locks
    try:
        if len(slots) == 1:
            await collection.update_one({"_id": slots[0]}, {"$inc": {"n": 1}}, upsert=True, session=ctx.session)
        else:
            touches: list[Any] = [UpdateOne({"_id": slot}, {"$inc": {"n": 1}}, upsert=True) for slot in slots]
            await collection.bulk_write(touches, session=ctx.session)
    except PyMongoError as error:
        if is_duplicate(error):  # two first users of a slot
            raise RerunError from error
        raise


async def _commit(session: Session, deadline: float) -> None:
    while True:
        try:
            await session.commit_transaction()
            return
        except PyMongoError as error:
            # Committing again is harmless: a transaction that was committed says so.
            if not is_commit_unknown(error) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(_FIRST_PAUSE_S)


async def _abort(session: Session) -> None:
    try:
        await session.abort_transaction()
    except PyMongoError:
        return  # the server ends it by itself


async def _session(ctx: Context) -> Session:
    started: Any = ctx.db.client.start_session()
    return cast("Session", await started if inspect.isawaitable(started) else started)
