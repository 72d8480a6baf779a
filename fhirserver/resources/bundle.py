"""Bundles put together from resources that are JSON bytes already.

https://hl7.org/fhir/R5/bundle.html
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from http import HTTPStatus
from typing import Literal

import msgspec

from fhirserver import fhirjson

Mode = Literal["match", "include", "outcome"]


@dataclass(frozen=True, slots=True)
class Link:
    """A link of the Bundle: self, first, next, previous."""

    relation: str
    url: str


class Response(msgspec.Struct, frozen=True, gc=False):
    """entry.response: `status` such as '201 Created'; `etag` is the version's number."""

    status: str
    location: str | None = None
    etag: int | None = None
    modified: datetime | None = None
    outcome: fhirjson.Resource | None = None


@cache
def status(code: int) -> str:
    """A status as a Bundle's response says it, such as '201 Created'."""
    return f"{code} {HTTPStatus(code).phrase}"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry; `body` is the resource as JSON."""

    full_url: str | None = None
    body: bytes | None = None
    mode: Mode | None = None
    request: tuple[str, str] | None = None
    response: Response | None = None


def render(
    kind: str,
    entries: Sequence[Entry | bytes],
    links: Iterable[Link] = (),
    total: int | None = None,
    at: datetime | None = None,
    issues: fhirjson.Resource | None = None,
) -> bytes:
    """The Bundle as JSON; an entry may be JSON already, `issues` is an OperationOutcome about the whole."""
    head: dict[str, object] = {"resourceType": "Bundle", "type": kind}
    if at is not None:
        head["timestamp"] = fhirjson.instant(at)
    if total is not None:
        head["total"] = total
    found = [{"relation": link.relation, "url": link.url} for link in links]
    if found:
        head["link"] = found
    start = fhirjson.dumps(head)
    if entries:
        made = b",".join([entry if isinstance(entry, bytes) else _entry(entry) for entry in entries])
        start = b'%b,"entry":[%b]}' % (start[:-1], made)
    return start if issues is None else b'%b,"issues":%b}' % (start[:-1], fhirjson.dumps(issues))


def found(base: str, type_: str, id_: str, body: bytes, mode: Mode, score: Decimal | None = None) -> bytes:
    """An entry of a searchset, as JSON; the parts of the address need no escapes."""
    return b'{"fullUrl":"%b","resource":%b,"search":{"mode":"%b"%b}}' % (
        f"{base}/{type_}/{id_}".encode(),
        body,
        mode.encode(),
        b"" if score is None else f',"score":{score}'.encode(),
    )


def _entry(entry: Entry) -> bytes:
    parts: list[bytes] = []
    if entry.full_url is not None:
        parts.append(b'"fullUrl":' + fhirjson.dumps(entry.full_url))
    if entry.body is not None:
        parts.append(b'"resource":' + entry.body)
    if entry.mode is not None:
        parts.append(b'"search":{"mode":"' + entry.mode.encode() + b'"}')
    if entry.request is not None:
        method, url = entry.request
        parts.append(b'"request":' + fhirjson.dumps({"method": method, "url": url}))
    if entry.response is not None:
        parts.append(b'"response":' + fhirjson.dumps(_response(entry.response)))
    return b"{" + b",".join(parts) + b"}"


def _response(response: Response) -> dict[str, object]:
    found: dict[str, object] = {"status": response.status}
    if response.location is not None:
        found["location"] = response.location
    if response.etag is not None:
        found["etag"] = f'W/"{response.etag}"'
    if response.modified is not None:
        found["lastModified"] = fhirjson.instant(response.modified)
    if response.outcome is not None:
        found["outcome"] = response.outcome
    return found
