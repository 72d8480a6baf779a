"""Opaque, signed page positions: the sort values and the id of a page's last entry.

https://hl7.org/fhir/R5/http.html#paging
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from fhirserver.errors import BadRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MAC = 12


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return {"t": (value - _EPOCH) // timedelta(microseconds=1)}
        case Decimal():
            return {"d": str(value)}
        case _:
            return value


def _rich(value: Any) -> Any:
    match value:
        case {"t": int(micros)}:
            return _EPOCH + timedelta(microseconds=micros)
        case {"d": str(digits)}:
            return Decimal(digits)
        case _:
            return value


def _mac(secret: bytes, scope: str, payload: bytes) -> bytes:
    return hmac.new(secret, scope.encode() + b"\0" + payload, hashlib.sha256).digest()[:_MAC]


def seal(secret: bytes, scope: str, position: tuple[Any, ...]) -> str:
    """A token for `position`, good only for the search that `scope` names."""
    payload = msgspec.json.encode([_plain(value) for value in position])
    return base64.urlsafe_b64encode(_mac(secret, scope, payload) + payload).decode().rstrip("=")


def unseal(secret: bytes, scope: str, token: str) -> tuple[Any, ...]:
    """The position of a token; BadRequest for one that was not made here for this search."""
    try:
        raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    mac, payload = raw[:_MAC], raw[_MAC:]
    if not payload or not hmac.compare_digest(mac, _mac(secret, scope, payload)):
        raise BadRequest(
            "The page position is not one this server gave for this search: follow the links of a result unchanged, "
            "or start again without _cursor.",
            expression="_cursor",
        )
    return tuple(_rich(value) for value in msgspec.json.decode(payload))
