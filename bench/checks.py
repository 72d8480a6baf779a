"""What a good answer holds: checked on a sample of the answers, after the clock has stopped."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from bench.client import BenchError, Check

PAGE = 50


def resource(type: str, id: str | None = None) -> Check:
    """A resource of the type, with that id or any."""
    return partial(_resource, type, id)


def searchset(type: str, matches: int, included: int = 0) -> Check:
    """A searchset with so many matches of the type, a page at most, and so many included resources."""
    return partial(_searchset, type, min(matches, PAGE), included)


def transaction(entries: int) -> Check:
    """A transaction-response in which every entry succeeded."""
    return partial(_transaction, entries)


def _equal(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise BenchError(f"{what} is {found!r} instead of {wanted!r}")


def _resource(type: str, id: str | None, body: bytes) -> None:
    found: dict[str, Any] = msgspec.json.decode(body)
    _equal("resourceType", found["resourceType"], type)
    if id is not None or not found.get("id"):
        _equal("id", found.get("id"), id)
    if "versionId" not in found.get("meta", {}):
        raise BenchError("meta.versionId is missing")


def _searchset(type: str, matches: int, included: int, body: bytes) -> None:
    found: dict[str, Any] = msgspec.json.decode(body)
    _equal("type", found["type"], "searchset")
    modes = [(entry["search"]["mode"], entry["resource"]["resourceType"]) for entry in found.get("entry", [])]
    _equal("number of matches", sum(mode == ("match", type) for mode in modes), matches)
    _equal("number included", sum(mode[0] == "include" for mode in modes), included)
    _equal("number of entries", len(modes), matches + included)


def _transaction(entries: int, body: bytes) -> None:
    found: dict[str, Any] = msgspec.json.decode(body)
    _equal("type", found["type"], "transaction-response")
    statuses = [entry["response"]["status"] for entry in found["entry"]]
    _equal("number of entries", len(statuses), entries)
    if bad := [status for status in statuses if not status.startswith("20")]:
        raise BenchError(f"an entry of the transaction has status {bad[0]}")
