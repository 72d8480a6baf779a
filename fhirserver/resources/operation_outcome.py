"""Refusals and warnings as OperationOutcome.

https://hl7.org/fhir/R5/operationoutcome.html
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from fhirserver.errors import Issue
from fhirserver.fhirjson import Resource

ALL_OK = Issue("information", "informational", "Done.")


def outcome(issues: Iterable[Issue]) -> Resource:
    """An OperationOutcome of these issues, or one that says that all went well."""
    found = list(issues) or [ALL_OK]
    lines = "".join(f"<li>{escape(issue.severity)}: {escape(issue.diagnostics)}</li>" for issue in found)
    return {
        "resourceType": "OperationOutcome",
        "text": {
            "status": "generated",
            "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><ul>{lines}</ul></div>',
        },
        "issue": [_issue(issue) for issue in found],
    }


def _issue(issue: Issue) -> Resource:
    entry: Resource = {"severity": issue.severity, "code": issue.code}
    if issue.details:
        entry["details"] = {"text": issue.details}
    entry["diagnostics"] = issue.diagnostics
    if issue.expression:
        entry["expression"] = list(issue.expression)
    return entry
