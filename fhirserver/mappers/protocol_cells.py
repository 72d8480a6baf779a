"""What each arm does in each epoch, as child actions of the arm's action.

https://hl7.org/fhir/R5/plandefinition-definitions.html#PlanDefinition.action
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.activity_definition import canonical
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.protocol_parts import Cell, Element, Protocol
from fhirserver.mappers.schedule import ruled

Resource = dict[str, Any]


def cells(plan: Resource, protocol: Protocol, names: Naming) -> None:
    """Adds an action an epoch to each arm, below it one an element with its rules."""
    titles = {one.named.key: one.named.title for one in protocol.epochs}
    order = {one.named.key: number for number, one in enumerate(protocol.epochs)}
    arms = {action["id"]: action for action in plan.get("action", ())}
    number: dict[int, int] = {}
    for cell in sorted(protocol.cells, key=lambda one: order.get(one.epoch, len(order))):
        action = arms.get(f"arm-{names.arms[cell.arm]}")
        if action is None:
            continue
        number[cell.arm] = number.get(cell.arm, 0) + 1
        # An arm's name has no dot, so no other arm's id is the same.
        id_ = f"{action['id']}.epoch-{number[cell.arm]}"
        action.setdefault("action", []).append(_cell(cell, id_, titles.get(cell.epoch, "Epoch"), names))


def _cell(cell: Cell, id_: str, title: str, names: Naming) -> Resource:
    found: Resource = {"id": id_, "linkId": id_, "title": title}
    within = [_element(one, f"{id_}-{position}", names) for position, one in enumerate(cell.elements, 1)]
    return found | ({"action": within} if within else {})


def _element(one: Element, id_: str, names: Naming) -> Resource:
    found: Resource = {"id": id_, "linkId": id_, "prefix": one.named.name, "title": one.named.title}
    described = "\n".join(part for part in (one.named.description, *one.named.notes) if part)
    if described:
        found["description"] = described
    if one.rules:
        found["condition"] = ruled(one.rules)
    given = [
        {"id": f"{id_}-{number}", "linkId": f"{id_}-{number}", "definitionCanonical": canonical(names, position)}
        for number, position in enumerate(one.interventions, 1)
    ]
    return found | ({"action": given} if given else {})
