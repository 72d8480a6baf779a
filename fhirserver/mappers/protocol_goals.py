"""Objectives as the goals of a plan, each with the endpoints that tell whether it is met.

https://hl7.org/fhir/R5/plandefinition-definitions.html#PlanDefinition.goal
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.codes import OUTCOME, concept
from fhirserver.mappers.concepts import coding
from fhirserver.mappers.protocol_parts import Objective, Protocol
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]


def goals(protocol: Protocol, trial: Trial) -> list[Resource]:
    """One goal an objective, in the record's order."""
    return [_goal(one, number, trial) for number, one in enumerate(protocol.objectives, 1)]


def _goal(one: Objective, number: int, trial: Trial) -> Resource:
    code, display = OUTCOME[one.kind]
    category = concept("research-study-objective-type", code or "exploratory", display)
    if one.level and one.level.code:
        category["coding"].append(coding(one.level))
        category["text"] = one.level.display
    found: Resource = {"id": f"goal-{number}", "category": category, "description": {"text": one.text}}
    told = [part for part in (one.named.name, one.named.label, one.named.description, *one.named.notes) if part]
    found["documentation"] = [{"type": "documentation", "display": "; ".join(told)}]
    if one.outcomes:
        found["target"] = [{"measure": {"text": trial.outcomes[position].measure}} for position in one.outcomes]
    return found
