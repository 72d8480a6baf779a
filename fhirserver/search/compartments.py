"""What belongs to a compartment: the resources that refer to its centre by parameters that its definition lists.

https://hl7.org/fhir/R5/compartmentdefinition.html
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.resources.registry import Release, compartments
from fhirserver.search.ast import Ids, Member, Node, Or, Param
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.kinds.reference import RefIn
from fhirserver.search.named import named

ITSELF = "{def}"
"""What a definition calls the resource that a compartment is of."""


def types(release: Release, compartment: str) -> tuple[str, ...]:
    """The types that a compartment may hold resources of, in the order of their names."""
    return tuple(sorted(compartments(release).get(compartment, {})))


def membership(release: Release, compartment: str, id_: str, type_: str, bases: Sequence[str] = ()) -> Node:
    """The search for those resources of a type that are in a compartment; a type it never holds has none."""
    codes = compartments(release)[compartment].get(type_, ())
    known = named(release, type_)
    test = RefIn(compartment, (id_,), tuple(bases))
    found: list[Node] = []
    for code in codes:
        if code == ITSELF:
            found.append(Ids((id_,)))
        elif (type_, code) == MEMBERS:
            found.append(Member(test.forms))
        else:
            found.append(Param(type_, known[code].code, test))
    return found[0] if len(found) == 1 else Or(tuple(found))
