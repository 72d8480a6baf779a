"""What follows a write of a ResearchSubject: roster, Group of the comparison group, the study's actualNumber.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import uuid_utils

from fhirserver import fhirjson
from fhirserver.enrolment import following, rules
from fhirserver.enrolment.facts import Enrolment, Study
from fhirserver.errors import Issue, RuleConflict
from fhirserver.fhirjson import Resource
from fhirserver.interactions.enrol_books import Books
from fhirserver.interactions.enrol_groups import Move, Roll, move
from fhirserver.resources import research_study


@dataclass(frozen=True, slots=True)
class Change:
    """A write of the ResearchSubject `id`, and the days on which its subject would come or go."""

    before: Enrolment | None
    after: Enrolment | None
    others: tuple[Enrolment, ...]
    id: str
    start: str
    end: str

    @property
    def entity(self) -> str:
        """The subject as Type/id."""
        present = self.after or self.before
        return (present.local_subject if present else None) or ""

    def move(self, held: bool, holds: bool) -> Move | None:
        """The move from holding a place (or not) to holding one (or not)."""
        if held == holds:
            return None
        erased = self.after is None and not self.others
        return Move(self.entity, holds, self.start if holds else self.end, erased)


async def follow(books: Books, study: Resource, facts: Study, change: Change) -> list[Issue]:
    """Writes the Groups and the study where the change touches them; the target is judged on the way."""
    issues: list[Issue] = []

    def decide(taken: int) -> None:
        found = rules.target(facts, taken, enforce=books.settings.enforce_target_number)
        rules.refuse(found)
        issues.extend(found)

    def recount(link_id: str | None) -> Callable[[], Awaitable[frozenset[str]]]:
        async def count() -> frozenset[str]:
            everyone = books.everyone(study, but=change.id)
            return frozenset(
                [
                    one.local_subject
                    async for one in everyone
                    if one.holds_place and one.local_subject and (link_id is None or one.group == link_id)
                ]
            )

        return count

    made = study
    elsewhere = any(other.holds_place for other in change.others)
    held = elsewhere or bool(change.before and change.before.holds_place)
    holds = elsewhere or bool(change.after and change.after.holds_place)
    if step := change.move(held, holds):
        element = research_study.recruitment(study).get("actualGroup")
        id_, new = _group_id(element, "ResearchStudy.recruitment.actualGroup")
        name = f"Subjects of {research_study.title(study)}"
        before, after = await move(books, Roll(id_, name, recount(None), decide), step)
        made = following.with_number(made, before, after)
        if new:
            made = following.with_roster(made, f"Group/{id_}")
    for link_id, one in _arm_moves(change):
        arm = research_study.arm(made, link_id)
        if arm is None:
            continue
        id_, new = _group_id(arm.get("observedGroup"), "ResearchStudy.comparisonGroup.observedGroup")
        name = f"{arm.get('name', link_id)}: subjects of {research_study.title(study)}"
        await move(books, Roll(id_, name, recount(link_id), _any_number), one)
        if new:
            made = following.with_arm_group(made, link_id, f"Group/{id_}")
    if made is not study:
        books.rewrite(made)
    return issues


def _arm_moves(change: Change) -> list[tuple[str, Move]]:
    """Out of the old comparison group, into the new one."""
    old = change.before.group if change.before and change.before.holds_place else None
    new = change.after.group if change.after and change.after.holds_place else None
    if old == new:
        return []
    moves = []
    if old and not any(other.holds_place and other.group == old for other in change.others):
        moves.append((old, Move(change.entity, False, change.end, change.after is None)))
    if new and not any(other.holds_place and other.group == new for other in change.others):
        moves.append((new, Move(change.entity, True, change.start)))
    return moves


def _group_id(element: Resource | None, path: str) -> tuple[str, bool]:
    """The id of the Group in an element of the study, or a new id and True."""
    reference = element.get("reference") if element else None
    if not isinstance(reference, str):
        return str(uuid_utils.uuid7()), True
    found = fhirjson.literal(reference)
    if found is None or found.base is not None or found.type != "Group":
        raise RuleConflict([rules.roster_not_local(path, reference)])
    return found.id, False


def _any_number(_taken: int) -> None:
    """A comparison group has no target of its own."""
