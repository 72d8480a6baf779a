"""What stands for a mandatory element of which nothing is known.

https://hl7.org/fhir/R5/extensions/StructureDefinition-data-absent-reason.html
"""

from __future__ import annotations

from fhirserver.releases.crossing import ABSENT
from fhirserver.releases.parts import Node
from fhirserver.releases.planning import demanded
from fhirserver.releases.values import properties
from fhirserver.resources.registry import Element, Release, is_primitive, structure

FILLER: Node = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
NOTHING: Node = {"extension": [{"url": ABSENT, "valueCode": "not-applicable"}]}
"""Says in a kept extension that the element was not there."""


def filler(release: Release, name: str, element: Element) -> Node:
    """The properties of a mandatory element of which nothing is known, those inside it that are mandatory too."""
    if is_primitive(release, element.type):
        return properties(name, [(None, FILLER)], element.many)
    found = structure(release, element.type) if "." in element.type else None
    inner: Node = {}
    for each in demanded(found) if found is not None else ():
        inner |= filler(release, each.name, each)
    return properties(name, [(inner or FILLER, None)], element.many)
