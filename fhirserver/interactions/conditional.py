"""Conditions of writes: search criteria that must match one resource or none, and versions that must be current.

https://hl7.org/fhir/R5/http.html#cond-update
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from fhirserver.errors import BadRequest, PreconditionFailed
from fhirserver.interactions.server import Server
from fhirserver.store.store import Tx

_ETAG = re.compile(r'(?:W/)?"([^"]*)"|([^",\s]+)')


@dataclass(frozen=True, slots=True)
class Criteria:
    """A type and a search's query string."""

    type: str
    query: str

    @property
    def key(self) -> str:
        """What two racing writes with these criteria both lock."""
        return f"condition/{self.type}?{self.query}"


def version_of(etag: str, where: str) -> int:
    """The version that an ETag names; `where` is the header or element it stood in."""
    match = _ETAG.fullmatch(etag.strip())
    text = (match[1] or match[2] or "") if match else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise BadRequest(
            f'{where} names no version of this server: send the ETag of the version you read, such as W/"3".',
            expression=where,
        )
    return int(text)
