"""Writing Groups: whole, or a few members at a time at a cost that does not depend on how many there are.

https://hl7.org/fhir/R5/group.html; everything here runs inside a transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from msgspec import structs

from fhirserver import fhirjson
from fhirserver.errors import Gone, NotFound
from fhirserver.fhirjson import Resource
from fhirserver.store import batches, members, reads, superseding
from fhirserver.store.alignment import align
from fhirserver.store.codec import Document, storable
from fhirserver.store.context import Context
from fhirserver.store.documents import IndexEntry, Put, Stored, Written, stamped, superseded, terms
from fhirserver.store.members import TYPE
from fhirserver.store.versions import check, following, is_unchanged, step

Touch = Callable[[Resource], Resource]
Indexer = Callable[[Resource], IndexEntry]


@dataclass(frozen=True, slots=True)
class Membership:
    """The outcome of a change of members: the Group's version and instant, and how many members it has now."""

    version: int
    at: datetime
    count: int
    changed: bool


@dataclass(frozen=True, slots=True)
class _Entry:
    t: list[str]
    x: list[dict[str, Any]]
    s: dict[str, str]
    f: dict[str, Any]
    w: int
    o: str


async def put(ctx: Context, item: Put) -> Written:
    """Writes a whole Group: members that stay keep their rows, so the cost is that of reading them."""
    current = await reads.current(ctx, TYPE, item.id)
    check(TYPE, item.id, current, item.expected, item.create_only)
    small, new = members.emptied(item.resource)
    there = current is not None and members.has_rows(current)
    rows = await members.rows(ctx, item.id, current.version) if there and current else []
    old_keys, new_keys = _keys([row["m"] for row in rows]), _keys(new)
    item = structs.replace(item, entry=_without_members(item.entry))
    if current is not None and old_keys == new_keys and is_unchanged(structs.replace(item, resource=small), current):
        return Written(await reads.whole(ctx, TYPE, item.id, current), False, False)
    plan = align(old_keys, [row["n"] for row in rows], new_keys, members.following(current))
    counts = {"count": len(new), "next": plan.next}
    after = step(item, current, small=small, members=counts)
    number = after.version.version
    await members.close(ctx, number, [rows[i]["_id"] for i in plan.removed])
    await members.insert(ctx, item.id, number, [(order, new[i]) for i, order in plan.added])
    await batches.write(ctx, {TYPE: [(current, after)]})
    return Written(after.version, after.created, True)


async def add(
    ctx: Context, group: str, new: Sequence[dict[str, Any]], release: str, touch: Touch | None, index: Indexer | None
) -> Membership:
    """Appends members."""
    current = await _present(ctx, group)
    if not new:
        return _same(current)
    first = members.following(current)
    version, at = following(current)
    await members.insert(ctx, group, version, [(first + i, member) for i, member in enumerate(new)])
    counts = {"count": members.count(current) + len(new), "next": first + len(new)}
    return await _renew(ctx, group, current, version, at, release, counts, touch, index)


async def remove(
    ctx: Context, group: str, references: Sequence[str], release: str, touch: Touch | None, index: Indexer | None
) -> Membership:
    """Ends the memberships of entities; one that is no member is passed over."""
    current = await _present(ctx, group)
    rows = [row for reference in dict.fromkeys(references) for row in await members.open_rows(ctx, group, reference)]
    if not rows:
        return _same(current)
    version, at = following(current)
    await members.close(ctx, version, [row["_id"] for row in rows])
    counts = {"count": members.count(current) - len(rows), "next": members.following(current)}
    return await _renew(ctx, group, current, version, at, release, counts, touch, index)


async def change(
    ctx: Context,
    group: str,
    reference: str,
    edit: Callable[[dict[str, Any]], dict[str, Any]],
    release: str,
    touch: Touch | None,
    index: Indexer | None,
) -> Membership:
    """Changes the member elements of one entity where they stand; NotFound when it is no member."""
    current = await _present(ctx, group)
    rows = await members.open_rows(ctx, group, reference)
    if not rows:
        raise NotFound(f"{reference} is no member of Group/{group}: add it first.")
    pairs = [(row, edit(dict(row["m"]))) for row in rows]
    pairs = [(row, made) for row, made in pairs if _keys([made]) != _keys([row["m"]])]
    if not pairs:
        return _same(current)
    version, at = following(current)
    await members.close(ctx, version, [row["_id"] for row, _ in pairs])
    await members.insert(ctx, group, version, [(row["n"], made) for row, made in pairs])
    counts = {"count": members.count(current), "next": members.following(current)}
    return await _renew(ctx, group, current, version, at, release, counts, touch, index)


async def _present(ctx: Context, group: str) -> Stored:
    batches.require(ctx, {TYPE})
    current = await reads.current(ctx, TYPE, group)
    if current is None:
        raise NotFound(f"Group/{group} is not there: create it first.")
    if current.gone:
        raise Gone(f"Group/{group} was deleted: create it again first.")
    return current


async def _renew(
    ctx: Context,
    group: str,
    current: Stored,
    version: int,
    at: datetime,
    release: str,
    counts: dict[str, Any],
    touch: Touch | None,
    index: Indexer | None,
) -> Membership:
    """Writes the next version of the small document; its index terms stay unless `index` gives new ones."""
    before = current.resource or {}
    resource = {name: value for name, value in before.items() if name != "member"}
    if touch:
        resource = touch(resource)
    if counts["count"]:
        resource = _placed(resource, list(before))
    resource = stamped(resource, TYPE, group, version, at)
    changes: Document = {"v": version, "at": at, "rel": release, "r": storable(resource), "m": counts}
    if index:
        entry = _without_members(index(resource))
        changes |= storable(terms(entry, group))
    superseding.keep(ctx, [superseded(TYPE, group, current)])
    where = {"_id": group, "v": current.version}
    await ctx.of(TYPE).update_one(where, {"$set": changes, "$unset": {"by": ""}}, session=ctx.session)
    ctx.seen[TYPE, group] = Stored(version, at, False, release, resource, counts)
    return Membership(version, at, counts["count"], True)


def _placed(resource: Resource, names: list[str]) -> Resource:
    """The resource with an empty member list, at the place among the properties that it had."""
    if "member" not in names:
        return {**resource, "member": []}
    later = set(names[names.index("member") + 1 :])
    made: Resource = {}
    for name, value in resource.items():
        if name in later and "member" not in made:
            made["member"] = []
        made[name] = value
    made.setdefault("member", [])
    return made


def _same(current: Stored) -> Membership:
    return Membership(current.version, current.at, members.count(current), False)


def _keys(found: Sequence[dict[str, Any]]) -> list[bytes]:
    return [fhirjson.canonical(member) for member in found]


def _without_members(entry: IndexEntry) -> IndexEntry:
    """Members are found by their own collection; as postings they would make the document grow with them."""
    kept = [term for term in entry.t if not term.startswith("member|")]
    if len(kept) == len(entry.t):
        return entry
    return _Entry(kept, entry.x, entry.s, entry.f, entry.w, entry.o)
