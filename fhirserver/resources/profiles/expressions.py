"""FHIRPath expressions that say whether an item is right.

https://hl7.org/fhir/R5/fhirpath.html
"""

from __future__ import annotations

from collections.abc import Callable

from fhirserver.resources import fhirpath
from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.nodes import Node
from fhirserver.resources.fhirpath.values import truth
from fhirserver.resources.profiles.run import Item, Run
from fhirserver.resources.registry import Release

Holds = Callable[[Run, Item], bool | None]
"""Whether an expression is true of an item; None when it says nothing of it, or cannot be evaluated."""


def expression(release: Release, type_: str, text: str) -> Holds:
    """The function of an expression, which an item of another type than `type_` may meet too; raises NotUnderstood."""
    fhirpath.compile(release, type_, text)

    def holds(run: Run, item: Item) -> bool | None:
        beside = item.beside if type(item.beside) is dict else None
        focus = Node(release, item.value, item.type, beside)
        place = fhirpath.Place(run.resource, run.root, run.host)
        try:
            made = fhirpath.compile(release, item.type, text)
            return truth(made.evaluate([focus], Environment(release, focus, place)))
        except (fhirpath.EvaluationError, fhirpath.NotUnderstood, ArithmeticError, RecursionError):
            return None

    return holds
