"""The shapes of what goes in and comes out, and how a version lies in MongoDB.

    {_id: "<logical id>", v: 3, at: <instant>, gone: false, rel: "R5", r: {…}, t: […], x: […], s: {…}, f: {…}, w, o}

A version that created the resource has `by`, its method. A document in `history` has the same fields without the index
terms, its type and id as `ty` and `id`, and the `_id` "Type/id/0000000003".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, Protocol

import msgspec

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.search import order
from fhirserver.store.codec import Document

Origin = Literal["POST", "PUT"]
"""How a resource was created: under an id of this server's, or of the client's."""


class IndexEntry(Protocol):
    """What a search can find a resource by: postings, ranges, sort keys and full strings."""

    @property
    def t(self) -> list[str]:
        """Postings: each an exact term such as "status|active"."""

    @property
    def x(self) -> list[dict[str, Any]]:
        """Ranges: {k: <parameter>, lo, hi, …}."""

    @property
    def s(self) -> dict[str, str]:
        """Sort keys by parameter, without their ends."""

    @property
    def f(self) -> dict[str, Any]:
        """Full normalised strings by parameter."""

    @property
    def w(self) -> int:
        """The class of the resource's place in the order of its type."""

    @property
    def o(self) -> str:
        """The beginning of its order key, which its id ends."""


class Version(msgspec.Struct, frozen=True, gc=False):
    """One version of a resource; `body` is its JSON as served, empty when it is a deletion (`gone`).

    `origin` is set where the version created the resource, for the first time or again after a deletion.
    """

    type: str
    id: str
    version: int
    at: datetime
    gone: bool
    release: str
    body: bytes
    origin: Origin | None = None


class Written(msgspec.Struct, frozen=True, gc=False):
    """The outcome of a write: the version that is now current; `changed` is False when it was there before."""

    version: Version
    created: bool
    changed: bool


@dataclass(frozen=True, slots=True)
class Among:
    """What a write asks of the current version: to be one of `versions`, or, `negated`, to be none of them.

    None for `versions` stands for any version of a resource that is there, https://www.rfc-editor.org/rfc/rfc9110#section-13.1.
    """

    versions: frozenset[int] | None = None
    negated: bool = False

    def holds(self, version: int, gone: bool) -> bool:
        """Whether the current version is as asked; 0 when there never was one."""
        there = not gone and version > 0
        return (there if self.versions is None else version in self.versions) is not self.negated


Expected = int | Among
"""The condition of a write: exactly this version (the common case), or a wider one."""


class Put(msgspec.Struct, frozen=True, gc=False):
    """One resource to be written among others."""

    resource: Resource
    type: str
    id: str
    release: str
    entry: IndexEntry
    expected: Expected | None = None
    create_only: bool = False


class Create(msgspec.Struct, frozen=True, gc=False):
    """A new resource under a new id; `index` makes its terms when it is written, by what is in force then."""

    resource: Resource
    type: str
    id: str
    release: str
    index: Callable[[Resource], IndexEntry]

    def put(self) -> Put:
        """What is to be written."""
        return Put(self.resource, self.type, self.id, self.release, self.index(self.resource), create_only=True)


@dataclass(frozen=True, slots=True)
class Query:
    """What a trusted filter finds within one type, in the order of places, or of sort keys such as ("at", 1).

    `after` is where the last page ended, as `Page.last` gave it.
    """

    filter: Mapping[str, Any]
    sort: tuple[tuple[str, int], ...] | list[tuple[str, int]] = ()
    limit: int = 50
    after: tuple[Any, ...] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a search found; `last` continues it and `more` says whether that makes sense."""

    items: list[Version]
    last: tuple[Any, ...] | None
    more: bool


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A current document: its version, its resource (None when gone) and, for a Group, its members' numbers."""

    version: int
    at: datetime
    gone: bool
    release: str
    resource: Resource | None
    members: Document | None = None
    origin: Origin | None = None


NUMBER = {"v": 1}
"""The projection to the id and the number of the current version."""

HEAD = {"v": 1, "at": 1, "gone": 1, "rel": 1, "by": 1}
"""The projection that leaves the resource out."""

BODY = {**HEAD, "r": 1, "m": 1}
"""The projection that leaves the index terms out."""


def history_id(type: str, id: str, version: int) -> str:
    """The `_id` of a superseded version: in the order of versions, so that paging needs no other index."""
    return f"{type}/{id}/{version:010d}"


def stamped(resource: Resource, type: str, id: str, version: int, at: datetime) -> Resource:
    """A copy with id, meta.versionId and meta.lastUpdated set, these first."""
    meta = resource.get("meta")
    kept = meta if isinstance(meta, dict) else {}
    rest = {name: value for name, value in kept.items() if name not in ("versionId", "lastUpdated")}
    copy: Resource = {
        "resourceType": type,
        "id": id,
        "meta": {"versionId": str(version), "lastUpdated": fhirjson.instant(at), **rest},
    }
    for name, value in resource.items():
        if name not in ("resourceType", "id", "meta"):
            copy[name] = value
    return copy


def document(
    id: str,
    version: int,
    at: datetime,
    release: str,
    resource: Resource | None,
    entry: IndexEntry | None,
    members: Document | None = None,
    origin: Origin | None = None,
) -> Document:
    """The current document of a resource; without `resource` that of a deletion."""
    made: Document = {"_id": id, "v": version, "at": at, "gone": resource is None, "rel": release}
    if origin is not None:
        made["by"] = origin
    if resource is not None:
        made["r"] = resource
    if members is not None:
        made["m"] = members
    made |= NO_TERMS if entry is None or resource is None else terms(entry, id)
    return made


NO_TERMS: Mapping[str, Any] = MappingProxyType({"t": [], "x": [], "s": {}, "f": {}})
"""The index terms of a deletion, which is never found."""


def terms(entry: IndexEntry, id: str) -> Document:
    """The index terms of a resource as its document holds them."""
    end = order.end(id)
    sorts = {code: key + end for code, key in entry.s.items()}
    return {"t": entry.t, "x": entry.x, "s": sorts, "f": entry.f, "w": entry.w, "o": entry.o + id}


def superseded(type: str, id: str, stored: Stored) -> Document:
    """The document of a version in `history`."""
    made: Document = {
        "_id": history_id(type, id, stored.version),
        "ty": type,
        "id": id,
        "v": stored.version,
        "at": stored.at,
        "gone": stored.gone,
        "rel": stored.release,
    }
    if stored.resource is not None:
        made["r"] = stored.resource
    if stored.members is not None:
        made["m"] = stored.members
    if stored.origin is not None:
        made["by"] = stored.origin
    return made


def stored_of(found: Mapping[str, Any]) -> Stored:
    """A document that was read with its resource."""
    return Stored(found["v"], found["at"], found["gone"], found["rel"], found.get("r"), found.get("m"), found.get("by"))


def version_of(type: str, id: str, found: Stored, resource: Resource | None) -> Version:
    """The version to serve; `resource` is the whole resource, members included."""
    body = b"" if resource is None else fhirjson.dumps(resource)
    return Version(type, id, found.version, found.at, found.gone, found.release, body, found.origin)
