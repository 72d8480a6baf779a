"""A search made ready for what the types are indexed by, or refused with the setting's name.

https://hl7.org/fhir/R5/search.html#content
"""

from __future__ import annotations

from dataclasses import replace

from fhirserver.errors import NotSupported
from fhirserver.search.ast import And, Missing, Node, Not, Or, Param
from fhirserver.search.kinds import near
from fhirserver.search.kinds.displays import Shown
from fhirserver.search.kinds.fulltext import Words
from fhirserver.search.kinds.string import Contains, Says
from fhirserver.search.richness import Richness


def prepared(node: Node, richness: Richness) -> Node:
    """The tree as the index can answer it; NotSupported for texts that it does not hold."""
    match node:
        case And(nodes):
            return And(tuple(prepared(each, richness) for each in nodes))
        case Or(nodes):
            return Or(tuple(prepared(each, richness) for each in nodes))
        case Not(inner):
            return Not(prepared(inner, richness))
        case Param(type_, code, Words()) if not richness.texts(type_):
            raise _unread(type_, code)
        case Missing(type_, code, "special", _) if code != near.CODE and not richness.texts(type_):
            raise _unread(type_, code)
        case Param(type_, code, Shown() as shown) if richness.texts(type_):
            return Param(type_, code, replace(shown, quick=True))
        case Param(type_, code, Contains() | Says() as test) if richness.parts(type_):
            return Param(type_, code, replace(test, quick=True))
    return node


def _unread(type_: str, code: str) -> NotSupported:
    return NotSupported(
        f"The texts of {type_} are not indexed, so '{code}' cannot find anything in them: add {type_} to the setting "
        "full_text and run `fhirserver reindex`, or search by other parameters.",
        expression=code,
    )
