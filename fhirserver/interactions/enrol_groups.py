"""Moves a subject into or out of a study's Group, at a cost that does not depend on how many are in it.

https://hl7.org/fhir/R5/group.html. Group.quantity is the running count, kept in the transaction that changes members.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fhirserver.enrolment import following
from fhirserver.errors import Gone, NotFound
from fhirserver.fhirjson import Resource
from fhirserver.interactions.enrol_books import Books


@dataclass(frozen=True, slots=True)
class Move:
    """One subject comes or goes on a day; `erased` when its record was deleted rather than ended."""

    entity: str
    comes: bool
    on: str
    erased: bool = False


@dataclass(frozen=True, slots=True)
class Roll:
    """A Group of the study: its id, its name if it must be made, and how to count its subjects from the records.

    `decide` sees the number of places taken before one more is.
    """

    id: str
    name: str
    recount: Callable[[], Awaitable[frozenset[str]]]
    decide: Callable[[int], None]


async def move(books: Books, roll: Roll, one: Move) -> tuple[int, int]:
    """The number of present members before and after; makes or mends the Group when its count is not known."""
    before: int | None = None

    def touch(group: Resource) -> Resource:
        nonlocal before
        quantity = group.get("quantity")
        if not isinstance(quantity, int):
            return group
        before = quantity
        if one.comes:
            roll.decide(before)
        return following.counted(group, max(before + (1 if one.comes else -1), 0))

    try:
        await _change(books, roll.id, one, touch)
    except (NotFound, Gone):
        before = None
    if before is not None:
        return before, max(before + (1 if one.comes else -1), 0)
    return await _mend(books, roll, one)


async def _change(books: Books, id_: str, one: Move, touch: Callable[[Resource], Resource]) -> None:
    if not await books.holds(id_, one.entity):
        if one.comes:
            await books.join(id_, following.member(one.entity, one.on), touch)
    elif one.comes:
        await books.edit(id_, one.entity, lambda found: following.resumed(found, one.on), touch)
    elif one.erased:
        await books.leave(id_, one.entity, touch)
    else:
        await books.edit(id_, one.entity, lambda found: following.ended(found, one.on), touch)


async def _mend(books: Books, roll: Roll, one: Move) -> tuple[int, int]:
    """Writes the Group from the records of all its subjects: there was none, or someone changed it by hand."""
    counted = await roll.recount() - {one.entity}
    before = len(counted) if one.comes else len(counted) + 1
    if one.comes:
        roll.decide(before)
    wanted = counted | {one.entity} if one.comes else counted
    group = await books.group(roll.id)
    kept = {m["entity"].get("reference"): m for m in (group or {}).get("member", ())}
    if not one.comes and one.entity in kept:
        gone = kept.pop(one.entity)
        if not one.erased:
            kept[one.entity] = following.ended(gone, one.on) if following.is_present(gone) else gone
    for entity in sorted(wanted):
        kept[entity] = following.resumed(kept[entity], one.on) if entity in kept else following.member(entity, one.on)
    members = list(kept.values())
    made = following.new_group(roll.name, one.entity.partition("/")[0], members)
    if group is not None:
        made = following.counted(group, len(wanted)) | {"member": members}
        if not members:
            del made["member"]
    await books.put_group(roll.id, made)
    return before, len(wanted)
