"""Searching one type: a filter, an order, and pages that continue where the last one ended.

https://hl7.org/fhir/R5/http.html#paging; keyset paging costs the same on every page, and no page is lost or
repeated when resources come and go in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirserver.store.context import Context
from fhirserver.store.documents import BODY, Page, Query, Version, stored_of
from fhirserver.store.reads import fetch, read_version, whole

_PLAIN = frozenset({"_id", "at"})
"""Sort keys that are never decimals."""


async def find(ctx: Context, type: str, query: Query) -> Page:
    """A page of versions; TooCostly when the database takes longer than the setting search_timeout_s."""
    if query.limit <= 0:
        return Page([], None, False)
    sort = complete(query.sort)
    where = dict(query.filter)
    if query.after is not None:
        where = {"$and": [where, beyond(sort, query.after)]}
    projection = {"v": 1, **{name: 1 for name, _ in sort if name != "_id"}}
    wanted = query.limit + 1
    collection = ctx.plain(type) if all(name in _PLAIN for name, _ in sort) else ctx.of(type)
    with ctx.translated():
        cursor = collection.find(where, projection, batch_size=wanted, session=ctx.session)
        cursor = cursor.sort(sort).limit(wanted).max_time_ms(ctx.search_timeout_ms)
        if query.hint:
            cursor = cursor.hint(query.hint)
        heads = await cursor.to_list(None)
        more = len(heads) > query.limit
        heads = heads[: query.limit]
        items = await bodies(ctx, type, heads)
    last = tuple(_value(heads[-1], name) for name, _ in sort) if heads else None
    return Page(items, last, more)


async def bodies(ctx: Context, type: str, heads: list[dict[str, Any]]) -> list[Version]:
    """The versions of `heads` in their order; only what is not remembered is fetched."""
    found = [ctx.kept(type, head["_id"], head["v"]) for head in heads]
    if None not in found:
        return [version for version in found if version]
    missing = [head["_id"] for head, version in zip(heads, found, strict=True) if not version]
    fetched: dict[tuple[str, int], Version] = {}
    for body in await fetch(ctx, type, missing, BODY):
        version = await whole(ctx, type, body["_id"], stored_of(body))
        fetched[version.id, version.version] = version
    for at, head in enumerate(heads):
        if found[at] is None:
            id_, number = head["_id"], head["v"]
            # Replaced since the search saw it: what the search saw is served.
            found[at] = fetched.get((id_, number)) or await read_version(ctx, type, id_, number)
    return [version for version in found if version]


async def rows(
    ctx: Context, type: str, filter: Mapping[str, Any], projection: dict[str, int], limit: int
) -> list[dict[str, Any]]:
    """Some fields, no decimals, of at most `limit` documents that match; TooCostly when it takes too long."""
    with ctx.translated():
        cursor = ctx.plain(type).find(dict(filter), projection, batch_size=limit + 1, session=ctx.session)
        return await cursor.limit(limit).max_time_ms(ctx.search_timeout_ms).to_list(None)


async def count(ctx: Context, type: str, filter: Mapping[str, Any], *, cap: int | None = None) -> int:
    """How many match, at most `cap`; TooCostly when the database takes too long."""
    options: dict[str, Any] = {"maxTimeMS": ctx.search_timeout_ms}
    if cap is not None:
        if cap <= 0:
            return 0
        options["limit"] = cap
    with ctx.translated():
        return int(await ctx.of(type).count_documents(dict(filter), session=ctx.session, **options))


def complete(sort: list[tuple[str, int]] | tuple[tuple[str, int], ...]) -> list[tuple[str, int]]:
    """The sort keys made total: ties are broken by id."""
    keys = list(sort)
    return keys if any(name == "_id" for name, _ in keys) else [*keys, ("_id", 1)]


def beyond(sort: list[tuple[str, int]], after: tuple[Any, ...]) -> dict[str, Any]:
    """The filter for what comes after an item in the order of `sort`; ValueError when `after` does not fit.

    MongoDB sorts a missing value as null, before every other; its comparisons never match null.
    """
    if len(after) != len(sort):
        raise ValueError(f"{len(after)} values for {len(sort)} sort keys")
    branches: list[dict[str, Any]] = []
    ties: list[dict[str, Any]] = []
    for (name, direction), value in zip(sort, after, strict=True):
        if value is None and direction > 0:
            branches.append({"$and": [*ties, {name: {"$ne": None}}]})
        elif value is not None and direction > 0:
            branches.append({"$and": [*ties, {name: {"$gt": value}}]})
        elif value is not None:
            smaller: dict[str, Any] = {name: {"$lt": value}}
            if name != "_id":
                smaller = {"$or": [smaller, {name: None}]}
            branches.append({"$and": [*ties, smaller]})
        ties = [*ties, {name: {"$eq": value}}]
    if not branches:
        return {"_id": {"$in": []}}
    if len(branches) == 1:
        only = branches[0]["$and"]
        return only[0] if len(only) == 1 else branches[0]
    return {"$or": branches}


def _value(head: dict[str, Any], name: str) -> Any:
    value: Any = head
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
