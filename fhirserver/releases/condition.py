"""Condition: R4's recorder and asserter are participants in R5; evidence is flat there; whether it goes on is demanded.

https://hl7.org/fhir/R5/condition.html, https://hl7.org/fhir/R4/condition.html
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from fhirserver.releases.forms import coded_as
from fhirserver.releases.parts import Node, Reshaped, Rules, Walk
from fhirserver.releases.views import View, viewed

FUNCTIONS = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_STATUS = "http://terminology.hl7.org/CodeSystem/condition-clinical"
_UNKNOWN: Node = {"coding": [{"system": _STATUS, "code": "unknown"}]}


def _participant(name: str, function: str) -> View:
    return View(
        name,
        False,
        lambda entry: coded_as(entry.get("function", {}), FUNCTIONS) == function,
        lambda entry, walk: walk("Reference", entry["actor"]),
        lambda value, walk: {
            "function": {"coding": [{"system": FUNCTIONS, "code": function}]},
            "actor": walk("Reference", value),
        },
    )


def _evidence(form: Node, _old: Node, walk: Walk) -> Node:
    made = []
    for one in form.get("evidence", ()):
        entry: Node = {"code": [walk("CodeableConcept", one["concept"])]} if "concept" in one else {}
        entry |= {"detail": [walk("Reference", one["reference"])]} if "reference" in one else {}
        if entry:
            made.append(entry)
    return {"evidence": made} if made else {}


def _flat(form: Node, _old: Node, walk: Walk) -> Node:
    """One manifestation with one detail is one entry, any other combination an entry each."""
    made: list[Any] = []
    for one in form.get("evidence", ()):
        concepts = [{"concept": walk("CodeableConcept", code)} for code in one.get("code", ())]
        references = [{"reference": walk("Reference", detail)} for detail in one.get("detail", ())]
        if len(concepts) == 1 == len(references):
            made.append(concepts[0] | references[0])
        else:
            made += [*concepts, *references]
    return {"evidence": made} if made else {}


def _status(form: Node, _old: Node, walk: Walk) -> Node:
    """R4 has no code for what is not known; a condition that abated must be one that does not go on."""
    found = form.get("clinicalStatus")
    if found is None or coded_as(found, _STATUS) == "unknown":
        return {}
    return {"clinicalStatus": walk("CodeableConcept", found)}


def _known(form: Node, _old: Node, walk: Walk) -> Node:
    found = form.get("clinicalStatus")
    return {"clinicalStatus": _UNKNOWN if found is None else walk("CodeableConcept", found)}


RULES: Rules = MappingProxyType(
    {
        "Condition": (
            Reshaped(
                ("clinicalStatus",),
                ("clinicalStatus",),
                _status,
                _known,
                settled=frozenset({"active", "recurrence", "relapse", "inactive", "remission", "resolved"}),
            ),
            viewed("participant", (_participant("recorder", "author"), _participant("asserter", "informant"))),
            Reshaped(("evidence",), ("evidence",), _evidence, _flat),
        ),
    }
)
