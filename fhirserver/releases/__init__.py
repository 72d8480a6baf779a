"""R5 ⇄ R4: resources as the other release writes them, and back without loss.

https://hl7.org/fhir/R5/versions.html, https://hl7.org/fhir/R5/diff.html; docs/releases.md tells how.
"""

from __future__ import annotations

from collections.abc import Iterable

from fhirserver.fhirjson import Resource
from fhirserver.releases.engine import resource as _resource
from fhirserver.releases.planning import plan
from fhirserver.resources.registry import Release


def converted(resource: Resource, source: Release, target: Release) -> Resource:
    """A resource of `source` as `target` writes it; never changes its argument, and returns it where nothing differs.

    Resources inside (contained, Bundle entries, Parameters) are converted by the lens of their own type; what has no
    lens stays as it is. Never raises: what has no FHIR shape travels along.
    """
    if source == target:
        return resource
    found: Resource = _resource(source, target)(resource)
    return found


_ALWAYS = ("resourceType", "id", "contained", "extension", "modifierExtension")


def origins(type_: str, source: Release, target: Release, names: Iterable[str]) -> frozenset[str]:
    """The properties of a resource of `source` from which elements of `target` are made: with these alone, they are.

    Extensions are made from any of them, and are no such element.
    """
    wanted = {name.removeprefix("_") for name in names}
    found = {*_ALWAYS, *wanted}
    for exchange in plan(source, target, type_, type_).exchanges:
        if not wanted.isdisjoint(exchange.target):
            found.update(exchange.source)
    return frozenset(found | {f"_{name}" for name in found})
