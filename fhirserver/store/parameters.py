"""The search parameters that were defined at run time, and the number that every change of them raises.

They lie in `meta`: {_id: "parameters", n, rev}, where `n` grows with each change of a definition and `rev` with each
change of anything that a server should look at again, and {_id: "parameter/R5/<id>", rel, id, n, r} for each.
https://hl7.org/fhir/R5/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pymongo.asynchronous.collection import AsyncCollection

from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import RELEASES, Release
from fhirserver.store.codec import Document
from fhirserver.store.context import Context

COUNTER = "parameters"
_PREFIX = "parameter/"
_AFTER = "parameter0"
NAMED: Mapping[str, Release] = MappingProxyType({release: release for release in RELEASES})
"""What follows every id with the prefix: '0' comes after '/'."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One definition in use: the elements of its SearchParameter, and the number of the change that made it so."""

    release: Release
    id: str
    number: int
    resource: Resource


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The definitions as of a number; `revision` tells whether there is anything new."""

    number: int
    revision: int
    definitions: tuple[Registered, ...]


class Parameters:
    """The definitions of one database; within a transaction, `register` is part of it."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    @property
    def _meta(self) -> AsyncCollection[Document]:
        return self._ctx.db["meta"]

    async def revision(self) -> int:
        """The revision there is now: one look-up by key."""
        with self._ctx.translated():
            found = await self._meta.find_one({"_id": COUNTER}, {"rev": 1}, session=self._ctx.session)
        return int(found["rev"]) if found else 0

    async def load(self) -> Snapshot:
        """All definitions, as of one moment."""
        while True:
            with self._ctx.translated():
                counter = await self._meta.find_one({"_id": COUNTER}, session=self._ctx.session)
                cursor = self._meta.find({"_id": {"$gt": _PREFIX, "$lt": _AFTER}}, session=self._ctx.session)
                found = await cursor.to_list(None)
            revision = int(counter["rev"]) if counter else 0
            if self._ctx.session is not None or await self.revision() == revision:
                return Snapshot(
                    int(counter["n"]) if counter else 0, revision, tuple(_registered(each) for each in found)
                )

    async def register(self, release: Release, changes: Mapping[str, Resource | None]) -> None:
        """Takes definitions into use by the ids of their resources, None out of it; the same again changes nothing.

        Transactions that do so meet at the counter, so that one of them runs again and sees the other's.
        """
        ids = {id_: f"{_PREFIX}{release}/{id_}" for id_ in changes}
        with self._ctx.translated():
            cursor = self._meta.find({"_id": {"$in": list(ids.values())}}, session=self._ctx.session)
            there = {each["id"]: each["r"] for each in await cursor.to_list(None)}
            new = {id_: resource for id_, resource in changes.items() if resource != there.get(id_)}
            if not new:
                return
            counter = await self._meta.find_one_and_update(
                {"_id": COUNTER},
                {"$inc": {"n": 1, "rev": 1}},
                upsert=True,
                return_document=True,
                session=self._ctx.session,
            )
            number = counter["n"] if counter else 0
            for id_, resource in new.items():
                if resource is None:
                    await self._meta.delete_one({"_id": ids[id_]}, session=self._ctx.session)
                else:
                    row = {"rel": release, "id": id_, "n": number, "r": resource}
                    await self._meta.replace_one({"_id": ids[id_]}, row, upsert=True, session=self._ctx.session)


def _registered(found: Mapping[str, Any]) -> Registered:
    return Registered(NAMED[found["rel"]], found["id"], int(found["n"]), found["r"])
