"""Validation of written resources: one walk over the definitions' tables that reports all it finds.

https://hl7.org/fhir/R5/validation.html
"""

from __future__ import annotations

from typing import Any, Literal

from fhirserver.errors import Issue, Malformed, Unprocessable
from fhirserver.resources.fhirpath.environment import HOST, Host, Place
from fhirserver.resources.findings import LIMIT, Finding
from fhirserver.resources.registry import Release
from fhirserver.resources.shapes import Depth, resource_check

Level = Literal["strict", "structure"]


def validate(
    release: Release,
    resource: dict[str, Any],
    *,
    level: Level = "strict",
    warnings: bool = False,
    host: Host = HOST,
) -> list[Issue]:
    """All that is wrong with a resource, at most LIMIT issues; empty when it is valid.

    'structure' leaves out the rules that say which codes and which types of reference an element takes, and the
    invariants. `warnings` asks for what invariants advise too, as issues of severity warning. `host` is what
    invariants may ask beyond the resource.
    """
    depth: Depth = "warnings" if warnings and level == "strict" else level
    try:
        findings = resource_check(release, depth)(resource, Place(resource, resource, host))
    except RecursionError:
        findings = [Finding("", "structure", "The resource is nested too deeply to be checked: make it flatter.")]
    if not findings:
        return []
    kind = resource.get("resourceType") if isinstance(resource, dict) else None
    root = kind if isinstance(kind, str) else "Resource"
    issues = [
        Issue(found.severity, found.code, found.sentence, (root + found.path,), found.key) for found in findings[:LIMIT]
    ]
    if len(findings) > LIMIT:
        issues.append(Issue("information", "too-long", f"Only the first {LIMIT} issues are listed.", (root,)))
    return issues


def check(release: Release, resource: dict[str, Any], level: Level = "strict") -> None:
    """Refuses a resource that is not valid: Malformed when its JSON has not the type's shape, Unprocessable else."""
    issues = validate(release, resource, level=level)
    if issues:
        structural = any(issue.code == "structure" for issue in issues)
        raise (Malformed if structural else Unprocessable)(issues)
