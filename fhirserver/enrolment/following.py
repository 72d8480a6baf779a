"""What follows an enrolment: the member of a Group, the study's number, the links between them. Pure edits of copies.

https://hl7.org/fhir/R5/group.html and https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from fhirserver.fhirjson import Resource

GROUP_TYPES: Mapping[str, str] = MappingProxyType(
    {"Patient": "person", "Group": "person", "Device": "device", "Specimen": "specimen"}
)
"""Subject type → Group.type of those that list it; a Group cannot have other subjects (Medication, Substance …)."""


def member(entity: str, start: str) -> Resource:
    """A new member from `start` on."""
    return {"entity": {"reference": entity}, "period": {"start": start}}


def ended(one: Resource, end: str) -> Resource:
    """The member after it left."""
    return {**one, "period": {**one.get("period", {}), "end": end}, "inactive": True}


def resumed(one: Resource, start: str) -> Resource:
    """The member after it came back: a new period, as the old one is in the Group's history."""
    if not one.get("inactive"):
        return one
    return {**{name: value for name, value in one.items() if name != "inactive"}, "period": {"start": start}}


def is_present(one: Resource) -> bool:
    """Whether a member takes part now."""
    return not one.get("inactive")


def counted(group: Resource, quantity: int) -> Resource:
    """The Group with its number of present members; only an enumerated Group may have members."""
    made: Resource = {}
    for name, value in group.items():
        if name == "member":
            made["quantity"] = quantity
        made[name] = value
    made["quantity"] = quantity
    return made | {"membership": "enumerated"}


def new_group(name: str, subject_type: str, members: Sequence[Resource]) -> Resource:
    """A Group of subjects for a study that has none."""
    made: Resource = {
        "resourceType": "Group",
        "active": True,
        "type": GROUP_TYPES[subject_type],
        "membership": "enumerated",
        "name": name,
        "quantity": sum(map(is_present, members)),
    }
    return made | {"member": list(members)} if members else made


def with_number(study: Resource, before: int, after: int) -> Resource:
    """The study whose actualNumber follows the number of places taken from `before` to `after`.

    A number of another's (a registry's, for subjects enrolled elsewhere) is never lowered; ours passes it in time.
    """
    recruitment = study.get("recruitment", {})
    said = recruitment.get("actualNumber")
    number = after if said is None or said == before else max(said, after)
    if number == said:
        return study
    return study | {"recruitment": _placed(recruitment, "actualNumber", number, after_="targetNumber")}


def with_roster(study: Resource, group: str) -> Resource:
    """The study linked to its roster."""
    return study | {"recruitment": {**study.get("recruitment", {}), "actualGroup": {"reference": group}}}


def with_arm_group(study: Resource, link_id: str, group: str) -> Resource:
    """The study whose comparison group is linked to the Group of its subjects."""
    arms = [
        {**arm, "observedGroup": {"reference": group}} if arm.get("linkId", arm.get("name")) == link_id else arm
        for arm in study.get("comparisonGroup", ())
    ]
    return study | {"comparisonGroup": arms}


def _placed(element: Resource, name: str, value: int, *, after_: str) -> Resource:
    if name in element:
        return {**element, name: value}
    made: Resource = {} if after_ in element else {name: value}
    for key, item in element.items():
        made[key] = item
        if key == after_:
            made[name] = value
    return made
