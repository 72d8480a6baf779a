"""FHIRPath over plain JSON: expressions compiled once, evaluated in microseconds.

https://hl7.org/fhir/R5/fhirpath.html and https://hl7.org/fhirpath/N1/
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fhirserver.resources.fhirpath.compiler import compiled
from fhirserver.resources.fhirpath.engine import engine
from fhirserver.resources.fhirpath.environment import HOST, Environment, Host, Place
from fhirserver.resources.fhirpath.functions.table import Evaluate
from fhirserver.resources.fhirpath.nodes import Node, node
from fhirserver.resources.fhirpath.syntax import NotUnderstood, Unknown, parse
from fhirserver.resources.fhirpath.values import EvaluationError, Items, truth
from fhirserver.resources.registry import Release

__all__ = ["HOST", "EvaluationError", "Expression", "Host", "Node", "NotUnderstood", "Place", "compile"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A compiled expression whose focus is of `type`: a resource, a data type or a backbone element."""

    release: Release
    type: str
    source: str
    evaluate: Evaluate

    def items(self, value: Any, at: Place | None = None) -> Items:
        """What it finds in the JSON `value`: Nodes, which know their place, and plain values.

        `at` says what %resource is; without it, `value` is the resource. Raises EvaluationError.
        """
        focus = node(self.release, value, self.type)
        environment = Environment(self.release, focus, at or Place(value, value))
        try:
            return self.evaluate([focus], environment)
        except (ArithmeticError, RecursionError) as error:
            raise EvaluationError(f"{type(error).__name__} in {self.source}") from None

    def values(self, value: Any, at: Place | None = None) -> list[Any]:
        """The JSON of what it finds; elements that have extensions alone give none."""
        found = (item.value if type(item) is Node else item for item in self.items(value, at))
        return [each for each in found if each is not None]

    def holds(self, value: Any, at: Place | None = None) -> bool | None:
        """What it says as a condition; None for 'unknown', the empty collection. Raises EvaluationError."""
        return truth(self.items(value, at))


@lru_cache(8192)
def compile(release: Release, type: str, expression: str) -> Expression:  # noqa: A001 - as re.compile
    """The expression, compiled; raises NotUnderstood when it is no FHIRPath or uses what no engine here knows."""
    try:
        evaluate = compiled(parse(expression))
    except Unknown:
        evaluate = engine(release, expression)
    except RecursionError:
        raise NotUnderstood(f"nested too deeply: {expression[:80]}") from None
    return Expression(release, type, expression, evaluate)
