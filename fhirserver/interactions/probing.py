"""Chains that lead to many: what else is asked for is looked at page by page, and kept if its link leads right.

`ResearchStudy?age=42` leads to most Groups there are. Their ids would make a filter of thousands of values, or of too
many; a page of studies and a look at their Groups answer the same. https://hl7.org/fhir/R5/search.html#chaining
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, TooCostly
from fhirserver.interactions import matches
from fhirserver.interactions.paging import CURSOR
from fhirserver.interactions.resolve import Probe, parted, resolved
from fhirserver.interactions.server import Reader, Server
from fhirserver.search.ast import Node, Within
from fhirserver.search.includes import Local, references
from fhirserver.search.match import matches as satisfies
from fhirserver.search.parse import SearchRequest
from fhirserver.search.results import Include
from fhirserver.search.within import plain
from fhirserver.store.documents import Page, Version

MARK = "probe"
"""What begins the position of a page that was found so; the numbers of the chains that were probed follow."""

RATE = 0.15
"""The share of candidates that must lead right on a first page; else the chain is followed after all, if it can be."""

MOST = 2_000
"""Candidates that are looked at for one page; it then ends, full or not."""

_SMALLEST, _LARGEST = 10, 250


async def page(
    server: Server, reader: Reader, request: SearchRequest, count: int, after: tuple[Any, ...] | None
) -> Page:
    """A page of at most `count` matches behind a position; TooCostly as a search is."""
    if after is not None and after[:1] != (MARK,):
        return await matches.page(server, reader, request, await resolved(server, reader, request.filter), count, after)
    chosen, behind = _place(after)
    node, probes = await parted(server, reader, request.filter, chosen)
    if not probes:
        return await matches.page(server, reader, request, node, count, behind)
    search = _Search(server, reader, request, node, probes)
    if after is not None:
        return await search.page(count, behind)
    found = await search.page(count, None, RATE)
    if len(found.items) == count or not found.more:
        return found
    try:
        whole = await resolved(server, reader, request.filter)
    except TooCostly:
        return await search.page(count, None)
    return await matches.page(server, reader, request, whole, count, None)


def _place(after: tuple[Any, ...] | None) -> tuple[frozenset[int] | None, tuple[Any, ...] | None]:
    """The chains that a position says were probed, and the position in the rest of the search."""
    if after is None:
        return None, None
    try:
        _, numbers, *behind = after
        return frozenset(int(each) for each in str(numbers).split(",")), tuple(behind) or None
    except ValueError:
        raise BadRequest("The page position does not fit the search: start again.", expression=CURSOR) from None


class _Search:
    """A search whose chains are probed; `node` is the rest of it."""

    def __init__(
        self, server: Server, reader: Reader, request: SearchRequest, node: Node, probes: Sequence[Probe]
    ) -> None:
        self.server, self.reader, self.request, self.node, self.probes = server, reader, request, node, probes
        self.mark = (MARK, ",".join(str(each.number) for each in probes))

    async def page(self, count: int, after: tuple[Any, ...] | None, rate: float = 0) -> Page:
        """Looks at candidates until the page is full, there are no more, MOST were looked at, or few lead right."""
        items: list[Version] = []
        looked, size, more = 0, max(count, _SMALLEST), True
        while more and len(items) < count and looked < MOST and len(items) >= looked * rate:
            found = await self._candidates(min(size, MOST - looked), after)
            good = await self._kept(found.items)
            room = count - len(items)
            if len(good) > room:
                # Cut where the page is full, so that the next one goes on right behind it.
                size = 1 + next(at for at, each in enumerate(found.items) if each is good[room - 1])
                found = await self._candidates(size, after)
                good = (await self._kept(found.items))[:room]
            items += good
            looked += len(found.items)
            after, more = found.last or after, found.more
            # A few more than will fill the page at the rate so far: most rounds of a page would be its last few places.
            size = min(_LARGEST, max(_SMALLEST, (count - len(items)) * looked * 5 // (4 * max(1, len(items)))))
        return Page(items, None if after is None else (*self.mark, *after), more)

    async def _candidates(self, size: int, after: tuple[Any, ...] | None) -> Page:
        return await matches.page(self.server, self.reader, self.request, self.node, size, after)

    async def _kept(self, candidates: Sequence[Version]) -> list[Version]:
        kept = list(candidates)
        for probe in self.probes:
            if kept:
                leading = await self._leading(probe, kept)
                kept = [each for each, leads in zip(kept, leading, strict=True) if leads is not probe.negated]
        return kept

    async def _leading(self, probe: Probe, candidates: Sequence[Version]) -> list[bool]:
        """Whether the link of each candidate leads to what the chain asks for."""
        chain = probe.chain
        include = Include(chain.type, chain.code, chain.target)
        bases = [self.server.base, *chain.bases]
        resources = [fhirjson.loads(each.body) for each in candidates]
        linked = [
            {place.id for place in references(self.server.release, include, each, bases) if isinstance(place, Local)}
            for each in resources
        ]
        ids = sorted(set().union(*linked))
        asked = {"$and": [{"_id": {"$in": ids}}, dict(probe.where)]}
        there = set(await self.reader.ids(chain.target, asked, len(ids))) if ids else set()
        return [
            not there.isdisjoint(to) or self._inside(probe, resource)
            for resource, to in zip(resources, linked, strict=True)
        ]

    def _inside(self, probe: Probe, resource: dict[str, Any]) -> bool:
        """Whether a resource contains what the chain asks for, and refers to it."""
        chain = probe.chain
        inside = Within(chain.type, chain.code, chain.target, plain(probe.node))
        return "contained" in resource and satisfies(inside, resource, self.server.release)
