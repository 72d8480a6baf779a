"""Expressions that are no plain paths, evaluated by the FHIRPath engine each time a resource is indexed.

https://hl7.org/fhir/R5/fhirpath.html. What cannot be evaluated on a resource finds nothing in it: whoever writes a
resource is not refused for a parameter that somebody else defined.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fhirserver.resources import fhirpath
from fhirserver.resources.fhirpath import EvaluationError, Node, Place
from fhirserver.resources.fhirpath.compiler import compiled
from fhirserver.resources.fhirpath.syntax import Measure, parse
from fhirserver.resources.fhirpath.temporal import Moment
from fhirserver.resources.registry import Release
from fhirserver.search.paths import Branch, Branches, Compute

Json = dict[str, Any]
Typed = tuple[str, Any]


def branches(release: Release, focus: str, expression: str, types: Iterable[str]) -> Branches:
    """One branch for each of `types`, in their order; raises NotUnderstood for what is no FHIRPath known here."""
    found = _Found(fhirpath.Expression(release, focus, expression, compiled(parse(expression))))
    return tuple(Branch((Compute(_OfType(found, type_, at == 0)),), type_) for at, type_ in enumerate(types))


@dataclass(slots=True)
class _Found:
    """What an expression finds; kept from the first type to the last, whose branches are followed in their order."""

    expression: fhirpath.Expression
    kept: tuple[Json, list[Any], list[Typed]] | None = field(default=None)

    def of(self, items: list[Any], root: Json, *, afresh: bool) -> list[Typed]:
        kept = self.kept
        if afresh or kept is None or kept[0] is not root or kept[1] != items:
            place = Place(root, root)
            found = [typed for item in items for typed in self._values(item, place)]
            self.kept = kept = root, items, found
        return kept[2]

    def _values(self, item: Any, place: Place) -> list[Typed]:
        try:
            found = self.expression.items(item, place)
        except EvaluationError:
            return []
        return [typed for each in found if (typed := _typed(each)) is not None]


@dataclass(frozen=True, slots=True)
class _OfType:
    """The values of one type."""

    found: _Found
    type: str
    first: bool

    def __call__(self, items: list[Any], root: Json) -> list[Any]:
        return [value for type_, value in self.found.of(items, root, afresh=self.first) if type_ == self.type]


def _typed(item: Any) -> Typed | None:
    """An item of the engine as a FHIR type and its JSON; None for an element without a value."""
    match item:
        case Node():
            return None if item.value is None else (item.type, item.value)
        case bool():
            return "boolean", item
        case int():
            return "integer", item
        case Decimal():
            return "decimal", item
        case str():
            return "string", item
        case Moment():
            return "time" if item.kind == "Time" else "dateTime", item.text
        case Measure(value, unit):
            return "Quantity", {"value": value, "unit": unit, "code": unit}
    return None
