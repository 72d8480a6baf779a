"""Moves a subject into or out of a study's Group, at a cost that does not depend on how many are in it.

https://hl7.org/fhir/R5/group.html. Group.quantity is the running count, kept in the transaction that changes members.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from fhirserver.enrolment import following
from fhirserver.errors import Gone, NotFound
from fhirserver.fhirjson import Resource
from fhirserver.interactions.enrol_facts import read
from fhirserver.interactions.indexed import indexed
from fhirserver.resources.registry import Release
from fhirserver.settings import Settings
from fhirserver.store.store import Tx


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


async def move(tx: Tx, settings: Settings, release: Release, roll: Roll, one: Move) -> tuple[int, int]:
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
        await _change(tx, release, roll.id, one, touch)
    except (NotFound, Gone):
        before = None
    if before is not None:
        return before, max(before + (1 if one.comes else -1), 0)
    return await _mend(tx, settings, release, roll, one)


async def _change(tx: Tx, release: Release, id_: str, one: Move, touch: Callable[[Resource], Resource]) -> None:
    if not await tx.has_member(id_, one.entity):
        if one.comes:
            await tx.add_members(id_, [following.member(one.entity, one.on)], release=release, touch=touch)
    elif one.comes:
        await tx.set_member(
            id_, one.entity, lambda found: following.resumed(found, one.on), release=release, touch=touch
        )
    elif one.erased:
        await tx.remove_members(id_, [one.entity], release=release, touch=touch)
    else:
        await tx.set_member(id_, one.entity, lambda found: following.ended(found, one.on), release=release, touch=touch)


async def _mend(tx: Tx, settings: Settings, release: Release, roll: Roll, one: Move) -> tuple[int, int]:
    """Writes the Group from the records of all its subjects: there was none, or someone changed it by hand."""
    counted = await roll.recount() - {one.entity}
    before = len(counted) if one.comes else len(counted) + 1
    if one.comes:
        roll.decide(before)
    wanted = counted | {one.entity} if one.comes else counted
    group = await read(tx, f"Group/{roll.id}")
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
    await tx.put(made, type="Group", id=roll.id, release=release, entry=indexed(settings, release, made))
    return before, len(wanted)
