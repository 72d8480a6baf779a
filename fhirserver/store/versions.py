"""Decides what a write makes of the current version; pure, so that a store and a transaction decide alike.

https://hl7.org/fhir/R5/http.html#concurrency
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from bson.raw_bson import RawBSONDocument

from fhirserver import fhirjson
from fhirserver.errors import Duplicate, PreconditionFailed
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import placed
from fhirserver.store.codec import Document, encoded
from fhirserver.store.documents import Among, Expected, Origin, Put, Stored, Version, document, stamped


class Step(msgspec.Struct, frozen=True, gc=False):
    """The next version of a resource: the document to store, what will be read of it, the version to serve."""

    document: RawBSONDocument
    stored: Stored
    version: Version
    created: bool


def check(type: str, id: str, current: Stored | None, expected: Expected | None, create_only: bool = False) -> None:
    """PreconditionFailed unless the current version is as expected; Duplicate when there must be none."""
    there = current is not None and not current.gone
    if create_only and there:
        raise Duplicate(f"{placed(type)}/{id} exists already: update it, or create it with another id.")
    if expected is None:
        return
    number, gone = (current.version, current.gone) if current else (0, True)
    if number == expected if isinstance(expected, int) else expected.holds(number, gone):
        return
    state = f"version {number}" + (", which is deleted" if gone else "") if number else "absent"
    raise PreconditionFailed(
        f"{placed(type)}/{id} is {state}, {_asked(expected)}: read it again and repeat the change on what you get."
    )


def _asked(expected: Expected) -> str:
    match expected:
        case int():
            return f"not version {expected}"
        case Among(None, negated):
            return "but was to be absent" if negated else "but was to be there"
        case Among(versions, negated):
            listed = ", ".join(map(str, sorted(versions or ()))) or "another server's"
            return f"but was {'not ' if negated else ''}to be {listed}"


def is_unchanged(item: Put, current: Stored | None) -> bool:
    """Whether the current version says the same already."""
    if current is None or current.gone or current.resource is None or current.release != item.release:
        return False
    proposed = stamped(item.resource, placed(item.type), item.id, current.version, current.at)
    return fhirjson.canonical(proposed) == fhirjson.canonical(current.resource)


def step(item: Put, current: Stored | None, *, small: Resource | None = None, members: Document | None = None) -> Step:
    """The version after `current`; `small` is what is stored when that is not the whole resource."""
    number, at = following(current)
    whole = stamped(item.resource, placed(item.type), item.id, number, at)
    stored = whole if small is None else stamped(small, placed(item.type), item.id, number, at)
    created = current is None or current.gone
    origin: Origin | None = None
    if created:
        origin = "POST" if item.create_only else "PUT"
    made = document(item.id, number, at, item.release, stored, item.entry, members, origin)
    later = Stored(number, at, False, item.release, stored, members, origin)
    version = Version(item.type, item.id, number, at, False, item.release, fhirjson.dumps(whole), origin)
    return Step(encoded(made), later, version, created)


def deletion(type: str, id: str, current: Stored) -> Step:
    """The version that says a resource is gone."""
    number, at = following(current)
    made = document(id, number, at, current.release, None, None)
    gone = Stored(number, at, True, current.release, None)
    return Step(encoded(made), gone, Version(type, id, number, at, True, current.release, b""), False)


def following(current: Stored | None) -> tuple[int, datetime]:
    """The next version's number and instant; an instant never lies before the one it follows."""
    now = fhirjson.now()
    return (1, now) if current is None else (current.version + 1, max(now, current.at))
