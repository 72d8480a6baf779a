"""The parameters of ResearchStudy/$enroll.

https://hl7.org/fhir/R5/operations.html and https://hl7.org/fhir/R5/parameters.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from fhirserver.errors import FhirError, Issue, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.research_subject import DEFAULT_STATE

PARAMETERS = (
    Parameter("subject", "Reference", "The Patient to be enrolled.", min=1, targets=("Patient",)),
    Parameter("consent", "Reference", "The Consent to take part in the study.", targets=("Consent",)),
    Parameter(
        "comparisonGroup",
        "string",
        "The linkId of the study's comparison group that the subject is assigned to, or its name.",
    ),
    Parameter(
        "state",
        "code",
        f"The enrolment state to begin with, one that is not final; {DEFAULT_STATE} when it is left out.",
    ),
    Parameter("identifier", "Identifier", "The subject's identifier in the study."),
)
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


def request(given: Arguments) -> Request:
    """What the arguments ask for; Unprocessable names the reference that is none to its target."""
    for row in PARAMETERS:
        for target in row.targets:
            reference = given.one(row.name, {}).get("reference")
            if row.name in given.found and not (isinstance(reference, str) and f"{target}/" in reference):
                raise Unprocessable(
                    f'\'{row.name}\' refers to a {target}: send {{"reference": "{target}/…"}}.',
                    expression=f"{given.where(row.name)}.value.ofType(Reference).reference",
                    code="value",
                )
    return Request(
        given.one("subject")["reference"],
        given.one("state", DEFAULT_STATE),
        given.one("consent"),
        given.one("comparisonGroup"),
        given.one("identifier"),
        {name: given.where(name) for name in given.found},
    )
