"""Pages over several types: one type after the other, or in one order by id or by time.

https://hl7.org/fhir/R5/search.html#searchcontexts
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver.interactions import matches
from fhirserver.interactions.resolve import resolved
from fhirserver.interactions.server import Reader, Server
from fhirserver.search.ast import Node
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import SearchRequest
from fhirserver.store.documents import Page, Version
from fhirserver.store.merging import Key
from fhirserver.store.walks import Stretch

Position = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A search on one of several types; `node` is what is to be found, and not resolved yet."""

    request: SearchRequest
    node: Node


@dataclass(frozen=True, slots=True)
class Found:
    """A page; `following` is where the next one begins, None after the last."""

    items: list[Version]
    following: Position | None


async def page(server: Server, reader: Reader, asked: Mapping[str, Asked], count: int, after: Position | None) -> Found:
    """The next page of a search over these types, which stand in their order."""
    sort = next(iter(asked.values())).request.sort if asked else ()
    if len(asked) > 1 and sort:
        return await _merged(server, reader, asked, sort, count, after)
    return await _one_by_one(server, reader, asked, count, after)


async def total(server: Server, reader: Reader, asked: Mapping[str, Asked]) -> int:
    """How many a search over these types finds."""
    return sum([await _total(server, reader, each) for each in asked.values()])


async def _one_by_one(
    server: Server, reader: Reader, asked: Mapping[str, Asked], count: int, after: Position | None
) -> Found:
    """Type after type until the page is full; of the types behind it is only asked whether there is anything."""
    first, inner = (after[0], after[1:] or None) if after else ("", None)
    items: list[Version] = []
    for type_, each in asked.items():
        if type_ < first:
            continue
        if len(items) == count:
            if await _total(server, reader, each, 1):
                return Found(items, (type_,))
            continue
        own = await _page(server, reader, each, count - len(items), inner if type_ == first else None)
        items += own.items
        if own.more and own.last is not None:
            return Found(items, (type_, *own.last))
    return Found(items, None)


async def _merged(
    server: Server,
    reader: Reader,
    asked: Mapping[str, Asked],
    sort: Sequence[tuple[str, bool]],
    count: int,
    after: Position | None,
) -> Found:
    keys: list[Key] = [("_id" if code == "_id" else "at", down) for code, down in sort]
    if keys[-1][0] != "_id":
        keys.append(("_id", keys[-1][1]))
    while keys[0][0] == "_id" and len(keys) > 1:
        keys.pop()  # nothing comes after the id
    stretches = [
        Stretch(type_, to_mongo(await resolved(server, reader, each.node), server.release))
        for type_, each in asked.items()
    ]
    met = await reader.merged(stretches, keys, after, count + 1)
    items = await reader.met([each.step for each in met[:count]])
    return Found(items, met[count - 1].place if len(met) > count else None)


async def _page(server: Server, reader: Reader, asked: Asked, count: int, after: Position | None) -> Page:
    node = await resolved(server, reader, asked.node)
    return await matches.page(server, reader, asked.request, node, count, after)


async def _total(server: Server, reader: Reader, asked: Asked, cap: int | None = None) -> int:
    node = await resolved(server, reader, asked.node)
    return await matches.total(server, reader, asked.request, node, cap)
