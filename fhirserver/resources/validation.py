"""Validation of written resources: one walk over the definitions' tables that reports all it finds.

https://hl7.org/fhir/R5/validation.html
"""

from __future__ import annotations

from typing import Any, Literal

from fhirserver.errors import Issue, Malformed, Unprocessable
from fhirserver.resources.findings import LIMIT, Finding
from fhirserver.resources.registry import Release
from fhirserver.resources.shapes import resource_check

Level = Literal["strict", "structure"]


def validate(release: Release, resource: dict[str, Any], *, level: Level = "strict") -> list[Issue]:
    """All that is wrong with a resource, at most LIMIT issues; empty when it is valid.

    'structure' leaves out the rules that say which codes and which types of reference an element takes.
    """
    try:
        findings = resource_check(release, level == "strict")(resource)
    except RecursionError:
        findings = [Finding("", "structure", "The resource is nested too deeply to be checked: make it flatter.")]
    if not findings:
        return []
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    root = kind if isinstance(kind, str) else "Resource"
    issues = [Issue("error", found.code, found.sentence, (root + found.path,)) for found in findings[:LIMIT]]
    if len(findings) > LIMIT:
        issues.append(Issue("information", "too-long", f"Only the first {LIMIT} issues are listed.", (root,)))
    return issues


def check(release: Release, resource: dict[str, Any], level: Level = "strict") -> None:
    """Refuses a resource that is not valid: Malformed when its JSON has not the type's shape, Unprocessable else."""
    issues = validate(release, resource, level=level)
    if issues:
        structural = any(issue.code == "structure" for issue in issues)
        raise (Malformed if structural else Unprocessable)(issues)
