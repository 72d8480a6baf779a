"""What is said of a broken invariant, and where: of the items that break it, if its expression shows which they are.

https://hl7.org/fhir/R5/conformance-rules.html#constraints
"""

from __future__ import annotations

from typing import Any

from fhirserver.resources.fhirpath.compiler import compiled
from fhirserver.resources.fhirpath.environment import Environment, Place
from fhirserver.resources.fhirpath.nodes import Node, node
from fhirserver.resources.fhirpath.syntax import Call, Infix, Literal, Path, parse
from fhirserver.resources.fhirpath.values import EvaluationError, Items
from fhirserver.resources.findings import LIMIT, Finding, Findings
from fhirserver.resources.invariants.table import Invariant
from fhirserver.resources.invariants.words import remedy
from fhirserver.resources.registry import Release


def broken(release: Release, type_: str, invariant: Invariant, value: Any, place: Place, reason: str = "") -> Findings:
    """One finding, or one for each item at fault right below the element."""
    tree = parse(invariant.expression)
    said = f"Invariant {invariant.key} is not met{reason}: {remedy(invariant.key, invariant.expression, tree)}."
    paths = _places(release, type_, tree, value, place) or [""]
    return [Finding(path, "invariant", said, invariant.severity, invariant.key) for path in paths[: LIMIT + 1]]


def _places(release: Release, type_: str, tree: Path, value: Any, place: Place) -> list[str]:
    wanted = _at_fault(tree)
    if wanted is None:
        return []
    focus = node(release, value, type_)
    try:
        found: Items = compiled(wanted)([focus], Environment(release, focus, place))
    except (EvaluationError, ArithmeticError, RecursionError):
        return []
    return [
        f".{item.key}[{item.at}]"
        for item in found
        if type(item) is Node and item.owner is value and item.at is not None
    ]


def _at_fault(tree: Path) -> Path | None:
    """The expression that finds what should not be there."""
    match tree:
        case Infix("implies" | "or", _, right):
            return _at_fault(right)
        case Call(Call(left, "trace", _), "empty", ()):
            return _at_fault(Call(left, "empty", ()))
        case Call(Call(_, "where", _) as found, "empty", ()):
            return found
        case Call(left, "all", (criteria,)) if left is not None:
            # What is not true is false or says nothing.
            return Call(left, "where", (Call(None, "iif", (criteria, Literal(False), Literal(True))),))
    return None
