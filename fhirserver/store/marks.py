"""A page of history before its bodies are read: which versions it holds, where each lies and about how large it is.

https://hl7.org/fhir/R5/http.html#history
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from fhirserver.fhirjson import Interval
from fhirserver.store import members
from fhirserver.store.codec import Document
from fhirserver.store.context import Context
from fhirserver.store.documents import BODY, Origin, Stored, Version, history_id, stored_of, version_of
from fhirserver.store.reads import fetch, together

PAGE_BYTES = 16 * 1024 * 1024
"""About how much a page may hold: a roster of thousands that changed a thousand times is no answer for one request."""

_MEMBER_BYTES = 150

FACTS: Document = {
    "v": 1,
    "at": 1,
    "gone": 1,
    "rel": 1,
    "by": 1,
    "members": "$m.count",
    "bytes": {"$bsonSize": {"$ifNull": ["$r", {}]}},
}
"""The projection of a document to what `mark_of` needs, beside its type and id."""

Key = tuple[str, str, int]
"""Type, id and version."""

Position = tuple[datetime, str, str, int]
"""A version's place in the order of all versions: its instant, and among equal instants its type, id and number."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which versions: those written from `since` on, and those that were current at some time of `during`."""

    since: datetime | None = None
    during: Interval | None = None


WHOLE = Window()


@dataclass(frozen=True, slots=True)
class Mark:
    """One version without its body; `old` when it lies in `history`, `weight` in bytes."""

    at: datetime
    type: str
    id: str
    version: int
    gone: bool
    release: str
    origin: Origin | None
    weight: int
    old: bool

    @property
    def key(self) -> Key:
        """What names the version."""
        return self.type, self.id, self.version

    @property
    def position(self) -> Position:
        """Its place among all versions."""
        return self.at, self.type, self.id, self.version


def mark_of(type: str, id: str, found: Mapping[str, Any], *, old: bool) -> Mark:
    """The mark of a document that was read with the projection FACTS."""
    weight = found["bytes"] + _MEMBER_BYTES * (found.get("members") or 0)
    return Mark(found["at"], type, id, found["v"], found["gone"], found["rel"], found.get("by"), weight=weight, old=old)


def fitting(marks: Sequence[Mark], limit: int) -> Sequence[Mark]:
    """The first of `marks` that make a page: at most `limit`, at least one, about PAGE_BYTES."""
    size = 0
    for number, mark in enumerate(marks[:limit]):
        size += mark.weight
        if size > PAGE_BYTES and number:
            return marks[:number]
    return marks[:limit]


async def bodies(ctx: Context, marks: Sequence[Mark]) -> list[Version]:
    """The versions of `marks`, in their order: two round trips for all that are not remembered, three with Groups."""
    found: dict[Key, Version] = {}
    wanted: list[Mark] = []
    for mark in marks:
        kept = ctx.kept(*mark.key)
        if kept is not None:
            found[mark.key] = kept
        elif mark.gone:
            found[mark.key] = Version(*mark.key, mark.at, True, mark.release, b"", mark.origin)
        else:
            wanted.append(mark)
    stored = await _stored(ctx, wanted)
    # Superseded since it was marked: history has it now.
    moved = [replace(mark, old=True) for mark in wanted if mark.key not in stored]
    stored |= await _stored(ctx, moved)
    of_groups = await _members(ctx, stored)
    for key, one in stored.items():
        resource = one.resource
        if resource is not None and key in of_groups:
            resource = members.filled(resource, of_groups[key])
        found[key] = ctx.keep(version_of(key[0], key[1], one, resource))
    return [found[mark.key] for mark in marks if mark.key in found]


async def _stored(ctx: Context, marks: Iterable[Mark]) -> dict[Key, Stored]:
    """What is stored of them, where they are marked to lie: one question for each collection."""
    current: dict[str, dict[str, Mark]] = {}
    old: dict[str, Mark] = {}
    for mark in marks:
        if mark.old:
            old[history_id(*mark.key)] = mark
        else:
            current.setdefault(mark.type, {})[mark.id] = mark
    works = [partial(_of_type, ctx, type_, by_id) for type_, by_id in current.items()]
    works += [partial(_of_history, ctx, old)] if old else []
    return {key: stored for part in await together(ctx, works) for key, stored in part.items()}


async def _of_type(ctx: Context, type: str, by_id: Mapping[str, Mark]) -> dict[Key, Stored]:
    read = {body["_id"]: stored_of(body) for body in await fetch(ctx, type, list(by_id), BODY)}
    return {by_id[id_].key: stored for id_, stored in read.items() if stored.version == by_id[id_].version}


async def _of_history(ctx: Context, by_id: Mapping[str, Mark]) -> dict[Key, Stored]:
    cursor = ctx.history.find({"_id": {"$in": list(by_id)}}, BODY, session=ctx.session)
    return {by_id[body["_id"]].key: stored_of(body) for body in await cursor.to_list(None)}


async def _members(ctx: Context, stored: Mapping[Key, Stored]) -> dict[Key, list[dict[str, Any]]]:
    """The members of those versions that have some."""
    versions: dict[str, list[int]] = {}
    for (type_, id_, number), one in stored.items():
        if type_ == members.TYPE and members.has_rows(one):
            versions.setdefault(id_, []).append(number)
    works = [partial(members.at_each, ctx, id_, numbers) for id_, numbers in versions.items()]
    found = await together(ctx, works)
    return {
        (members.TYPE, id_, number): rows
        for id_, by_number in zip(versions, found, strict=True)
        for number, rows in by_number.items()
    }
