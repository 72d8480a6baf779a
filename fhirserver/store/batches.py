"""Writing within a transaction: any number of resources in a few round trips.

https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import InsertOne, ReplaceOne
from pymongo.errors import PyMongoError

from fhirserver.errors import Duplicate
from fhirserver.resources.registry import placed
from fhirserver.store import groups, members, reads, superseding
from fhirserver.store.context import Context, RerunError
from fhirserver.store.documents import Expected, Put, Stored, Written, superseded
from fhirserver.store.failures import is_duplicate
from fhirserver.store.versions import Step, check, deletion, is_unchanged, step


async def put_many(ctx: Context, items: Sequence[Put]) -> list[Written]:
    """Writes `items`, each resource at most once among them, and answers in their order.

    Round trips: one find and one write a type, and one for history; fresh creates need no find.
    """
    require(ctx, {item.type for item in items})
    keys = [(item.type, item.id) for item in items]
    if len(set(keys)) < len(keys):
        raise ValueError("a resource is written twice in one call")
    written = await _put_plain(ctx, [item for item in items if _is_plain(ctx, item)])
    for item in items:
        if not _is_plain(ctx, item):
            written[item.type, item.id] = await groups.put(ctx, item)
    return [written[key] for key in keys]


def _is_plain(ctx: Context, item: Put) -> bool:
    """Whether a resource has no members beside it: neither before, so far as is known, nor after."""
    return item.type != members.TYPE or (item.create_only and not ctx.careful and "member" not in item.resource)


async def _put_plain(ctx: Context, items: Sequence[Put]) -> dict[tuple[str, str], Written]:
    currents = await _currents(ctx, [i for i in items if ctx.careful or not i.create_only])
    written: dict[tuple[str, str], Written] = {}
    steps: dict[str, list[tuple[Stored | None, Step]]] = {}
    for item in items:
        key = (item.type, item.id)
        current = currents.get(key)
        check(item.type, item.id, current, item.expected, item.create_only)
        if current is not None and is_unchanged(item, current):
            written[key] = Written(await reads.whole(ctx, item.type, item.id, current), False, False)
            continue
        after = step(item, current)
        steps.setdefault(item.type, []).append((current, after))
        written[key] = Written(after.version, after.created, True)
    await write(ctx, steps)
    return written


async def _currents(ctx: Context, items: Sequence[Put]) -> dict[tuple[str, str], Stored]:
    wanted: dict[str, list[str]] = {}
    for item in items:
        wanted.setdefault(item.type, []).append(item.id)
    for type_, ids in wanted.items():
        await reads.see(ctx, type_, ids)
    return {key: found for type_, ids in wanted.items() for id_ in ids if (found := ctx.seen[key := (type_, id_)])}


async def remove(ctx: Context, type: str, id: str, expected: Expected | None) -> Written | None:
    """Writes the version that says the resource is gone; see `Store.remove`."""
    require(ctx, {type})
    current = await reads.current(ctx, type, id)
    check(type, id, current, expected)
    if current is None:
        return None
    if current.gone:
        return Written(await reads.whole(ctx, type, id, current), False, False)
    after = deletion(type, id, current)
    if type == members.TYPE:
        await members.close_all(ctx, id, after.version.version)
    await write(ctx, {type: [(current, after)]})
    return Written(after.version, False, True)


async def write(ctx: Context, steps: dict[str, list[tuple[Stored | None, Step]]]) -> None:
    """Stores the next versions, superseded ones in history; within a transaction, where their order is free."""
    old = [superseded(type_, s.version.id, c) for type_, pairs in steps.items() for c, s in pairs if c is not None]
    superseding.keep(ctx, old)
    for type_, pairs in steps.items():
        await _write_type(ctx, type_, pairs)
        for _, after in pairs:
            ctx.keep(after.version)
            ctx.seen[type_, after.version.id] = after.stored


async def _write_type(ctx: Context, type: str, pairs: list[tuple[Stored | None, Step]]) -> None:
    collection = ctx.of(type)
    fresh = [after.document for current, after in pairs if current is None]
    try:
        if len(pairs) == 1:
            current, after = pairs[0]
            if current is None:
                await collection.insert_one(after.document, session=ctx.session)
            else:
                where = {"_id": after.version.id, "v": current.version}
                await collection.replace_one(where, after.document, session=ctx.session)
        elif len(fresh) == len(pairs):
            await collection.insert_many(fresh, session=ctx.session)
        elif pairs:
            operations: list[Any] = [
                InsertOne(after.document)
                if current is None
                else ReplaceOne({"_id": after.version.id, "v": current.version}, after.document)
                for current, after in pairs
            ]
            await collection.bulk_write(operations, session=ctx.session)
    except PyMongoError as error:
        if not is_duplicate(error):
            raise
        if ctx.careful:
            raise Duplicate(
                f"A {placed(type)} of this Bundle exists already: send it with another id, or as an update."
            ) from error
        # Something is there that a create did not expect, perhaps a deletion: run again and look first.
        raise RerunError from error


def require(ctx: Context, types: set[str]) -> None:
    """Leaves the transaction to make collections that do not exist yet, which it could not."""
    if missing := types - ctx.prepared:
        raise RerunError(frozenset(missing))
