"""Collections in the layout that searches are made for, and what a search finds in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from pymongo.collection import Collection

from fhirserver import fhirjson
from fhirserver.interactions import cursor
from fhirserver.resources.registry import Release
from fhirserver.search.asks import Ask
from fhirserver.search.ast import Node
from fhirserver.search.indexing import IndexEntry, entry
from fhirserver.search.mongo import to_mongo
from fhirserver.search.plan import Search, Sort, plan
from fhirserver.search.richness import PLAIN, Richness
from fhirserver.search.segments import Segment
from fhirserver.search.unindexed import narrowed, unindexed, values
from fhirserver.store import searches
from fhirserver.store.codec import OPTIONS, storable
from fhirserver.store.context import Context
from fhirserver.store.documents import terms
from fhirserver.store.searches import Row, heads, stages


def without_members(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if name != "member"}


def document(release: Release, resource: dict[str, Any], id_: str | None = None) -> dict[str, Any]:
    """The document of a resource."""
    return _document(resource, entry(release, without_members(resource)), id_)


def _document(resource: dict[str, Any], found: IndexEntry, id_: str | None = None) -> dict[str, Any]:
    updated = (resource.get("meta") or {}).get("lastUpdated")
    at = fhirjson.interval(updated).low if updated else datetime(2020, 1, 1, tzinfo=UTC)
    name = id_ or resource["id"]
    return {"_id": name, "v": 1, "at": at, "gone": False, **terms(found, name)}


MOST_PAGES = 10_000
MOST_VALUES = 10_000


class Shelf:
    """One collection of documents, and the ids that a search finds in it."""

    def __init__(self, collection: Collection[dict[str, Any]], context: Context, runner: asyncio.Runner) -> None:
        self.collection = collection
        self._context = context
        self._runner = runner

    def put(self, documents: Iterable[dict[str, Any]]) -> None:
        many = [storable(each) for each in documents]
        if many:
            self.collection.insert_many(many, ordered=False)

    def fill(self, release: Release, resources: Iterable[dict[str, Any]], richness: Richness = PLAIN) -> None:
        """The resources, and nothing else."""
        self.collection.delete_many({})
        self.put(_document(each, entry(release, without_members(each), richness=richness)) for each in resources)

    def ids(self, node: Node, release: Release = "R5") -> list[str]:
        return [found["_id"] for found in self.collection.find(to_mongo(node, release), {"_id": 1}).sort("_id", 1)]

    def plan(self, type_: str, node: Node, sort: Sort = (), release: Release = "R5") -> tuple[Segment, ...]:
        """The segments of a search."""
        return plan(Search(release, type_, node, sort))

    def sought(self, node: Node, release: Release = "R5") -> Node:
        """The tree of a search that no index answers, as a large type is searched: by the values that there are."""
        while (criterion := unindexed(node)) is not None and (span := values(release, criterion)) is not None:
            found = self._runner.run(searches.values(self._context, self.collection.name, span, MOST_VALUES))
            assert found is not None
            node = narrowed(node, criterion, found)
        return node

    def paged(
        self, segments: Sequence[Segment], size: int, between: Callable[[int], None] = lambda number: None
    ) -> list[str]:
        """The ids that the segments give in their order, page after page."""
        found: list[str] = []
        for number, (rows, _) in enumerate(self._pages(segments, size)):
            found += [row["_id"] for row in rows]
            assert number < MOST_PAGES, "pages without end"
            between(number)
        return found

    def positions(self, segments: Sequence[Segment], size: int, pages: int) -> list[tuple[int, tuple[Any, ...] | None]]:
        """Where each of so many pages begins: the number of the segment, and the position in it."""
        found = islice(self._pages(segments, size), pages - 1)
        return [(0, None), *((after[0], after[1:]) for _, after in found)]

    def _pages(self, segments: Sequence[Segment], size: int) -> Iterator[tuple[list[Row], tuple[Any, ...]]]:
        after = None
        while True:
            met = self._runner.run(heads(self._context, self.collection.name, segments, size, after))
            if met:
                at, row = met[-1]
                # Positions go through a client's hands as text.
                sealed = cursor.seal(b"key", "scope", (at, *segments[at].position(row)))
                after = cursor.unseal(b"key", "scope", sealed)
            yield [row for _, row in met], after or ()
            if len(met) < size:
                return

    def explained(self, ask: Ask, limit: int) -> dict[str, Any]:
        """What MongoDB says of one query."""
        if ask.computed:
            command: dict[str, Any] = {"aggregate": self.collection.name, "pipeline": stages(ask, limit), "cursor": {}}
        else:
            command = {"find": self.collection.name, "filter": ask.filter, "projection": {"v": 1}, "limit": limit}
        if ask.sort and not ask.computed:
            command["sort"] = dict(ask.sort)
        if ask.index:
            command["hint"] = ask.index
        if ask.low and not ask.computed:
            command |= {"min": dict(ask.low), "max": dict(ask.high)}
        return self.collection.database.command("explain", command, verbosity="executionStats", codec_options=OPTIONS)

    def examined(self, ask: Ask, limit: int) -> int:
        """The keys that one query examines."""
        found: int = self.explained(ask, limit)["executionStats"]["totalKeysExamined"]
        return found
