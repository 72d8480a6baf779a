"""Chains, _has and group members in a search tree: found, and replaced once the caller has run their own searches.

    for leaf in leaves(request.filter):
        Chain   search leaf.target for leaf.node          → resolved_chain(leaf, ids)
        Has     search leaf.source for leaf.node, its postings → resolved_has(ids of referred(...))
        Member  ask the store for the groups with leaf.references → Ids(groups)
    substitute(request.filter, {leaf: node, …})

The node of a chain may hold chains of its own: the same again, innermost first.
https://hl7.org/fhir/R5/search.html#chaining
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fhirserver import fhirjson
from fhirserver.search.ast import And, Chain, Has, Ids, Leaf, Member, Node, Not, Or, Param
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.kinds.reference import RefIn


def leaves(node: Node) -> tuple[Leaf, ...]:
    """The leaves that the caller has to resolve, each once; what is inside a chain is not among them."""
    match node:
        case And(nodes) | Or(nodes):
            return tuple(dict.fromkeys(leaf for each in nodes for leaf in leaves(each)))
        case Not(inner):
            return leaves(inner)
        case Chain() | Has() | Member():
            return (node,)
    return ()


def substitute(node: Node, found: Mapping[Leaf, Node]) -> Node:
    """The tree with each leaf replaced."""
    match node:
        case And(nodes):
            return And(tuple(substitute(each, found) for each in nodes))
        case Or(nodes):
            return Or(tuple(substitute(each, found) for each in nodes))
        case Not(inner):
            return Not(substitute(inner, found))
        case Chain() | Has() | Member():
            return found[node]
    return node


def resolved_chain(chain: Chain, ids: Iterable[str]) -> Node:
    """What a chain becomes when its targets are known; of the members of groups a Member, to be resolved in turn."""
    targets = tuple(ids)
    if not targets:
        return Ids(())
    test = RefIn(chain.target, targets, chain.bases)
    if (chain.type, chain.code) == MEMBERS:
        return Member(test.forms)
    return Param(chain.type, chain.code, test)


def resolved_has(ids: Iterable[str]) -> Node:
    """What a _has becomes when the resources that are referred to are known."""
    return Ids(tuple(dict.fromkeys(ids)))


def referred(has: Has, postings: Iterable[str], bases: Iterable[str] = ()) -> list[str]:
    """The ids of `has.type` that a source's postings (the field t) refer to."""
    prefix = f"{has.code}|"
    own = (None, *bases)
    found = []
    for posting in postings:
        if posting.startswith(prefix):
            literal = fhirjson.literal(posting[len(prefix) :])
            if literal and literal.type == has.type and literal.base in own and literal.version is None:
                found.append(literal.id)
    return found
