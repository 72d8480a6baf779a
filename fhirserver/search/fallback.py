"""Expressions that the compiler does not know, evaluated by a full FHIRPath engine.

A value takes the type that its shape shows. https://hl7.org/fhirpath/N1/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from fhirserver.resources.fhirpath.references import reference_type
from fhirserver.resources.registry import Release
from fhirserver.search import paths
from fhirserver.search.paths import Branch, Compute

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
    from fhirpathpy.engine.nodes import ResourceNode
    from fhirpathpy.models import models

    stub: Any = ResourceNode

    def resolve(references: list[Any]) -> list[Any]:
        """Stubs of the resources that are referred to: expressions ask for their type alone."""
        found = []
        for reference in references:
            name = reference_type(getattr(reference, "data", reference), roots[-1])
            if name:
                found.append(stub({"resourceType": name}, name))
        return found

    roots: list[dict[str, Any]] = [{}]
    options = {"userInvocationTable": {"resolve": {"fn": resolve, "arity": {0: []}}}, "returnRawData": True}
    compiled = fhirpathpy.compile(expression, models["r5" if release == "R5" else "r4"], options)

    def evaluate(focus: dict[str, Any], root: dict[str, Any]) -> list[Any]:
        roots.append(root)
        try:
            found: list[Any] = compiled(focus, {"resource": root})
        finally:
            roots.pop()
        return found

    return evaluate


def branches(release: Release, expression: str, kind: str) -> paths.Branches:
    """One branch a type, each over the engine's values."""
    names = dict.fromkeys(
        [*(name for name, _ in _SHAPES), "boolean", "decimal", "string", _OF_TEXT.get(kind, "string")]
    )
    return tuple(Branch((Compute(partial(_of_type, release, expression, kind, name)),), name) for name in names)


def _of_type(
    release: Release, expression: str, kind: str, wanted: str, items: list[Any], root: dict[str, Any]
) -> list[Any]:
    values = [value for item in items for value in evaluate(release, expression, item, root)]
    return [value for value in values if shape(value, kind) == wanted]


def evaluate(release: Release, expression: str, focus: dict[str, Any], root: dict[str, Any] | None = None) -> list[Any]:
    """What the full engine finds below `focus`."""
    found = _engine(release, expression)(focus, focus if root is None else root)
    return [value for each in found if (value := getattr(each, "data", each)) is not None]
