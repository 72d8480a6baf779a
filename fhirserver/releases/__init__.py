"""R5 ⇄ R4: resources as the other release writes them, and back without loss.

https://hl7.org/fhir/R5/versions.html, https://hl7.org/fhir/R5/diff.html; docs/releases.md tells how.
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource
from fhirserver.releases.engine import resource as _resource
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
