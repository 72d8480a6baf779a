"""history of a resource: its versions, newest first.

https://hl7.org/fhir/R5/http.html#history
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.errors import NotFound
from fhirserver.interactions.read import known
from fhirserver.interactions.server import Server
from fhirserver.store.documents import Version


@dataclass(frozen=True, slots=True)
class History:
    """One page; `before` is where the next one starts, None on the last."""

    versions: list[Version]
    before: int | None


async def history(server: Server, type_: str, id_: str, *, count: int, before: int | None = None) -> History:
    """Versions with a number below `before` (all without it), deletions included."""
    known(server, type_, id_)
    versions = await server.store.history(type_, id_, limit=count + 1, before=before)
    if not versions and before is None:
        raise NotFound(f"There is no {type_}/{id_} here, and there never was.")
    page = versions[:count]
    return History(page, page[-1].version if len(versions) > count and page else None)
