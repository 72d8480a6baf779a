"""What the store's tests write."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fhirserver import fhirjson
from fhirserver.store.documents import Version, Written
from fhirserver.store.store import Store, Tx


@dataclass(frozen=True)
class Entry:
    t: list[str] = field(default_factory=lambda: ["|live"])
    x: list[dict[str, Any]] = field(default_factory=list)
    s: dict[str, str] = field(default_factory=dict)
    f: dict[str, Any] = field(default_factory=dict)
    w: int = 0
    o: str = ""


async def put(
    store: Store | Tx, resource: dict[str, Any], id: str, entry: Entry | None = None, **options: Any
) -> Written:
    kind = resource["resourceType"]
    return await store.put(resource, type=kind, id=id, release="R5", entry=entry or Entry(), **options)


async def history(store: Store | Tx, type: str, id: str, *, limit: int, before: int | None = None) -> list[Version]:
    """At most `limit` versions, newest first, deletions included, those below `before` when it is given."""
    found = await store.extent(type, id)
    if found is None:
        return []
    start = found.last if before is None else min(before - 1, found.last)
    return await store.versions(type, id, range(start, 0, -1)[:limit])


def patient(**content: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", **content}


def member(number: int | str, **more: Any) -> dict[str, Any]:
    return {"entity": {"reference": f"Patient/{number}"}, **more}


def group(*members: dict[str, Any], **content: Any) -> dict[str, Any]:
    return {"resourceType": "Group", **content, **({"member": list(members)} if members else {})}


def body(version: Version | None) -> Any:
    assert version is not None
    return fhirjson.loads(version.body)
