"""Chains, _has, hierarchies and members of Groups: searches of their own that come before the search they are part of.

https://hl7.org/fhir/R5/search.html#chaining
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import TooCostly
from fhirserver.interactions import terms_search
from fhirserver.interactions.indexed import richness
from fhirserver.interactions.server import Reader, Server
from fhirserver.search import hierarchies
from fhirserver.search.ast import And, Chain, Concepts, Has, Ids, Kin, Leaf, Listed, Member, Node, Not, Or, Within
from fhirserver.search.chains import heads, leaves, links, prefixes, resolved_chain, resolved_has, substitute
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.mongo import equalities, to_mongo
from fhirserver.search.parameters import parameters
from fhirserver.search.richer import prepared
from fhirserver.search.unindexed import narrowed, refusal, unindexed, values
from fhirserver.search.within import any_of, plain

MANY = 1_000
"""Resources that a chain leads to from which on it is better probed than made values of the filter."""

FEW = 10
"""Equalities that a search may have besides its own without being felt."""

MOST_VALUES = 500
"""Different values of a parameter that are sought where no index answers; each takes a third of a millisecond."""

DEEPEST = 50
"""Levels of a hierarchy that are followed, one search each."""


@dataclass(slots=True)
class Room:
    """How many resources the searches within a search may still find: each becomes a value of its filter.

    `holding` says of a type and a parameter whether resources contain what it refers to, once that was asked.
    """

    most: int
    used: int = 0
    holding: dict[tuple[str, str], bool] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """How many to ask for: one more than there is room for shows that there are too many."""
        return self.most - self.used + 1

    def take(self, type_: str, found: Sequence[str]) -> Sequence[str]:
        """What was found of a type; TooCostly where there is no room for it."""
        self.used += len(found)
        if self.used > self.most:
            raise TooCostly(
                f"The part of the search that is about {type_} leads to more than {self.most} resources, the most that "
                f"the setting max_chained allows: narrow that part down, search {type_} first and use what it finds a "
                "part at a time, or have the setting raised."
            )
        return found


async def resolved(server: Server, reader: Reader, node: Node) -> Node:
    """The tree without leaves that need a search of their own."""
    node = await _ready(server, reader, node)
    found: dict[Leaf, Node] = {}
    room = Room(server.settings.max_chained)
    for leaf in leaves(node):
        found[leaf] = await _resolve(server, reader, leaf, room)
    return substitute(node, found) if found else node


async def _ready(server: Server, reader: Reader, node: Node) -> Node:
    """The tree as what is indexed can answer it; TooCostly where nothing but looking through a large type can."""
    node = prepared(node, richness(server.settings), server.release)
    most = server.settings.max_scanned
    while (criterion := unindexed(node)) is not None and await reader.size(criterion.type) > most:
        span = values(server.release, criterion)
        found = await reader.values(criterion.type, span, MOST_VALUES) if span else None
        if found is None:
            called = parameters(server.release, criterion.type)[criterion.code].called
            raise TooCostly(refusal(criterion, called, most))
        node = narrowed(node, criterion, found)
    return node


@dataclass(frozen=True, slots=True)
class Probe:
    """A chain that leads to many; `node` is what it asks of its targets, resolved, and `where` the filter of that.

    `number` is its place among the criteria of the search; `negated` that what does not lead there is wanted.
    """

    number: int
    negated: bool
    chain: Chain
    node: Node
    where: Filter


async def parted(
    server: Server, reader: Reader, node: Node, chosen: frozenset[int] | None
) -> tuple[Node, tuple[Probe, ...]]:
    """The tree without leaves, and the chains among its criteria that lead to MANY or more: those are to be probed.

    `chosen` are the numbers of the chains to probe, whatever they lead to by now; None is for those that lead to many.
    """
    node = await _ready(server, reader, node)
    criteria = node.nodes if isinstance(node, And) else (node,)
    room, found = Room(server.settings.max_chained), dict[Leaf, Node]()
    probes: list[Probe] = []
    for number, each in enumerate(criteria):
        chain = each.node if isinstance(each, Not) else each
        if isinstance(chain, Chain) and _may_be_probed(server, chain) and (chosen is None or number in chosen):
            made = await _followed(server, reader, chain, room, MANY if chosen is None else 0)
            if isinstance(made, Many):
                probes.append(Probe(number, chain is not each, chain, made.node, made.where))
            else:
                found[chain] = made
    probed = {probe.number for probe in probes}
    left = tuple(each for number, each in enumerate(criteria) if number not in probed)
    rest = left[0] if len(left) == 1 else And(left)
    for leaf in leaves(rest):
        if leaf not in found:
            found[leaf] = await _resolve(server, reader, leaf, room)
    return substitute(rest, found) if found else rest, tuple(probes)


def _may_be_probed(server: Server, chain: Chain) -> bool:
    by_address, by_url = links(server.release, chain.type, chain.code)
    return by_address and not by_url and (chain.type, chain.code) != MEMBERS and not isinstance(chain.node, Listed)


async def _resolve(server: Server, reader: Reader, leaf: Leaf, room: Room) -> Node:
    match leaf:
        case Chain(type=type_, code=code) if (type_, code) == MEMBERS:
            # Members of Groups are asked for once more: it is the Groups that become values of the filter.
            made = await _chain(server, reader, leaf, Room(room.most))
            return await _resolve(server, reader, made, room) if isinstance(made, Member) else made
        case Chain():
            return await _chain(server, reader, leaf, room)
        case Has(type=type_, source=source, code=code, node=inner) if (source, code) == MEMBERS:
            groups = await _ids(server, reader, source, inner, Room(room.most))
            return await _among(server, reader, type_, groups, room)
        case Has(type=type_, source=source, code=code, node=inner):
            where = to_mongo(await resolved(server, reader, inner), server.release)
            ids: Sequence[str] = ()
            urls: Sequence[str] = ()
            by_address, by_url = links(server.release, source, code)
            if by_address:
                ends = prefixes(server.release, source, code, type_, _bases(server))
                ids = room.take(source, await reader.referred(source, where, ends, room.limit))
            if by_url:
                found_urls = await reader.canonicals(source, where, heads(server.release, source, code), room.limit)
                urls = room.take(source, found_urls)
            return resolved_has(server.release, type_, ids, urls)
        case Concepts():
            return await terms_search.resolved(server, reader, leaf)
        case Kin():
            return hierarchies.resolved(leaf, await _kin(server, reader, leaf, room))
        case Member(references):
            return _ids_of(room.take("Group", await reader.holding(references, room.limit)))
        case Listed(type_, "Group", group):
            return await _among(server, reader, type_, [group], room, active=True)
        case Listed(type_, holder, id_):
            array, reference = _ENTRIES[holder]
            ends = _places(server, type_)
            found = await reader.entries(holder, id_, array, reference, ends, room.limit, fhirjson.now())
            return _ids_of(room.take(holder, found))


_ENTRIES = {"List": ("entry", "item"), "CareTeam": ("participant", "member")}
"""The array of what a resource holds, and the reference in each of its elements."""


async def _among(
    server: Server, reader: Reader, type_: str, groups: Sequence[str], room: Room, *, active: bool = False
) -> Node:
    """The resources of a type that are members of Groups, which are kept apart from the Groups' postings."""
    at = fhirjson.now() if active else None
    return _ids_of(room.take("Group", await reader.held(groups, _places(server, type_), room.limit, at)))


