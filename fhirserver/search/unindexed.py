"""Searches that no index answers: those that look through all resources of a type.

https://hl7.org/fhir/R5/search.html#modifiercontains
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.resources.registry import Release
from fhirserver.search.ast import And, Node, Not, Or, Param
from fhirserver.search.kinds import filtered, string
from fhirserver.search.kinds.string import Contains, Says
from fhirserver.search.kinds.terms import Span
from fhirserver.search.parameters import parameters


def unindexed(node: Node) -> Param | None:
    """The criterion for which a search looks through all of a type; None where another one narrows it down."""
    match node:
        case And(nodes):
            every = [unindexed(each) for each in nodes if not isinstance(each, Not)]
            return every[0] if None not in every and every else None
        case Or(nodes):
            return next((found for each in nodes if (found := unindexed(each)) is not None), None)
        case Param(test=Contains() | Says() as test) if string.reading("", test) is None:
            return node
        case Param(test=filtered.Ends()):
            return node
    return None


def values(release: Release, criterion: Param) -> Span | None:
    """The postings of which each is another value of the criterion's parameter; None where not all have their own."""
    if not isinstance(criterion.test, Contains | Says) or parameters(release, criterion.type)[criterion.code].union:
        return None
    return string.sought(criterion.code)


def narrowed(node: Node, criterion: Param, postings: Sequence[str]) -> Node:
    """The tree with the criterion asking for those of its parameter's values, all of which are given, that it finds."""
    match node:
        case And(nodes):
            return And(tuple(narrowed(each, criterion, postings) for each in nodes))
        case Or(nodes):
            return Or(tuple(narrowed(each, criterion, postings) for each in nodes))
        case Param(type_, code, Contains() | Says() as test) if node == criterion:
            return Param(type_, code, string.among(code, test, postings))
    return node


def refusal(criterion: Param, called: str, most: int) -> str:
    """What a client is told whose search would look through more than `most` resources, and what to do.

    `called` is the parameter's name.
    """
    said = f"No index answers this search by '{called}', and there are more than {most} of {criterion.type}"
    match criterion.test:
        case Contains(quick=True):
            return f"{said} to look through: ask for two letters and more, or for how it begins."
        case filtered.Ends():
            return f"{said} to look through: ask for how it begins, or narrow the search down by another parameter."
    return (
        f"{said} to look through: ask for how it begins, narrow the search down by another parameter, or have "
        f"'{criterion.type}.{criterion.code}' added to the setting contains_index."
    )
