"""Members of a Group, each with the versions of the Group between which it was one.

https://hl7.org/fhir/R5/group.html

    {_id, g: "<group id>", e: "Patient/1", n: <order>, from: <first version>, to: <first version without it>, m: {…}}

`to` is OPEN for a present member. A member is in version V exactly when from <= V < to, so a version that was read
can be assembled while others write the next one. In the Group's own document `r.member` is an empty list, which marks
the place, and `m` holds {count, next}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.store.codec import Document, storable
from fhirserver.store.context import Context
from fhirserver.store.documents import Stored

TYPE = "Group"
OPEN = 2**53
_BATCH = 5000


def has_rows(stored: Stored) -> bool:
    """Whether members of this version lie in the members collection."""
    return bool(stored.members and stored.members["count"])


def count(stored: Stored) -> int:
    """How many members this version has."""
    return int(stored.members["count"]) if stored.members else 0


def following(stored: Stored | None) -> float:
    """An order number above every one given in this Group."""
    return float(stored.members["next"]) if stored and stored.members else 0.0


def entity(member: dict[str, Any]) -> str:
    """The reference of a member's entity, relative where it can be; empty when it has none."""
    value = member.get("entity")
    reference = value.get("reference") if isinstance(value, dict) else None
    if not isinstance(reference, str):
        return ""
    taken = fhirjson.literal(reference)
    return taken.local if taken and taken.base is None else reference


def emptied(resource: Resource) -> tuple[Resource, list[dict[str, Any]]]:
    """The small document, an empty list at the place of the members, and the members."""
    found = resource.get("member")
    if not isinstance(found, list) or not found:
        return {name: value for name, value in resource.items() if name != "member"}, []
    return {**resource, "member": []}, found


def filled(resource: Resource, found: list[dict[str, Any]]) -> Resource:
    """The whole Group again; a place for members that nobody takes disappears."""
    if not found:
        return {name: value for name, value in resource.items() if name != "member"}
    return {**resource, "member": found}


async def rows(ctx: Context, group: str, version: int) -> list[Document]:
    """The rows of the members in a version, in order."""
    where = {"g": group, "to": {"$gt": version}, "from": {"$lte": version}}
    cursor = ctx.members.find(where, {"n": 1, "m": 1}, batch_size=_BATCH, session=ctx.session)
    found = await cursor.to_list(None)
    found.sort(key=lambda row: row["n"])
    return found


async def at(ctx: Context, group: str, version: int) -> list[dict[str, Any]]:
    """The members in a version, in order."""
    return [row["m"] for row in await rows(ctx, group, version)]


async def at_each(ctx: Context, group: str, versions: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    """The members in each of several versions, in order; each is read once, however many versions have it."""
    where = {"g": group, "to": {"$gt": min(versions)}, "from": {"$lte": max(versions)}}
    wanted = {"n": 1, "m": 1, "from": 1, "to": 1}
    found = await ctx.members.find(where, wanted, batch_size=_BATCH, session=ctx.session).to_list(None)
    found.sort(key=lambda row: row["n"])
    return {number: [row["m"] for row in found if row["from"] <= number < row["to"]] for number in versions}


async def open_rows(ctx: Context, group: str, reference: str) -> list[Document]:
    """The rows of one entity that is a member now."""
    cursor = ctx.members.find({"e": reference, "to": OPEN, "g": group}, session=ctx.session)
    return await cursor.to_list(None)


async def insert(ctx: Context, group: str, version: int, placed: list[tuple[float, dict[str, Any]]]) -> None:
    """Makes members from `version` on, each at its order number."""
    for begin in range(0, len(placed), _BATCH):
        made = [
            {"g": group, "e": entity(m), "n": order, "from": version, "to": OPEN, "m": storable(m)}
            for order, m in placed[begin : begin + _BATCH]
        ]
        await ctx.members.insert_many(made, ordered=False, session=ctx.session)


async def close(ctx: Context, version: int, ids: list[Any]) -> None:
    """Ends memberships: `version` is the first without them."""
    for begin in range(0, len(ids), _BATCH):
        where = {"_id": {"$in": ids[begin : begin + _BATCH]}}
        await ctx.members.update_many(where, {"$set": {"to": version}}, session=ctx.session)


async def close_all(ctx: Context, group: str, version: int) -> None:
    """Ends every membership of a Group that is deleted."""
    await ctx.members.update_many({"g": group, "to": OPEN}, {"$set": {"to": version}}, session=ctx.session)
