"""What the rules say, in the words of the release that a client speaks: they judge by R5's.

https://hl7.org/fhir/R4/researchsubject.html, https://hl7.org/fhir/R4/researchstudy.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from fhirserver.errors import FhirError, Issue
from fhirserver.resources.registry import Release

_ELEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "ResearchSubject.subject": "ResearchSubject.individual",
        "ResearchSubject.progress": "ResearchSubject.status",
        "ResearchSubject.assignedComparisonGroup": "ResearchSubject.assignedArm",
        "ResearchSubject.actualComparisonGroup": "ResearchSubject.actualArm",
    }
)
_PHRASES: Mapping[str, str] = MappingProxyType(
    {
        "enrol when its present ResearchStudy.progressStatus is recruiting, enrolling-by-invitation or active": (
            "enrol when its status is active"
        ),
        "has the status 'draft'": "has the status 'in-review'",
        "has the status 'retired'": "has the status 'completed'",
        "is no comparison group of": "is no arm of",
        "ResearchStudy.recruitment.targetNumber": "the targetNumber of its recruitment, an element of R5,",
        "ResearchStudy.recruitment.actualGroup": "ResearchStudy.enrollment",
        "ResearchStudy.comparisonGroup.observedGroup": "The Group of an arm",
    }
)


def told(release: Release, issues: Iterable[Issue]) -> tuple[Issue, ...]:
    """The issues as a client of `release` knows the elements."""
    if release == "R5":
        return tuple(issues)
    return tuple(_told(issue) for issue in issues)


def refusal(release: Release, error: FhirError) -> FhirError:
    """A refusal in the same words."""
    return error if release == "R5" else type(error)(told(release, error.issues), headers=error.headers)


def _told(issue: Issue) -> Issue:
    said = issue.diagnostics
    for phrase, other in _PHRASES.items():
        said = said.replace(phrase, other)
    return replace(issue, diagnostics=said, expression=tuple(_ELEMENTS.get(each, each) for each in issue.expression))
