"""What the floor stores and answers: bytes ready to send beside the few fields that its searches need."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

Document = dict[str, Any]
Resource = dict[str, Any]

decode: Callable[[bytes], Resource] = msgspec.json.Decoder(dict, float_hook=msgspec.Raw).decode
_encode: Callable[[Any], bytes] = msgspec.json.Encoder().encode


def document(type: str, id: str, version: int, resource: Resource) -> Document:
    """What is stored of a version of a resource."""
    at = datetime.now(UTC)
    resource["id"] = id
    resource["meta"] = {"versionId": str(version), "lastUpdated": at.isoformat(timespec="milliseconds")}
    return {"_id": id, "v": version, "at": at, "b": _encode(resource), **_fields(type, resource)}


def _fields(type: str, resource: Resource) -> Document:
    match type:
        case "Patient":
            parts = [part for name in resource["name"] for part in (name["family"], *name["given"])]
            return {
                "identifier": _identifiers(resource),
                "name": [part.lower() for part in parts],
                "birthDate": resource["birthDate"],
            }
        case "Observation":
            return {
                "subject": resource["subject"]["reference"],
                "code": _codes(resource["code"]),
                "date": datetime.fromisoformat(resource["effectiveDateTime"]),
            }
        case "ResearchSubject":
            return {"study": resource["study"]["reference"], "subject": resource["subject"]["reference"]}
        case "Condition":
            return {"subject": resource["subject"]["reference"], "code": _codes(resource["code"])}
        case _:
            return {"identifier": _identifiers(resource)}


def _identifiers(resource: Resource) -> list[str]:
    return [f"{one['system']}|{one['value']}" for one in resource["identifier"]]


def _codes(concept: Resource) -> list[str]:
    return [f"{coding['system']}|{coding['code']}" for coding in concept["coding"]]


def filter_of(type: str, params: dict[str, str]) -> Document:
    """The Mongo filter of a search."""
    return {name: _condition(type, name, value) for name, value in _renamed(params)}


def _renamed(params: dict[str, str]) -> Iterable[tuple[str, str]]:
    for name, value in params.items():
        yield ("birthDate" if name == "birthdate" else name), value


def _condition(type: str, name: str, value: str) -> Any:
    match name:
        case "name":
            # A string, for the driver gives a compiled pattern the flag 'u', with which MongoDB scans the whole index.
            return {"$regex": "^" + re.escape(value.lower())}
        case "birthDate":
            return {"$gte": value, "$lt": value + "~"}
        case "date":
            low = datetime.fromisoformat(f"{value}-01").replace(tzinfo=UTC)
            return {"$gte": low, "$lt": (low + timedelta(days=31)).replace(day=1)}
        case "study" if "/" not in value:
            return f"ResearchStudy/{value}"
        case _:
            return value


def searchset(base: str, url: str, type: str, found: Sequence[Document], included: Sequence[Document]) -> bytes:
    """The Bundle, joined from stored bytes."""
    entries = [_entry(base, type, one, b"match") for one in found]
    entries.extend(_entry(base, "Patient", one, b"include") for one in included)
    link = _encode([{"relation": "self", "url": url}])
    head = b'{"resourceType":"Bundle","type":"searchset","link":' + link
    return head + (b',"entry":[' + b",".join(entries) + b"]}" if entries else b"}")


def _entry(base: str, type: str, one: Document, mode: bytes) -> bytes:
    url = f"{base}r5/{type}/{one['_id']}".encode()
    stored: bytes = one["b"]
    return b'{"fullUrl":"' + url + b'","resource":' + stored + b',"search":{"mode":"' + mode + b'"}}'


def transaction(body: bytes, new_id: Callable[[], str]) -> dict[str, list[Document]]:
    """The documents of a transaction of creates, and of updates that create, by type; references by urn resolved."""
    entries = decode(body)["entry"]
    ids: list[str] = []
    moved = False
    for entry in entries:
        type, _, id = entry["request"]["url"].partition("/")
        ids.append(id or new_id())
        if "fullUrl" in entry:
            body = body.replace(entry["fullUrl"].encode(), f"{type}/{ids[-1]}".encode())
            moved = True
    if moved:
        entries = decode(body)["entry"]
    by_type: dict[str, list[Document]] = {}
    for id, entry in zip(ids, entries, strict=True):
        resource = entry["resource"]
        type = resource["resourceType"]
        by_type.setdefault(type, []).append(document(type, id, 1, resource))
    return by_type


def transaction_response(by_type: dict[str, list[Document]]) -> bytes:
    """The answer: a status and a location each."""
    entries = [
        {"response": {"status": "201 Created", "location": f"{type}/{one['_id']}/_history/1", "etag": 'W/"1"'}}
        for type, new in by_type.items()
        for one in new
    ]
    return _encode({"resourceType": "Bundle", "type": "transaction-response", "entry": entries})