def _ids_of(found: Sequence[str]) -> Ids:
    return Ids(tuple(found))


def _bases(server: Server) -> tuple[str, ...]:
    return (f"{server.base}/",)


def _places(server: Server, type_: str) -> tuple[str, ...]:
    """What references to resources of a type begin with."""
    return tuple(f"{base}{type_}/" for base in ("", *_bases(server)))


async def _kin(server: Server, reader: Reader, kin: Kin, room: Room) -> Sequence[str]:
    """The ids of some resources and of all above or below them; a circle of parts ends where it began."""
    found, level = dict.fromkeys(kin.ids), list(kin.ids)
    ends = prefixes(server.release, kin.target, kin.link, kin.target, _bases(server))
    for _ in range(DEEPEST):
        if kin.up:
            where = to_mongo(hierarchies.start(level), server.release)
            met = room.take(kin.target, await reader.referred(kin.target, where, ends, room.limit))
        else:
            met = await _ids(server, reader, kin.target, hierarchies.next_below(kin, level), room)
        level = [id_ for id_ in met if id_ not in found]
        if not level:
            return list(found)
        found.update(dict.fromkeys(level))
    raise TooCostly(
        f"The hierarchy of {kin.target} has more than {DEEPEST} levels from '{kin.ids[0]}' on: start nearer to what is "
        "wanted."
    )


@dataclass(frozen=True, slots=True)
class Many:
    """What a chain asks of its targets, where these are too many to be followed."""

    node: Node
    where: Filter


async def _chain(server: Server, reader: Reader, chain: Chain, room: Room) -> Node:
    made = await _followed(server, reader, chain, room)
    assert not isinstance(made, Many)
    return made


async def _followed(server: Server, reader: Reader, chain: Chain, room: Room, many: int | None = None) -> Node | Many:
    """What a chain becomes; Many when it leads to so many, if that is said."""
    by_address, by_url = links(server.release, chain.type, chain.code)
    if isinstance(chain.node, Listed):
        # It is the list that knows what is on it.
        node = await _resolve(server, reader, chain.node, room)
        if isinstance(node, Ids) and not by_url:
            return resolved_chain(chain, node.ids, ())
    else:
        node = await resolved(server, reader, chain.node)
    where = to_mongo(node, server.release)
    ids: Sequence[str] = ()
    if by_address:
        limit = room.limit if many is None else min(room.limit, many)
        ids = await reader.ids(chain.target, where, limit) if limit else ()
        if many is not None and len(ids) == limit:
            return Many(node, where)
        room.take(chain.target, ids)
    made = resolved_chain(chain, ids, await _urls(server, reader, chain.target, where, room) if by_url else ())
    inside = await _inside(server, reader, chain, node, room) if by_address else None
    if inside is None or isinstance(made, Member):
        return made
    return inside if made == Ids(()) else Or((made, inside))


async def _urls(server: Server, reader: Reader, type_: str, where: Mapping[str, Any], room: Room) -> Sequence[str]:
    """The canonical URLs of what a filter finds; none of a type that has no such."""
    if "url" not in parameters(server.release, type_):
        return ()
    starts = heads(server.release, type_, "url")
    return room.take(type_, await reader.canonicals(type_, where, starts, room.limit))


async def _inside(server: Server, reader: Reader, chain: Chain, node: Node, room: Room) -> Within | None:
    """The chain into what resources contain; None where none of them contains anything of the kind."""
    found = Within(chain.type, chain.code, chain.target, plain(node))
    values = equalities(to_mongo(found, server.release))
    # A few more equalities cost nothing; all else is asked for only where there is anything to be found.
    if 0 < len(values) <= FEW:
        return found
    key = (chain.type, chain.code)
    if key not in room.holding:
        room.holding[key] = bool(await reader.count(chain.type, any_of(chain.code), cap=1))
    return found if room.holding[key] else None


async def _ids(server: Server, reader: Reader, type_: str, node: Node, room: Room) -> Sequence[str]:
    where = to_mongo(await resolved(server, reader, node), server.release)
    return room.take(type_, await reader.ids(type_, where, room.limit))
