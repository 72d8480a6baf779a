"""The operations that a store and a transaction share: everything that reads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from msgspec import structs

from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release, place, placed
from fhirserver.search.kinds.terms import Span
from fhirserver.search.segments import Segment
from fhirserver.store import changes, following, labels, members, merging, reads, searches, timeline, walks
from fhirserver.store.changes import Ask, Changes
from fhirserver.store.context import Context
from fhirserver.store.documents import Page, Query, Version, stored_of
from fhirserver.store.marks import WHOLE, Window
from fhirserver.store.merging import Key, Met, Place
from fhirserver.store.parameters import Parameters
from fhirserver.store.timeline import Extent
from fhirserver.store.walks import Step, Stretch

Form = Callable[[Version], Version]
"""Puts a version into another form."""


class Operations:
    """Reading, searching and asking about members, as a base of one release sees what is stored.

    Within the store the type of a resource is the place where that release keeps it.
    """

    def __init__(self, ctx: Context, release: Release = "R5") -> None:
        self._ctx = ctx
        self._release = release

    def _at(self, type: str) -> str:
        return place(self._release, type)

    def _named(self, version: Version) -> Version:
        """The version under the name of its type."""
        return version if "." not in version.type else structs.replace(version, type=placed(version.type))

    def _page(self, page: Page) -> Page:
        if not page.items or "." not in page.items[0].type:
            return page
        return replace(page, items=[self._named(each) for each in page.items])

    @property
    def parameters(self) -> Parameters:
        """The search parameters that were defined at run time."""
        return Parameters(self._ctx)

    def formed(self, version: Version, name: str, form: Form) -> Version:
        """The version in another form, such as that of another release, made once as long as it is remembered."""
        kept = self._ctx.cache.form(version, name)
        return self._ctx.cache.put_form(version, name, form(version)) if kept is None else kept

    async def read(self, type: str, id: str) -> Version | None:
        """The current version, also when it is a deletion."""
        found = await reads.read(self._ctx, self._at(type), id)
        return found and self._named(found)

    async def read_version(self, type: str, id: str, version: int) -> Version | None:
        """One version."""
        found = await reads.read_version(self._ctx, self._at(type), id, version)
        return found and self._named(found)

    async def read_many(self, refs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Version]:
        """The current versions of those (type, id) that exist and are not gone."""
        found = await reads.read_many(self._ctx, [(self._at(type), id) for type, id in refs])
        return {(version.type, version.id): version for version in map(self._named, found.values())}

    async def extent(self, type: str, id: str, window: Window = WHOLE) -> Extent | None:
        """The numbers of the versions that a window of time holds; None when there never was such a resource."""
        return await timeline.extent(self._ctx, self._at(type), id, window)

    async def versions(self, type: str, id: str, numbers: range) -> list[Version]:
        """The versions with these numbers in their order, deletions included, as many as make a page."""
        return [self._named(each) for each in await timeline.versions(self._ctx, self._at(type), id, numbers)]

    async def changes(self, types: Sequence[str], ask: Ask) -> Changes:
        """A page of the versions of `types` in the order of their instants; TooCostly when it takes too long."""
        found = await changes.changes(self._ctx, [self._at(type) for type in types], ask)
        return replace(found, items=[self._named(each) for each in found.items])

    async def find(self, type: str, query: Query) -> Page:
        """A page of a search; TooCostly when it takes too long."""
        return self._page(await searches.find(self._ctx, self._at(type), query))

    async def page(
        self, type: str, segments: Sequence[Segment], limit: int, after: tuple[Any, ...] | None = None
    ) -> Page:
        """A page of what the segments of a search find, `after` as `Page.last` gave it; TooCostly as in `find`."""
        return self._page(await searches.page(self._ctx, self._at(type), segments, limit, after))

    async def ids(self, type: str, filter: Mapping[str, Any], limit: int) -> list[str]:
        """At most `limit` ids of those that match, in no order; TooCostly when it takes too long."""
        return [row["_id"] for row in await searches.rows(self._ctx, self._at(type), filter, {"_id": 1}, limit)]

    async def numbers(self, type: str, filter: Mapping[str, Any], limit: int) -> list[tuple[str, int]]:
        """Id and version of at most `limit` of those that match, in no order; TooCostly when it takes too long."""
        return [
            (row["_id"], row["v"]) for row in await searches.rows(self._ctx, self._at(type), filter, {"v": 1}, limit)
        ]

    async def told(
        self, type: str, filter: Mapping[str, Any], elements: Sequence[str], limit: int
    ) -> list[tuple[str, int, Resource]]:
        """Id, version and some elements, no decimals, of at most `limit` of those that match, the last written last."""
        projection = {"v": 1, "at": 1, **{f"r.{name}": 1 for name in elements}}
        rows = await searches.rows(self._ctx, self._at(type), filter, projection, limit)
        return [(row["_id"], row["v"], row.get("r", {})) for row in sorted(rows, key=lambda row: row["at"])]

    async def postings(self, type: str, filter: Mapping[str, Any], limit: int) -> list[tuple[str, list[str]]]:
        """At most `limit` of those that match, as id and postings; TooCostly when it takes too long."""
        return [
            (row["_id"], row["t"]) for row in await searches.rows(self._ctx, self._at(type), filter, {"t": 1}, limit)
        ]

    async def texts(
        self, type: str, filter: Mapping[str, Any], codes: Sequence[str], limit: int
    ) -> list[tuple[str, Mapping[str, list[str]]]]:
        """At most `limit` of those that match, as id and texts by parameter of full text; TooCostly as `find`."""
        projection = {"_id": 1, **{f"f.{code}": 1 for code in codes}}
        rows = await searches.rows(self._ctx, self._at(type), filter, projection, limit)
        return [(row["_id"], row.get("f", {})) for row in rows]

    async def referred(self, type: str, filter: Mapping[str, Any], prefixes: Sequence[str], limit: int) -> list[str]:
        """At most `limit` ids behind postings of these beginnings, in those that match; TooCostly as `find`."""
        return await following.referred(self._ctx, self._at(type), filter, prefixes, limit)

    async def canonicals(self, type: str, filter: Mapping[str, Any], prefixes: Sequence[str], limit: int) -> list[str]:
        """At most `limit` URLs behind postings of these beginnings, in those that match; TooCostly as `find`."""
        return await following.canonicals(self._ctx, self._at(type), filter, prefixes, limit)

    async def held(
        self, groups: Sequence[str], prefixes: Sequence[str], limit: int, at: datetime | None = None
    ) -> list[str]:
        """At most `limit` ids of the members of Groups whose references begin so; with `at` of those active then."""
        return await following.held(self._ctx, groups, prefixes, limit, at)

    async def holding(self, references: Sequence[str], limit: int) -> list[str]:
        """At most `limit` ids of the Groups that have one of these as a member now, such as "Patient/1"."""
        return await following.holding(self._ctx, references, limit)

    async def entries(
        self, type: str, id: str, array: str, reference: str, prefixes: Sequence[str], limit: int, at: datetime
    ) -> list[str]:
        """At most `limit` ids behind the references in a resource's array, of those that hold at a time."""
        return await following.entries(self._ctx, self._at(type), id, array, reference, prefixes, limit, at)

    async def count(self, type: str, filter: Mapping[str, Any], *, cap: int | None = None) -> int:
        """How many match, counted up to `cap`; TooCostly when it takes too long."""
        return await searches.count(self._ctx, self._at(type), filter, cap=cap)

    async def size(self, type: str) -> int:
        """About how many resources of a type are stored, deleted ones too; known without counting."""
        with self._ctx.translated():
            return await searches.size(self._ctx, type)

    async def values(self, type: str, span: Span, most: int) -> list[str] | None:
        """The different postings of a part of the index, in their order; None when there are more than `most`."""
        with self._ctx.translated():
            return await searches.values(self._ctx, self._at(type), span, most)

    async def labels(self, type: str, limit: int) -> Resource:
        """A Meta of the profiles, tags and security labels in use on a type, at most `limit` of each."""
        return await labels.labels(self._ctx, self._at(type), limit)

    async def steps(self, stretches: Sequence[Stretch], limit: int) -> list[Step]:
        """The next `limit` resources of a walk, stretch after stretch and by id, in one round trip."""
        found = await walks.steps(self._ctx, self._along(stretches), limit)
        return [replace(each, type=placed(each.type)) if "." in each.type else each for each in found]

    async def merged(
        self, stretches: Sequence[Stretch], keys: Sequence[Key], after: Place | None, limit: int
    ) -> list[Met]:
        """The next `limit` resources of several types in one order, in one round trip; TooCostly as `find`."""
        found = await merging.merged(self._ctx, self._along(stretches), keys, after, limit)
        return [
            replace(each, step=replace(each.step, type=placed(each.step.type))) if "." in each.step.type else each
            for each in found
        ]

    async def met(self, steps: Sequence[Step]) -> list[Version]:
        """The versions that a walk met."""
        there = [replace(each, type=self._at(each.type)) for each in steps]
        return [self._named(each) for each in await walks.versions(self._ctx, there)]

    def _along(self, stretches: Sequence[Stretch]) -> list[Stretch]:
        return [replace(each, type=self._at(each.type)) for each in stretches]

    async def member_count(self, group_id: str) -> int:
        """How many members a Group has now; 0 when there is no such Group."""
        with self._ctx.translated():
            found = await self._ctx.of(members.TYPE).find_one(
                {"_id": group_id}, {"r": 0, "t": 0}, session=self._session
            )
        return members.count(stored_of(found)) if found else 0

    async def has_member(self, group_id: str, reference: str) -> bool:
        """Whether an entity such as "Patient/1" is a member of a Group now."""
        where = {"e": reference, "to": members.OPEN, "g": group_id}
        with self._ctx.translated():
            return await self._ctx.members.find_one(where, {"_id": 0, "g": 1}, session=self._session) is not None

    async def holds(self, groups: Sequence[str], references: Sequence[str]) -> set[tuple[str, str]]:
        """(Group id, reference) of those entities that are members of these Groups now."""
        where = {"e": {"$in": list(references)}, "to": members.OPEN, "g": {"$in": list(groups)}}
        with self._ctx.translated():
            cursor = self._ctx.members.find(where, {"_id": 0, "g": 1, "e": 1}, session=self._session)
            return {(found["g"], found["e"]) for found in await cursor.to_list(None)}

    async def frame(self, group_id: str) -> Resource | None:
        """A Group without its members; None when it is not there."""
        with self._ctx.translated():
            found = await reads.current(self._ctx, members.TYPE, group_id)
        if found is None or found.resource is None:
            return None
        return {name: value for name, value in found.resource.items() if name != "member"}

    async def groups_of(self, reference: str, limit: int = 1000, after: str = "") -> list[str]:
        """At most `limit` ids, ascending and above `after`, of the Groups that have this entity as a member now."""
        where = {"e": reference, "to": members.OPEN, "g": {"$gt": after}}
        pipeline: list[dict[str, Any]] = [
            {"$match": where},
            {"$group": {"_id": "$g"}},
            {"$sort": {"_id": 1}},
            {"$limit": max(limit, 1)},
        ]
        with self._ctx.translated():
            found: Any = self._ctx.members.aggregate(pipeline, session=self._session)
            if hasattr(found, "__await__"):  # PyMongo's is a coroutine, Motor's is not
                found = await found
            return [row["_id"] for row in await found.to_list(None)]

    @property
    def _session(self) -> Any:
        return self._ctx.session
