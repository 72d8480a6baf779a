"""read and vread: the current version of a resource, or a given one.

https://hl7.org/fhir/R5/http.html#read, https://hl7.org/fhir/R5/http.html#vread
"""

from __future__ import annotations

from fhirserver.errors import NotFound
from fhirserver.fhirjson import is_id
from fhirserver.interactions.server import Reader, Server, known_type, present, shown
from fhirserver.store.documents import Version


def known(server: Server, type_: str, id_: str) -> None:
    """Refuses a type that the release does not have, and an id that no resource can have."""
    known_type(server, type_)
    if not is_id(id_):
        raise NotFound(f"'{shown(id_)}' is no FHIR id: those are 1 to 64 letters, digits, hyphens and dots.")


async def read(server: Server, type_: str, id_: str, *, within: Reader | None = None) -> Version:
    """The current version; NotFound if it never was, Gone if it was deleted."""
    known(server, type_, id_)
    return present(server, await (within or server.store).read(type_, id_), f"{type_}/{id_}")


async def vread(server: Server, type_: str, id_: str, version: str, *, within: Reader | None = None) -> Version:
    """That version; NotFound if it never was, Gone if it is the deletion."""
    known(server, type_, id_)
    name = f"{type_}/{id_}/_history/{shown(version)}"
    # Ours are the numbers from 1; anything else never was a version.
    if not (version.isascii() and version.isdecimal() and not version.startswith("0") and len(version) < 10):
        raise NotFound(f"There is no {name} here.")
    return present(server, await (within or server.store).read_version(type_, id_, int(version)), name)
