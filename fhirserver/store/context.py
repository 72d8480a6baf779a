"""What every operation of the store works with: the database, the cache, and the transaction it is part of, if any."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field

from bson.raw_bson import RawBSONDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import AutoReconnect

from fhirserver.store.cache import Cache
from fhirserver.store.codec import PLAIN, Document
from fhirserver.store.documents import Stored, Version
from fhirserver.store.inserts import Inserts
from fhirserver.store.leaps import Leaps
from fhirserver.store.locks import Queues
from fhirserver.store.tally import Operation

Session = AsyncClientSession
_TYPE = re.compile(r"[A-Z][A-Za-z]*(\.R4)?")
_NUMBER = {"v": 1, "_id": 0}
_ONE_NUMBER = {
    "projection": _NUMBER,
    "limit": 1,
    "singleBatch": True,
    # Commands do not take the client's own.
    "readConcern": {"level": "majority"},
}


class RerunError(Exception):
    """Ends a transaction to run it again: after the collections of `types` exist, or looking before it inserts."""

    def __init__(self, types: frozenset[str] = frozenset()) -> None:
        super().__init__(types)
        self.types = types


@dataclass(frozen=True, slots=True)
class Context:
    """Within a transaction `session` is set, and `written` holds what becomes known to others when it is committed.

    `seen` holds what a transaction read or wrote itself, which is what its snapshot would show it again;
    `superseded` is not in `history` yet, see there.
    """

    db: AsyncDatabase[Document]
    cache: Cache
    queues: Queues
    search_timeout_ms: int
    prepared: set[str]
    session: Session | None = None
    written: dict[tuple[str, str, int], Version] = field(default_factory=dict)
    careful: bool = False
    collections: dict[str, AsyncCollection[Document]] = field(default_factory=dict)
    seen: dict[tuple[str, str], Stored | None] = field(default_factory=dict)
    superseded: list[Document] = field(default_factory=list)
    inserting: dict[str, Inserts] = field(default_factory=dict)
    max_scanned: int = 20_000
    leaps: Leaps = field(default_factory=Leaps)

    def within(self, session: Session, careful: bool) -> Context:
        """The same in a transaction that begins."""
        return Context(
            self.db,
            self.cache,
            self.queues,
            self.search_timeout_ms,
            self.prepared,
            session,
            {},
            careful,
            self.collections,
            max_scanned=self.max_scanned,
            leaps=self.leaps,
        )

    def elsewhere(self, db: AsyncDatabase[Document], cache: Cache) -> Context:
        """The same over other connections, outside any transaction."""
        return Context(db, cache, Queues(), self.search_timeout_ms, self.prepared, max_scanned=self.max_scanned)

    def of(self, type: str) -> AsyncCollection[Document]:
        """The collection of a resource type, or of its place."""
        found = self.collections.get(type)
        if found is None:
            if not _TYPE.fullmatch(type):
                raise ValueError(f"{type!r} is no resource type")
            found = self.collections[type] = self.db[type]
        return found

    async def insert(self, name: str, document: RawBSONDocument) -> bool:
        """Inserts into a collection, outside any transaction; False when there is one of its `_id` already."""
        found = self.inserting.get(name)
        if found is None:
            found = self.inserting[name] = Inserts(self._named(name))
        return await found.insert(document)

    async def number(self, type: str, id: str) -> int | None:
        """The number of the current version, asked of the database; the cheapest question there is."""
        if self.session is None:
            # Every read asks this. A bare command takes an eighth less of the processor than the driver's find, which
            # is left what a bare command lacks: to try again when a connection broke.
            with contextlib.suppress(AutoReconnect):
                answer = await self.db.command({"find": self.of(type).name, "filter": {"_id": id}, **_ONE_NUMBER})
                batch = answer["cursor"]["firstBatch"]
                return int(batch[0]["v"]) if batch else None
        found = await self.plain(type).find_one({"_id": id}, _NUMBER, session=self.session)
        return found["v"] if found else None

    def plain(self, type: str) -> AsyncCollection[Document]:
        """The collection for reading what holds no decimals: the driver's own decoding is much faster."""
        key = f"{type} "
        found = self.collections.get(key)
        if found is None:
            found = self.collections[key] = self.of(type).with_options(codec_options=PLAIN)
        return found

    @property
    def history(self) -> AsyncCollection[Document]:
        """Superseded versions of every type."""
        return self._named("history")

    @property
    def members(self) -> AsyncCollection[Document]:
        """Members of Groups."""
        return self._named("members")

    @property
    def locks(self) -> AsyncCollection[Document]:
        """What transactions that must not run at the same time both touch."""
        return self._named("locks")

    @property
    def walks(self) -> AsyncCollection[Document]:
        """What the pages of a walk have given already."""
        return self._named("walks")

    def _named(self, name: str) -> AsyncCollection[Document]:
        # Making a collection object costs more than most of what is done with it.
        found = self.collections.get(name)
        if found is None:
            found = self.collections[name] = self.db[name]
        return found

    def translated(self) -> Operation:
        """Times an operation and translates the driver's errors, but those that decide whether a transaction reruns."""
        return Operation(translates=self.session is None)

    def keep(self, version: Version) -> Version:
        """Remembers a version: for all when it is committed, for this transaction only while it is not."""
        if self.session is None:
            self.cache.put(version)
        else:
            self.written[version.type, version.id, version.version] = version
        return version

    def kept(self, type: str, id: str, version: int) -> Version | None:
        """The version, if it is remembered."""
        return self.written.get((type, id, version)) or self.cache.get(type, id, version)

    def newest(self, type: str, id: str) -> Version | None:
        """The newest version remembered, which others may have replaced since."""
        return self.cache.newest(type, id)
