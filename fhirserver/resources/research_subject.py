"""What a ResearchSubject says about an enrolment: its state, its comparison group, whom and which study it joins.

https://hl7.org/fhir/R5/researchsubject.html
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.fhirjson import Resource, interval

STATES = "http://terminology.hl7.org/CodeSystem/research-subject-state"
STATE_TYPES = "http://terminology.hl7.org/CodeSystem/research-subject-state-type"
ENROLLMENT = "Enrollment"
_ARM = "http://hl7.org/fhir/4.0/StructureDefinition/extension-ResearchSubject."
_ARMS = MappingProxyType({"assignedComparisonGroup": f"{_ARM}assignedArm", "actualComparisonGroup": f"{_ARM}actualArm"})
DEFAULT_STATE = "candidate"
"""What a subject without any enrolment state is taken for."""


def trail(subject: Resource) -> tuple[str, ...]:
    """The enrolment states in the order they were entered, the present one last; never empty."""
    entries = [entry for entry in subject.get("progress", ()) if _code(entry) and _is_enrollment(entry)]
    ordered = sorted(entries, key=lambda entry: _moment(entry.get("startDate")))
    open_ = [entry for entry in ordered if "endDate" not in entry and "_endDate" not in entry]
    if open_:
        # The present state has no end; an ended one that was noted later belongs to the past all the same.
        ordered.remove(open_[-1])
        ordered.append(open_[-1])
    return tuple(_code(entry) for entry in ordered) or (DEFAULT_STATE,)


def group(subject: Resource, name: str) -> str | None:
    """The comparison group in an element: its linkId, or the name of an arm that R4 said and that is no id."""
    said = subject.get(name)
    for extension in subject.get("extension", ()) if said is None else ():
        if extension.get("url") == _ARMS[name]:
            said = extension.get("valueString")
    return said if isinstance(said, str) else None


def reference(resource: Resource, name: str) -> str | None:
    """The literal reference in an element."""
    value = resource.get(name)
    text = value.get("reference") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def compose(study: str, subject: str, state: str, today: str, **more: Any) -> Resource:
    """A new ResearchSubject in `state` from today on; `more` holds further elements, None for those it has not."""
    made: Resource = {"resourceType": "ResearchSubject"}
    if more.get("identifier") is not None:
        made["identifier"] = more["identifier"]
    made |= {
        "status": "active",
        "progress": [
            {
                "type": {"coding": [{"system": STATE_TYPES, "code": ENROLLMENT}]},
                "subjectState": {"coding": [{"system": STATES, "code": state}]},
                "startDate": today,
            }
        ],
        "period": {"start": today},
        "study": {"reference": study},
        "subject": {"reference": subject},
    }
    made |= {name: value for name, value in more.items() if name != "identifier" and value is not None}
    return made


def _code(entry: Resource) -> str:
    for coding in entry.get("subjectState", {}).get("coding", ()):
        if coding.get("system") == STATES and isinstance(coding.get("code"), str):
            return str(coding["code"])
    return ""


def _is_enrollment(entry: Resource) -> bool:
    codings = entry.get("type", {}).get("coding", ())
    return not codings or any(coding.get("code") == ENROLLMENT for coding in codings)


def _moment(date: Any) -> float:
    if not isinstance(date, str):
        return float("-inf")
    try:
        return interval(date).low.timestamp()
    except (BadRequest, OverflowError, ValueError):
        return float("-inf")
