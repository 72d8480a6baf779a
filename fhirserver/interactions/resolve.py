"""Chains, _has and members of Groups: searches of their own that come before the search they are part of.

https://hl7.org/fhir/R5/search.html#chaining
"""

from __future__ import annotations

from fhirserver import fhirjson
from fhirserver.errors import TooCostly
from fhirserver.interactions.server import Reader, Server
from fhirserver.search.ast import Chain, Has, Ids, Leaf, Member, Node
from fhirserver.search.chains import leaves, referred, resolved_chain, resolved_has, substitute
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.mongo import to_mongo

MOST = 20_000
"""Resources that an inner search may find: each becomes a value of the outer one's filter."""


async def resolved(server: Server, reader: Reader, node: Node) -> Node:
    """The tree without leaves that need a search of their own."""
    found: dict[Leaf, Node] = {}
    for leaf in leaves(node):
        found[leaf] = await _resolve(server, reader, leaf)
    return substitute(node, found) if found else node


async def _resolve(server: Server, reader: Reader, leaf: Leaf) -> Node:
    match leaf:
        case Chain(target=target, node=inner):
            # A target may be a member of Groups: what the chain becomes can need another look.
            ids = await _ids(server, reader, target, inner)
            return await resolved(server, reader, resolved_chain(leaf, ids))
        case Has(source=source, code=code, node=inner) if (source, code) == MEMBERS:
            return resolved_has(await _members(server, reader, leaf.type, await _ids(server, reader, source, inner)))
        case Has(source=source, node=inner):
            rows = await _rows(server, reader, source, inner)
            postings = (posting for _, found in rows for posting in found)
            return resolved_has(referred(leaf, postings, [f"{server.base}/"]))
        case Member(references):
            groups = [group for reference in references for group in await reader.groups_of(reference, MOST)]
            return Ids(tuple(dict.fromkeys(groups)))


async def _ids(server: Server, reader: Reader, type_: str, node: Node) -> list[str]:
    where = to_mongo(await resolved(server, reader, node), server.release)
    ids = await reader.ids(type_, where, MOST + 1)
    _affordable(type_, len(ids))
    return ids


async def _rows(server: Server, reader: Reader, type_: str, node: Node) -> list[tuple[str, list[str]]]:
    where = to_mongo(await resolved(server, reader, node), server.release)
    rows = await reader.postings(type_, where, MOST + 1)
    _affordable(type_, len(rows))
    return rows


async def _members(server: Server, reader: Reader, type_: str, groups: list[str]) -> list[str]:
    """The ids of the members of one type of these Groups: they are kept apart from the Groups' postings."""
    found: dict[str, None] = {}
    for group in groups:
        version = await reader.read("Group", group)
        for member in fhirjson.loads(version.body).get("member", []) if version and not version.gone else []:
            literal = fhirjson.literal(member.get("entity", {}).get("reference", ""))
            if literal and literal.type == type_ and literal.base in (None, f"{server.base}/"):
                found[literal.id] = None
        _affordable("Group", len(found))
    return list(found)


def _affordable(type_: str, found: int) -> None:
    if found > MOST:
        raise TooCostly(
            f"The part of the search that is about {type_} matches more than {MOST} resources: narrow that part down, "
            f"or search {type_} first and use what it finds."
        )
