"""ResearchSubject: R4's status is the state of the enrolment, R5 keeps all states a subject went through.

https://hl7.org/fhir/R5/researchsubject.html, https://hl7.org/fhir/R4/researchsubject.html
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from fhirserver.releases.crossing import ABSENT
from fhirserver.releases.parts import Node, Renamed, Reshaped, Rules, Walk
from fhirserver.resources.registry import codes
from fhirserver.resources.research_subject import ENROLLMENT, STATE_TYPES, STATES, trail

_UNKNOWN = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}


def _state(form: Node, _old: Node, walk: Walk) -> Node:
    """R4's status: the present state of the enrolment."""
    state = trail(form)[-1]
    known = codes("R4", "http://hl7.org/fhir/ValueSet/research-subject-status") or frozenset()
    made: Node = {"status": state} if state in known else {}
    return made | ({"_status": walk("Element", form["_status"])} if "_status" in form else {})


def _progress(form: Node, old: Node, walk: Walk) -> Node:
    """R5's status and progress. A state that was changed ends those that had no end, when is not known."""
    made: Node = {"status": old.get("status", "active")}
    if "_status" in form:
        made["_status"] = walk("Element", form["_status"])
    entries: list[Any] = [
        one if "endDate" in one or "subjectState" not in one else one | {"_endDate": _UNKNOWN}
        for one in old.get("progress", ())
    ]
    if "status" in form:
        entries.append(
            {
                "type": {"coding": [{"system": STATE_TYPES, "code": ENROLLMENT}]},
                "subjectState": {"coding": [{"system": STATES, "code": form["status"]}]},
            }
        )
    return made | ({"progress": entries} if entries else {})


RULES: Rules = MappingProxyType(
    {
        "ResearchSubject": (
            Reshaped(("status", "progress"), ("status",), _state, _progress),
            Renamed("subject", "individual"),
            # R4 names the arm and R5 its group's linkId: without the study at hand they are the same word or not known.
            Renamed("assignedComparisonGroup", "assignedArm"),
            Renamed("actualComparisonGroup", "actualArm"),
        ),
    }
)
