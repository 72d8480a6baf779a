"""Chains, _has and group members in a search tree: found, and replaced once the caller has run their own searches.

    for leaf in leaves(request.filter):
        Chain   search leaf.target for leaf.node          → resolved_chain(leaf, ids)
        Has     search leaf.source for leaf.node → Ids behind its postings with one of prefixes(...)
        Concepts ask a terminology for the codes (search/concepts.py)
        Member  ask the store for the groups with leaf.references → Ids(groups)
        Kin     search leaf.target for what is below or above leaf.ids, level by level (search/hierarchies.py)
        Listed  ask the store for what the holder has among its own → Ids
    substitute(request.filter, {leaf: node, …})

The node of a chain may hold chains of its own: the same again, innermost first.
https://hl7.org/fhir/R5/search.html#chaining
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fhirserver.resources.registry import Release
from fhirserver.search.ast import And, Chain, Concepts, Has, Ids, Kin, Leaf, Listed, Member, Node, Not, Or, Param
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.kinds.reference import Ref, RefIn
from fhirserver.search.kinds.uri import Uri
from fhirserver.search.parameters import parameters

CANONICAL = frozenset({"canonical", "uri", "url"})
"""Types of elements that refer to a resource by its URL."""


def leaves(node: Node) -> tuple[Leaf, ...]:
    """The leaves that the caller has to resolve, each once; what is inside a chain is not among them."""
    match node:
        case And(nodes) | Or(nodes):
            return tuple(dict.fromkeys(leaf for each in nodes for leaf in leaves(each)))
        case Not(inner):
            return leaves(inner)
        case Chain() | Has() | Kin() | Concepts() | Member() | Listed():
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
        case Chain() | Has() | Kin() | Concepts() | Member() | Listed():
            return found[node]
    return node


def links(release: Release, type_: str, code: str) -> tuple[bool, bool]:
    """How a parameter refers to other resources: by their addresses, by their canonical URLs, or both ways."""
    types = parameters(release, type_)[code].types
    return bool(types - CANONICAL), bool(types & CANONICAL)


def resolved_chain(chain: Chain, ids: Sequence[str], urls: Sequence[str]) -> Node:
    """What a chain becomes when its targets are known; of the members of groups a Member, to be resolved in turn.

    A canonical URL stands for all versions under it.
    """
    found: list[Node] = []
    if ids:
        test = RefIn(chain.target, tuple(ids), chain.bases)
        if (chain.type, chain.code) == MEMBERS:
            return Member(test.forms)
        found.append(Param(chain.type, chain.code, test))
    if urls:
        found.append(Param(chain.type, chain.code, Ref(tuple(urls))))
    return found[0] if len(found) == 1 else Or(tuple(found)) if found else Ids(())


def resolved_has(release: Release, type_: str, ids: Sequence[str], urls: Sequence[str]) -> Node:
    """What a _has becomes when the resources of a type that are referred to are known, by ids and by URLs."""
    if not urls or "url" not in parameters(release, type_):
        return Ids(tuple(ids))
    by_url = Param(type_, "url", Uri(tuple(dict.fromkeys(url.partition("|")[0] for url in urls))))
    return Or((Ids(tuple(ids)), by_url)) if ids else by_url


def heads(release: Release, type_: str, code: str) -> tuple[str, ...]:
    """What the postings of a parameter begin with."""
    return tuple(f"{each}|" for each in parameters(release, type_)[code].union or (code,))


def prefixes(release: Release, source: str, code: str, target: str, bases: Iterable[str] = ()) -> tuple[str, ...]:
    """What those postings of `source` begin with by which its parameter `code` refers to resources of a type."""
    return tuple(f"{head}{base}{target}/" for head in heads(release, source, code) for base in ("", *bases))
