"""read and vread: the current version of a resource, or a given one.

https://hl7.org/fhir/R5/http.html#read, https://hl7.org/fhir/R5/http.html#vread
"""

from __future__ import annotations

from fhirserver.errors import NotFound
from fhirserver.interactions.server import Reader, Server, known_type, present
from fhirserver.store.documents import Version


async def read(server: Server, type_: str, id_: str, *, within: Reader | None = None) -> Version:
    """The current version; NotFound if it never was, Gone if it was deleted."""
    known_type(server, type_)
    return present(server, await (within or server.store).read(type_, id_), f"{type_}/{id_}")


async def vread(server: Server, type_: str, id_: str, version: str) -> Version:
    """That version; NotFound if it never was, Gone if it is the deletion."""
    known_type(server, type_)
    name = f"{type_}/{id_}/_history/{version}"
    # Ours are the numbers from 1; anything else never was a version.
    if not (version.isascii() and version.isdecimal() and not version.startswith("0") and len(version) < 10):
        raise NotFound(f"There is no {name} here.")
    return present(server, await server.store.read_version(type_, id_, int(version)), name)
