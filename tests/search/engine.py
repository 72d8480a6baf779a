"""A FHIRPath engine that others wrote, to hold the compiled expressions of search parameters against.

https://github.com/beda-software/fhirpath-py, which implements https://hl7.org/fhirpath/N1/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fhirserver.resources.fhirpath.references import reference_type
from fhirserver.resources.registry import Release


@cache
def _engine(release: Release, expression: str) -> Callable[[dict[str, Any]], list[Any]]:
    import fhirpathpy
    from fhirpathpy.engine.nodes import ResourceNode
    from fhirpathpy.models import models

    stub: Any = ResourceNode
    roots: list[dict[str, Any]] = []

    def resolve(references: list[Any]) -> list[Any]:
        """Stubs of the resources that are referred to: expressions ask for their type alone."""
        found = []
        for reference in references:
            name = reference_type(getattr(reference, "data", reference), roots[-1])
            if name:
                found.append(stub({"resourceType": name}, name))
        return found

    options = {"userInvocationTable": {"resolve": {"fn": resolve, "arity": {0: []}}}, "returnRawData": True}
    compiled = fhirpathpy.compile(expression, models["r5" if release == "R5" else "r4"], options)

    def evaluate(resource: dict[str, Any]) -> list[Any]:
        roots.append(resource)
        try:
            found: list[Any] = compiled(resource, {"resource": resource})
        finally:
            roots.pop()
        return found

    return evaluate


def evaluate(release: Release, expression: str, resource: dict[str, Any]) -> list[Any]:
    """What the engine finds in a resource."""
    found = _engine(release, expression)(resource)
    return [value for each in found if (value := getattr(each, "data", each)) is not None]
