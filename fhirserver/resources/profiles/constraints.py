"""The FHIRPath constraints that a profile adds to those of its base type.

https://hl7.org/fhir/R5/conformance-rules.html#constraints
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirserver.errors import Severity
from fhirserver.resources.fhirpath import NotUnderstood
from fhirserver.resources.findings import Finding, Findings
from fhirserver.resources.profiles.expressions import expression
from fhirserver.resources.profiles.run import Check, Item, Note, Notes, Run
from fhirserver.resources.profiles.snapshot import Node
from fhirserver.resources.profiles.types import is_base
from fhirserver.resources.registry import Release

_OF_EVERY = ("ele-1", "ext-1", "dom-2", "dom-3", "dom-4", "dom-5", "dom-6")


def constraints(release: Release, node: Node, notes: Notes) -> list[Check]:
    """The checks of an element's own constraints; what the base type says its own validation evaluates."""
    checks = []
    for row in node.definition.get("constraint", ()):
        source = row.get("source")
        if row.get("key") in _OF_EVERY or (isinstance(source, str) and is_base(release, source)):
            continue
        made = _constraint(release, node, row, notes)
        if made is not None:
            checks.append(made)
    return checks


def _constraint(release: Release, node: Node, row: Mapping[str, Any], notes: Notes) -> Check | None:
    key, text = row.get("key", ""), row.get("expression")
    if not isinstance(text, str):
        notes.append(Note(node.path, f"The constraint {key} has no FHIRPath expression: it is not checked."))
        return None
    try:
        holds = expression(release, node.types[0].code if node.types else node.path, text)
    except NotUnderstood as error:
        notes.append(
            Note(node.path, f"The constraint {key} is not checked: its expression is not understood ({error}).")
        )
        return None
    severity: Severity = "error" if row.get("severity") == "error" else "warning"
    if severity == "warning" and row.get("suppress") is True:
        return None
    human = str(row.get("human", text)).strip().rstrip(".")

    def check(run: Run, item: Item) -> Findings | None:
        if (severity == "warning" and not run.warnings) or holds(run, item) is not False:
            return None
        return [Finding("", "invariant", f"{human}.", severity, key)]

    return check
