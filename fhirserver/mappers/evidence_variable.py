"""What a study gives and what it measures as EvidenceVariables: exposures and outcomes.

https://hl7.org/fhir/R5/evidencevariable.html
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.mappers.activity_definition import canonical, label
from fhirserver.mappers.codes import UCUM
from fhirserver.mappers.identity import identifier, reference, uri
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]

ALSO = "Also known as: "
TIME_FRAME = "Time frame: "

_TIME = re.compile(
    r"(?:(?P<limit>up to|within)\s+|(?:at|after)\s+)?(?P<count>\d{1,4})\s*(?P<unit>minute|hour|day|week|month|year)s?",
    re.IGNORECASE,
)
_UNITS = {"minute": "min", "hour": "h", "day": "d", "week": "wk", "month": "mo", "year": "a"}


def exposures(trial: Trial, names: Naming) -> list[Resource]:
    """One variable an intervention, in the record's order."""
    return [_exposure(trial, names, position) for position in range(len(trial.interventions))]


def exposure(names: Naming, position: int, display: str) -> Resource:
    """A link to what is given."""
    return reference("EvidenceVariable", names.exposure(position), display)


def outcomes(trial: Trial, names: Naming) -> list[Resource]:
    """One variable an outcome, in the record's order."""
    return [_outcome(trial, names, position) for position in range(len(trial.outcomes))]


def _variable(id_: str, title: str, said: str | None, names: Naming, concept: str) -> Resource:
    made: Resource = {
        "resourceType": "EvidenceVariable",
        "id": id_,
        "text": narrative(title, [("Study", names.stem), ("Description", said)]),
        "url": uri("EvidenceVariable", id_),
        "identifier": [identifier("EvidenceVariable", id_)],
        "title": title,
        "status": "active",
    }
    if said:
        made["description"] = said
    made["characteristic"] = [{"definitionCodeableConcept": {"text": concept}}]
    return made


def _exposure(trial: Trial, names: Naming, position: int) -> Resource:
    one = trial.interventions[position]
    made = _variable(names.exposure(position), label(one), one.description, names, one.name)
    characteristic = made.pop("characteristic")
    if one.other_names:
        made["note"] = [{"text": ALSO + name} for name in one.other_names]
    made["relatedArtifact"] = [{"type": "derived-from", "resource": canonical(names, position)}]
    return made | {"characteristic": characteristic}


def _outcome(trial: Trial, names: Naming, position: int) -> Resource:
    one = trial.outcomes[position]
    made = _variable(names.outcome(position), one.measure, one.description, names, one.measure)
    if one.time_frame:
        made["characteristic"][0]["timeFromEvent"] = [_frame(one.time_frame)]
    return made


def _frame(words: str) -> Resource:
    """The time frame word for word; as a quantity only where it is one and no more."""
    found: Resource = {"description": words}
    match = _TIME.fullmatch(words)
    if match:
        unit = match["unit"].casefold()
        count = int(match["count"])
        quantity = {
            "value": count,
            "unit": unit if count == 1 else f"{unit}s",
            "system": UCUM,
            "code": _UNITS[unit],
        }
        if match["limit"]:
            found["range"] = {"high": quantity}
        else:
            found["quantity"] = quantity
    return found
