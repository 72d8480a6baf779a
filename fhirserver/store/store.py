"""The store: every operation on resources, alone or within a transaction.

Operations        read, search, members
└── Writer
    ├── Store     … and writes, each on its own
    └── Tx        … and writes that happen all or not at all
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec import structs

from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release, placed
from fhirserver.store import (
    batches,
    facts,
    groups,
    indexes,
    locks,
    members,
    sweeps,
    tracing,
    transactions,
    walks,
    writes,
)
from fhirserver.store.cache import Cache
from fhirserver.store.combining import Combiner
from fhirserver.store.context import Context
from fhirserver.store.documents import Create, Expected, IndexEntry, Put, Version, Written
from fhirserver.store.groups import Indexer, Membership, Touch
from fhirserver.store.operations import Operations
from fhirserver.store.passes import Pass, Passes
from fhirserver.store.tracing import Asked, Explained, Listening, Trace
from fhirserver.store.turns import Turns

T = TypeVar("T")
P = TypeVar("P", Put, Create)


class Writer(Operations):
    """What the writes of a store and of a transaction share: places on the way in, types on the way out."""

    def _items(self, items: Sequence[P]) -> Sequence[P]:
        if self._release == "R5":
            return items
        return [structs.replace(each, type=self._at(each.type)) for each in items]

    def _written(self, written: list[Written]) -> list[Written]:
        if self._release == "R5":
            return written
        return [structs.replace(each, version=self._named(each.version)) for each in written]


class Tx(Writer):
    """The operations within one transaction; its writes are seen by its own reads, by others once it is committed."""

    def seen_in(self, release: Release) -> Tx:
        """The same transaction as a base of another release sees what is stored."""
        return self if release == self._release else Tx(self._ctx, release)

    async def put(
        self,
        resource: Resource,
        *,
        type: str,
        id: str,
        release: str,
        entry: IndexEntry,
        expected: Expected | None = None,
        create_only: bool = False,
    ) -> Written:
        """See `Store.put`."""
        item = Put(resource, type, id, release, entry, expected, create_only)
        return (await self.put_many([item]))[0]

    async def lock(self, keys: Sequence[str]) -> None:
        """Locks keys that became known only now: of two transactions that name the same, one runs again."""
        with self._ctx.translated():
            await transactions.touch(self._ctx, locks.slots(keys))

    async def put_many(self, items: Sequence[Put]) -> list[Written]:
        """Writes many resources in a few round trips, each at most once; see `Store.put`."""
        with self._ctx.translated():
            return self._written(await batches.put_many(self._ctx, self._items(items)))

    async def remove(self, type: str, id: str, *, expected: Expected | None = None) -> Written | None:
        """See `Store.remove`."""
        with self._ctx.translated():
            written = await batches.remove(self._ctx, self._at(type), id, expected)
        return written and self._written([written])[0]

    async def add_members(
        self,
        group_id: str,
        new: Sequence[dict[str, Any]],
        *,
        release: str,
        touch: Touch | None = None,
        index: Indexer | None = None,
    ) -> Membership:
        """See `Store.add_members`."""
        with self._ctx.translated():
            return await groups.add(self._ctx, group_id, new, release, touch, index)

    async def remove_members(
        self,
        group_id: str,
        references: Sequence[str],
        *,
        release: str,
        touch: Touch | None = None,
        index: Indexer | None = None,
    ) -> Membership:
        """See `Store.remove_members`."""
        with self._ctx.translated():
            return await groups.remove(self._ctx, group_id, references, release, touch, index)

    async def set_member(
        self,
        group_id: str,
        reference: str,
        edit: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        release: str,
        touch: Touch | None = None,
        index: Indexer | None = None,
    ) -> Membership:
        """See `Store.set_member`."""
        with self._ctx.translated():
            return await groups.change(self._ctx, group_id, reference, edit, release, touch, index)


class Store(Writer):
    """The operations on their own; `transact` joins several."""

    _secret: bytes | None = None

    def __init__(self, ctx: Context, listening: Listening | None = None, release: Release = "R5") -> None:
        super().__init__(ctx, release)
        self._turns = Turns()
        self._combiner = Combiner(ctx, self._turns)
        self._listening = listening
        self._seen: dict[Release, Store] = {release: self}

    def seen_in(self, release: Release) -> Store:
        """The same store as a base of another release sees it."""
        found = self._seen.get(release)
        if found is None:
            found = self._seen[release] = Store(self._ctx, self._listening, release)
            found._seen, found._combiner, found._turns = self._seen, self._combiner, self._turns
        return found

    async def put(
        self,
        resource: Resource,
        *,
        type: str,
        id: str,
        release: str,
        entry: IndexEntry,
        expected: Expected | None = None,
        create_only: bool = False,
    ) -> Written:
        """Writes the next version of a resource; id and meta are set here, `resource` is left as it is.

        The same content again makes no version. PreconditionFailed when `expected` is not the current version,
        Duplicate when `create_only` meets a resource that is not deleted, Unprocessable or TooLarge when it cannot be
        stored, Conflict when too many write it at once.
        """
        item = Put(resource, type, id, release, entry, expected, create_only)
        if type == members.TYPE:
            return await self.transact(lambda tx: batches_put(tx, item), locks=[f"{type}/{id}"])
        return self._written([await writes.put(self._ctx, self._items([item])[0])])[0]

    async def put_many(self, items: Sequence[Put]) -> list[Written]:
        """Writes all `items` or none."""
        return await self.transact(lambda tx: tx.put_many(items))

    async def create_many(self, items: Sequence[Create]) -> list[Written]:
        """Writes all `items` or none; shares a transaction with others that do so now."""
        with self._ctx.translated():
            return self._written(await self._combiner.create(self._items(items)))

    async def remove(self, type: str, id: str, *, expected: Expected | None = None) -> Written | None:
        """Writes a version that says the resource is gone: None when there never was one, unchanged when it is gone.

        PreconditionFailed when `expected` is not the current version.
        """
        if type == members.TYPE:
            return await self.transact(lambda tx: tx.remove(type, id, expected=expected), locks=[f"{type}/{id}"])
        written = await writes.remove(self._ctx, self._at(type), id, expected)
        return written and self._written([written])[0]

    async def add_members(
        self,
        group_id: str,
        new: Sequence[dict[str, Any]],
        *,
        release: str,
        touch: Touch | None = None,
        index: Indexer | None = None,
    ) -> Membership:
        """Appends members to a Group at a cost that does not depend on its size.

        `touch` may change the rest of the Group, which it gets without `member`; `index` gives new index terms, else
        they stay. NotFound or Gone when the Group is not there.
        """
        return await self.transact(
            lambda tx: tx.add_members(group_id, new, release=release, touch=touch, index=index),
            locks=[f"{members.TYPE}/{group_id}"],
        )

    async def remove_members(
        self,
        group_id: str,
        references: Sequence[str],
        *,
        release: str,
        touch: Touch | None = None,
        index: Indexer | None = None,
    ) -> Membership:
        """Ends the memberships of entities such as "Patient/1"; who is no member is passed over. See `add_members`."""
        return await self.transact(
            lambda tx: tx.remove_members(group_id, references, release=release, touch=touch, index=index),
            locks=[f"{members.TYPE}/{group_id}"],
        )

    async def set_member(
        self,
        group_id: str,
        reference: str,
        edit: Callable[[dict[str, Any]], dict[str, Any]],
        *,
        release: str,
        touch: Touch | None = None,
        index: Indexer | None = None,
    ) -> Membership:
        """Changes the member elements of one entity where they stand; NotFound when it is none. See `add_members`."""
        return await self.transact(
            lambda tx: tx.set_member(group_id, reference, edit, release=release, touch=touch, index=index),
            locks=[f"{members.TYPE}/{group_id}"],
        )

    async def transact(self, work: Callable[[Tx], Awaitable[T]], *, locks: Sequence[str] = ()) -> T:
        """Runs `work` in one transaction, which serialises with every other that names one of `locks`.

        `work` may run several times: no effects but through its Tx. Conflict when others stay in the way.
        """
        return await transactions.transact(self._ctx, lambda ctx: work(Tx(ctx, self._release)), locks)

    async def ensure(self, type: str) -> None:
        """Makes the collection and indexes of a type; writes do so by themselves."""
        await indexes.ensure(self._ctx, self._at(type))

    async def types(self) -> list[str]:
        """The resource types that have a collection."""
        found = await indexes.types(self._ctx)
        return sorted(type for each in found if self._at(type := placed(each)) == each)

    @property
    def passes(self) -> Passes:
        """Which resources are indexed anew in the background, and how far that is."""
        return Passes(self._ctx)

    async def sweep(
        self, current: Pass, index: sweeps.Index, *, marks: bool, around: Mapping[str, Sequence[str]] | None = None
    ) -> Pass:
        """Does one batch of a pass; see `sweeps.step`."""
        return await sweeps.step(self._ctx, current, index, marks=marks, around=around or {})

    async def renew(self, version: Version, entry: IndexEntry) -> bool:
        """Gives one version new terms; False when it is not the current one any more."""
        return await sweeps.renew(self._ctx, structs.replace(version, type=self._at(version.type)), entry)

    async def settle(self, current: Pass, index: sweeps.Index) -> Pass:
        """Looks for what a pass that has ended could not see; see `sweeps.settle`."""
        return await sweeps.settle(self._ctx, current, index)

    async def begin_walk(self, walk: str) -> None:
        """Opens a walk of several pages under a name of its own."""
        await walks.begin(self._ctx, walk)

    async def first_met(self, walk: str, page: str, names: Sequence[str]) -> set[str] | None:
        """Those of `names` that no other page of the walk has claimed; None when the walk's time is up."""
        return await walks.first_met(self._ctx, walk, page, names)

    async def marked(self, name: str) -> bool:
        """Whether `mark` was called with this name, ever."""
        return await facts.marked(self._ctx, name)

    async def mark(self, name: str) -> None:
        """Notes for good that something was done."""
        await facts.mark(self._ctx, name)

    async def turns(self, keys: Sequence[str]) -> int:
        """A number that grows with every committed transaction that locked one of `keys`, by chance with others too."""
        return await facts.turns(self._ctx, keys)

    async def turn(self) -> None:
        """Waits until this request may keep the processor busy; see `Turns`."""
        await self._turns.take()

    async def secret(self) -> bytes:
        """A random key that all servers of this database share."""
        if self._secret is None:
            self._secret = await facts.secret(self._ctx)
        return self._secret

    @property
    def cache(self) -> Cache:
        """The versions kept in memory: how many, how large, how often they served."""
        return self._ctx.cache

    async def ping(self) -> None:
        """Unavailable unless the store answers."""
        with self._ctx.translated():
            await self._ctx.db.command("ping")

    @asynccontextmanager
    async def traced(self) -> AsyncIterator[tuple[Store, Trace]]:
        """A store on connections of its own, which remembers no resources, and the questions it asks of MongoDB."""
        if self._listening is None:
            raise ValueError("a traced store is not traced again")
        trace = Trace()
        store = Store(self._ctx.elsewhere(self._listening(trace), Cache(0)), release=self._release)
        store._secret = await self.secret()
        try:
            yield store, trace
        finally:
            await store.close()

    async def explain(self, asked: Asked) -> Explained:
        """How MongoDB answers a question, and what it examines for it."""
        return await tracing.explain(self._ctx, asked)

    async def close(self) -> None:
        """Closes the connections."""
        closed: Any = self._ctx.db.client.close()
        if closed is not None:  # PyMongo's is a coroutine, Motor's is not
            await closed


async def batches_put(tx: Tx, item: Put) -> Written:
    """One write of a transaction of its own."""
    return (await tx.put_many([item]))[0]
