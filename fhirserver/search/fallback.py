"""Expressions that the compiler does not know, evaluated by a full FHIRPath engine.

The engine tells no types, so each value takes the type of its shape. https://hl7.org/fhirpath/N1/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fhirserver.resources.registry import Release
from fhirserver.search import paths
from fhirserver.search.paths import Branch, Compute, Where

_SHAPES: tuple[tuple[str, frozenset[str]], ...] = (
    ("CodeableConcept", frozenset({"coding"})),
    ("Reference", frozenset({"reference"})),
    ("Period", frozenset({"start"})),
    ("Period", frozenset({"end"})),
    ("Range", frozenset({"low"})),
    ("Range", frozenset({"high"})),
    ("Coding", frozenset({"system", "code"})),
    ("Identifier", frozenset({"system", "value"})),
    ("HumanName", frozenset({"family"})),
    ("HumanName", frozenset({"given"})),
    ("Quantity", frozenset({"value", "unit"})),
    ("Quantity", frozenset({"value", "code"})),
    ("Address", frozenset({"city"})),
    ("Identifier", frozenset({"value"})),
    ("Coding", frozenset({"code"})),
    ("CodeableConcept", frozenset({"text"})),
)
_OF_TEXT = {"token": "code", "date": "dateTime", "uri": "uri", "reference": "uri"}


def shape(value: Any, kind: str) -> str:
    """The type that a value looks like, for a parameter of `kind`."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return _OF_TEXT.get(kind, "string")
    if isinstance(value, dict):
        if kind == "quantity" and "value" in value:
            return "Quantity"
        return next((name for name, keys in _SHAPES if keys <= value.keys()), "BackboneElement")
    return "decimal"


@cache
def _engine(release: Release, expression: str) -> Callable[[dict[str, Any], dict[str, Any]], list[Any]]:
    import fhirpathpy
    from fhirpathpy.models import models

    model = models["r5" if release == "R5" else "r4"]

    def resolve(_: Any, references: list[Any]) -> list[dict[str, str]]:
        found = []
        for reference in references:
            data = getattr(reference, "data", reference)
            name = paths.reference_type(data, {})
            if name:
                found.append({"resourceType": name})
        return found

    options = {"userInvocationTable": {"resolve": {"fn": lambda i: resolve(None, i), "arity": {0: []}}}}
    compiled = fhirpathpy.compile(expression, model, options)

    def evaluate(focus: dict[str, Any], root: dict[str, Any]) -> list[Any]:
        found: list[Any] = compiled(focus, {"resource": root})
        return found

    return evaluate


def branches(release: Release, expression: str, kind: str) -> paths.Branches:
    """One branch a shape, each over the engine's values."""
    evaluate = _engine(release, expression)

    def compute(items: list[Any], root: dict[str, Any]) -> list[Any]:
        return [value for item in items for value in evaluate(item, root)]

    def looks(name: str) -> Callable[[Any, dict[str, Any]], bool]:
        return lambda value, root: shape(value, kind) == name

    names = dict.fromkeys([name for name, _ in _SHAPES] + ["boolean", "decimal", _OF_TEXT.get(kind, "string")])
    return tuple(Branch((Compute(compute), Where(looks(name))), name) for name in names)


def evaluate(release: Release, expression: str, resource: dict[str, Any]) -> list[Any]:
    """What the full engine finds in a resource."""
    return _engine(release, expression)(resource, resource)
