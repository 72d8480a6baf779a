"""The protocol of a study: an action an arm, below it an action an intervention, further courses under their condition.

https://hl7.org/fhir/R5/plandefinition.html
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.mappers import activity_definition
from fhirserver.mappers.codes import OUTCOME, THO, UCUM, concept
from fhirserver.mappers.courses import Course, further_courses
from fhirserver.mappers.identity import identifier, reference, uri
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.parts import Arm, Outcome
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]

_DUE = re.compile(r"(?:at |after |up to )?(\d{1,4}) (minute|hour|day|week|month|year)s?", re.IGNORECASE)
_UNITS = {"minute": "min", "hour": "h", "day": "d", "week": "wk", "month": "mo", "year": "a"}
_WORDS = {code: word for word, code in _UNITS.items()}


def protocol(trial: Trial, names: Naming) -> Resource:
    """The protocol."""
    title = trial.title.value if trial.title else names.stem
    actions = [_arm(trial, names, position) for position in range(len(trial.arms))]
    given = {position for arm in trial.arms for position in arm.interventions}
    actions += [
        _given(trial, names, position, f"intervention-{names.interventions[position]}")
        for position in range(len(trial.interventions))
        if position not in given
    ]
    plan: Resource = {
        "resourceType": "PlanDefinition",
        "id": names.protocol,
        "text": _text(trial, title, actions),
        "url": uri("PlanDefinition", names.protocol),
        "identifier": [identifier("PlanDefinition", names.protocol)],
        "title": f"Protocol of {title}",
        "type": {
            "coding": [
                {"system": THO + "plan-definition-type", "code": "clinical-protocol", "display": "Clinical Protocol"}
            ]
        },
        "status": "active",
        "subjectReference": reference("Group", names.eligibility, f"Eligible for {title}"),
    }
    if trial.sponsor:
        plan["publisher"] = trial.sponsor.name
    if trial.summary:
        plan["description"] = trial.summary.value
    if trial.outcomes:
        plan["goal"] = [_goal(one, number) for number, one in enumerate(trial.outcomes, 1)]
    if actions:
        plan["action"] = actions
    return plan


def _goal(one: Outcome, number: int) -> Resource:
    code, display = OUTCOME.get(one.kind, OUTCOME["OTHER"])
    target: Resource = {"measure": {"text": one.measure}}
    match = _DUE.fullmatch(one.time_frame or "")
    if match:
        unit = match[2].casefold()
        target["due"] = {
            "value": int(match[1]),
            "unit": unit if match[1] == "1" else f"{unit}s",
            "system": UCUM,
            "code": _UNITS[unit],
        }
    return {
        "id": f"goal-{number}",
        "category": concept("research-study-objective-type", code or "exploratory", display),
        "description": {"text": one.measure},
        "target": [target],
    }


def _arm(trial: Trial, names: Naming, position: int) -> Resource:
    arm = trial.arms[position]
    link_id = names.arms[position]
    action: Resource = {"id": f"arm-{link_id}", "linkId": link_id, "title": arm.label}
    if arm.description:
        action["description"] = arm.description
    # Another arm's name may end in a number too ('S+' and 'S-' are 's' and 's-2'); no name has a dot.
    below = f"arm-{link_id}." if any(one.startswith(f"{link_id}-") for one in names.arms) else f"arm-{link_id}-"
    children = [_given(trial, names, one, f"{below}{number}") for number, one in enumerate(arm.interventions, 1)]
    first = [child["id"] for child in children]
    for number, course in enumerate(further_courses(arm.description or ""), 1):
        children.append(_further(course, arm, names, first, f"{below}course-{number}"))
    if children:
        action["action"] = children
    return action


def _given(trial: Trial, names: Naming, position: int, id_: str) -> Resource:
    one = trial.interventions[position]
    action: Resource = {"id": id_, "linkId": id_, "title": activity_definition.label(one)}
    if one.description:
        action["description"] = one.description
    action["definitionCanonical"] = activity_definition.canonical(names, position)
    return action


def _further(course: Course, arm: Arm, names: Naming, first: list[str], id_: str) -> Resource:
    """A course that is given only under a condition, which stands in the record's words and is for people to judge."""
    action: Resource = {
        "id": id_,
        "linkId": id_,
        "title": course.name[0].upper() + course.name[1:],
        "description": course.sentence,
        "condition": [
            {
                "kind": "applicability",
                "expression": {
                    "description": course.condition,
                    "language": "text/plain",
                    "expression": course.condition,
                },
            }
        ],
    }
    related: list[Resource] = [{"targetId": target, "relationship": "after"} for target in first]
    if course.count is not None and course.unit:
        word = _WORDS[course.unit]
        offset = {
            "value": course.count,
            "unit": word if course.count == 1 else f"{word}s",
            "system": UCUM,
            "code": course.unit,
        }
        for one in related:
            one["offsetDuration"] = offset
    if related:
        action["relatedAction"] = related
    action["requiredBehavior"] = "could"
    # 'The same treatment' is certain only where the arm has one.
    if len(arm.interventions) == 1 and course.same:
        action["definitionCanonical"] = activity_definition.canonical(names, arm.interventions[0])
    return action


def _text(trial: Trial, title: str, actions: list[Resource]) -> Resource:
    rows = [
        (
            action["title"],
            [
                action.get("description", ""),
                *(
                    child["title"]
                    + (
                        f" – only if: {child['condition'][0]['expression']['description']}"
                        if "condition" in child
                        else ""
                    )
                    for child in action.get("action", ())
                ),
            ],
        )
        for action in actions
    ]
    goals = [
        (f"{kind.capitalize()} outcome", [o.measure for o in trial.outcomes if o.kind == kind]) for kind in OUTCOME
    ]
    return narrative(f"Protocol of {title}", [*rows, *goals])
