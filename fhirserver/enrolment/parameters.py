"""The parameters of ResearchStudy/$enroll, and the OperationDefinition that tells clients about them.

https://hl7.org/fhir/R5/operations.html and https://hl7.org/fhir/R5/parameters.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from fhirserver.errors import BadRequest, FhirError, Issue, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import VERSIONS, Release
from fhirserver.resources.research_subject import DEFAULT_STATE


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter: its type, the JSON properties that may carry it, whether it must be there."""

    type: str
    values: tuple[str, ...]
    documentation: str
    required: bool = False


PARAMETERS: Mapping[str, Parameter] = MappingProxyType(
    {
        "subject": Parameter("Reference", ("valueReference",), "The Patient to be enrolled.", True),
        "consent": Parameter("Reference", ("valueReference",), "The Consent to take part in the study."),
        "comparisonGroup": Parameter(
            "string",
            ("valueString", "valueId", "valueCode"),
            "The linkId of the study's comparison group that the subject is assigned to.",
        ),
        "state": Parameter(
            "code",
            ("valueCode", "valueString"),
            f"The enrolment state to begin with, one that is not final; {DEFAULT_STATE} when it is left out.",
        ),
        "identifier": Parameter("Identifier", ("valueIdentifier",), "The subject's identifier in the study."),
    }
)
_TARGETS: Mapping[str, str] = MappingProxyType({"subject": "Patient", "consent": "Consent"})
_SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "ResearchSubject.subject": "subject",
        "ResearchSubject.consent": "consent",
        "ResearchSubject.assignedComparisonGroup": "comparisonGroup",
        "ResearchSubject.progress": "state",
        "ResearchSubject.identifier": "identifier",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """What $enroll was asked; `where` is the FHIRPath of each parameter given."""

    subject: str
    state: str = DEFAULT_STATE
    consent: Resource | None = None
    comparison_group: str | None = None
    identifier: Resource | None = None
    where: Mapping[str, str] = field(default_factory=dict)

    def explained(self, error: FhirError) -> FhirError:
        """The same refusal in terms of the parameters that were sent, not of the ResearchSubject made from them."""
        return type(error)([self.explain(issue) for issue in error.issues], headers=error.headers)

    def explain(self, issue: Issue) -> Issue:
        """One issue of it."""
        where = tuple(self._source(path) for path in issue.expression)
        return Issue(issue.severity, issue.code, issue.diagnostics, where, issue.details)

    def _source(self, path: str) -> str:
        for head, name in _SOURCES.items():
            if path.startswith(head):
                return self.where.get(name, "Parameters")
        return "Parameters"


def request(parameters: Resource) -> Request:
    """Reads the Parameters; BadRequest or Unprocessable name the parameter that is unknown, doubled or ill-typed."""
    found: dict[str, Any] = {}
    where: dict[str, str] = {}
    for at, one in enumerate(parameters.get("parameter", ())):
        path = f"Parameters.parameter[{at}]"
        name = str(one.get("name"))
        known = PARAMETERS.get(name)
        if known is None:
            listed = ", ".join(PARAMETERS)
            raise BadRequest(f"$enroll has no parameter '{name[:64]}': it has {listed}.", expression=f"{path}.name")
        if name in found:
            raise BadRequest(f"'{name}' is given twice: give it once.", expression=path)
        value = next((one[key] for key in known.values if key in one), None)
        if value is None:
            raise BadRequest(f"'{name}' is a {known.type}: send it as {known.values[0]}.", expression=path)
        found[name] = value
        where[name] = path
    if "subject" not in found:
        raise BadRequest(
            "$enroll needs the parameter 'subject' with a valueReference to a Patient: add it.",
            expression="Parameters.parameter",
            code="required",
        )
    for name, target in _TARGETS.items():
        reference = found.get(name, {}).get("reference")
        if name in found and not (isinstance(reference, str) and f"{target}/" in reference):
            raise Unprocessable(
                f'\'{name}\' refers to a {target}: send {{"reference": "{target}/…"}}.',
                expression=f"{where[name]}.value.ofType(Reference).reference",
                code="value",
            )
    return Request(
        found["subject"]["reference"],
        found.get("state", DEFAULT_STATE),
        found.get("consent"),
        found.get("comparisonGroup"),
        found.get("identifier"),
        where,
    )


def operation_definition(release: Release, base: str) -> Resource:
    """The OperationDefinition of ResearchStudy/$enroll."""
    given: list[Resource] = []
    for name, one in PARAMETERS.items():
        row: Resource = {"name": name, "use": "in", "min": int(one.required), "max": "1"}
        row |= {"documentation": one.documentation, "type": one.type}
        if name in _TARGETS:
            row["targetProfile"] = [f"http://hl7.org/fhir/StructureDefinition/{_TARGETS[name]}"]
        given.append(row)
    made = {"name": "return", "use": "out", "min": 1, "max": "1", "type": "ResearchSubject"}
    made["documentation"] = "The ResearchSubject that was created."
    return {
        "resourceType": "OperationDefinition",
        "url": f"{base}/OperationDefinition/ResearchStudy-enroll",
        "version": VERSIONS[release],
        "name": "Enroll",
        "title": "Enrol a patient in a study",
        "status": "active",
        "kind": "operation",
        "affectsState": True,
        "description": (
            "Creates a ResearchSubject by the rules of enrolment: the study is open, the patient has no other active "
            "enrolment in it, the comparison group is the study's, a place is free. The study's roster, the Group of "
            "the comparison group and recruitment.actualNumber follow in the same transaction. A refusal names the "
            "rule in OperationOutcome.issue.details."
        ),
        "code": "enroll",
        "resource": ["ResearchStudy"],
        "system": False,
        "type": False,
        "instance": True,
        "parameter": [*given, made],
    }
