"""What only some types are indexed by: the words of their texts, and the parts of their strings.

Which types those are is the operator's choice; a search is made ready for it, or refused with the setting's name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from fhirserver.errors import NotSupported
from fhirserver.search.ast import And, Node, Not, Or, Param
from fhirserver.search.kinds.fulltext import Words
from fhirserver.search.kinds.string import Contains, Says

EVERY = "*"
"""What stands for all types in a setting."""


@dataclass(frozen=True, slots=True)
class Richness:
    """The types with postings of words, and those with postings of three letters of their strings."""

    full_text: Collection[str]
    contains: Collection[str]

    def texts(self, type_: str) -> bool:
        """Whether the words of a type's texts are indexed."""
        return type_ in self.full_text or EVERY in self.full_text

    def parts(self, type_: str) -> bool:
        """Whether the parts of a type's strings are indexed."""
        return type_ in self.contains or EVERY in self.contains


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
            raise NotSupported(
                f"The texts of {type_} are not indexed, so '{code}' finds nothing in them: add {type_} to the setting "
                "full_text and run `fhirserver reindex`, or search by other parameters.",
                expression=code,
            )
        case Param(type_, code, Contains() | Says() as test) if richness.parts(type_):
            return Param(type_, code, replace(test, quick=True))
    return node
