"""Collections in the layout that searches are made for, and what a search finds in them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from pymongo.collection import Collection

from fhirserver import fhirjson
from fhirserver.resources.registry import Release
from fhirserver.search.ast import Node
from fhirserver.search.indexing import entry
from fhirserver.search.mongo import to_mongo
from fhirserver.store.codec import storable

INDEXES = [
    [("t", 1), ("_id", 1)],
    [("x.k", 1), ("x.lo", 1), ("x.hi", 1)],
    [("at", 1), ("_id", 1)],
]


def document(release: Release, resource: dict[str, Any], id_: str | None = None) -> dict[str, Any]:
    """The document of a resource."""
    updated = (resource.get("meta") or {}).get("lastUpdated")
    at = fhirjson.interval(updated).low if updated else datetime(2020, 1, 1, tzinfo=UTC)
    found = entry(release, {name: value for name, value in resource.items() if name != "member"})
    return {
        "_id": id_ or resource["id"], "v": 1, "at": at, "gone": False,
        "t": found.t, "x": found.x, "s": found.s, "f": found.f,
    }  # fmt: skip


class Shelf:
    """One collection of documents, and the ids that a search finds in it."""

    def __init__(self, collection: Collection[dict[str, Any]]) -> None:
        self.collection = collection

    def put(self, documents: Iterable[dict[str, Any]]) -> None:
        many = [storable(each) for each in documents]
        if many:
            self.collection.insert_many(many, ordered=False)

    def ids(self, node: Node, release: Release = "R5") -> list[str]:
        return [found["_id"] for found in self.collection.find(to_mongo(node, release), {"_id": 1}).sort("_id", 1)]
