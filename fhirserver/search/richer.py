"""A search made ready for what the types are indexed by, or refused with the setting's name.

https://hl7.org/fhir/R5/search.html#content
"""

from __future__ import annotations

from dataclasses import replace

from fhirserver.errors import NotSupported
from fhirserver.resources.registry import Release
from fhirserver.search.ast import And, Missing, Node, Not, Or, Param
from fhirserver.search.kinds import fulltext, near
from fhirserver.search.kinds.displays import Shown
from fhirserver.search.kinds.fulltext import Words
from fhirserver.search.kinds.string import Contains, Says
from fhirserver.search.parameters import parameters
from fhirserver.search.richness import Richness


def prepared(node: Node, richness: Richness, release: Release) -> Node:
    """The tree as the index can answer it; NotSupported for texts that it does not hold."""
    match node:
        case And(nodes):
            return And(tuple(prepared(each, richness, release) for each in nodes))
        case Or(nodes):
            return Or(tuple(prepared(each, richness, release) for each in nodes))
        case Not(inner):
            return Not(prepared(inner, richness, release))
        case Param(type_, code, Words()) if not richness.texts(type_):
            raise _unread(type_, code)
        case Missing(type_, code, "special", _) if code != near.CODE and not richness.texts(type_):
            raise _unread(type_, code)
        case Param(type_, code, Shown() as shown) if richness.texts(type_):
            return Param(type_, code, replace(shown, quick=True))
        case Param(type_, code, Contains() as test):
            return Param(type_, code, replace(test, quick=_parted(richness, release, type_, code)))
        case Param(type_, code, Says() as said) if richness.texts(type_):
            if fulltext.covers(parameters(release, type_)[code]):
                return Param(type_, code, replace(said, read="texts"))
            if _parted(richness, release, type_, code):
                return Param(type_, code, replace(said, read="parts"))
        case Param(type_, code, Says() as said) if _parted(richness, release, type_, code):
            return Param(type_, code, replace(said, read="words"))
    return node


def _parted(richness: Richness, release: Release, type_: str, code: str) -> bool:
    """Whether the parts of all strings that a parameter has are indexed."""
    return all(richness.parts(type_, each) for each in parameters(release, type_)[code].union or (code,))


def _unread(type_: str, code: str) -> NotSupported:
    return NotSupported(
        f"The texts of {type_} are not indexed, so '{code}' cannot find anything in them: add {type_} to the setting "
        "full_text and run `fhirserver reindex`, or search by other parameters.",
        expression=code,
    )
