"""GET and HEAD entries of a batch or transaction.

https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, FhirError
from fhirserver.interactions import search, search_across
from fhirserver.interactions.bundle_entry import Look, Part, inside
from fhirserver.interactions.conditional import precondition
from fhirserver.interactions.history import history
from fhirserver.interactions.lens import served
from fhirserver.interactions.paging import Params
from fhirserver.interactions.parts import part_of
from fhirserver.interactions.read import read, vread
from fhirserver.interactions.server import Reader, Server
from fhirserver.resources import bundle as render
from fhirserver.resources.bundle import status
from fhirserver.store.documents import Among, Version


async def look(server: Server, asked: Look, within: Reader | None = None) -> render.Entry:
    """The response entry of a read; HEAD leaves the resource out, and what the client has already is a 304."""
    params = search.query_params(asked.query)
    if asked.across is not None:
        body = await search_across.searchset(server, asked.across, params, strict=False, reader=within)
    elif asked.history:
        body = await history(server, params, asked.type, asked.id, strict=False, within=within)
    elif asked.type is not None and asked.id is None:
        body = await search.searchset(server, asked.type, params, strict=False, within=within)
    else:
        return await _read(server, asked, params, within)
    return render.Entry(body=body if asked.bodies else None, response=render.Response(status(200)))


async def _read(server: Server, asked: Look, params: Params, within: Reader | None) -> render.Entry:
    type_, id_ = asked.type or "", asked.id or ""
    if asked.version is None:
        version = await read(server, type_, id_, within=within)
    else:
        version = await vread(server, type_, id_, asked.version, within=within)
    version = served(server, version)
    if params:
        version = part_of(server, version, params)
    known = _known(asked, version)
    return render.Entry(
        full_url=server.url(version.type, version.id),
        body=version.body if asked.bodies and not known else None,
        response=render.Response(status(304 if known else 200), etag=version.version, modified=version.at),
    )


async def looks(server: Server, parts: Iterable[Part], within: Reader | None) -> dict[int, render.Entry]:
    """The response entries of all reads among the entries, by entry number; the first that fails is the refusal."""
    found = {}
    for asked in parts:
        if isinstance(asked, Look):
            try:
                found[asked.at] = await look(server, asked, within)
            except FhirError as error:
                raise inside(error, asked.where) from None
    return found


def _known(asked: Look, version: Version) -> bool:
    """Whether the client says that it has this version."""
    if asked.none_match is not None:
        names = (f"{asked.where}.request.ifMatch", f"{asked.where}.request.ifNoneMatch")
        condition = precondition(None, asked.none_match, names)
        return isinstance(condition, Among) and not condition.holds(version.version, version.gone)
    if asked.modified_since is not None:
        since = _instant(asked.modified_since, f"{asked.where}.request.ifModifiedSince")
        return version.at <= since
    return False


def _instant(text: str, where: str) -> datetime:
    try:
        return fhirjson.interval(text if "T" in text else "").low
    except BadRequest:
        remedy = "write the lastModified you were given, such as 2024-03-01T10:00:00.000Z."
        raise BadRequest(f"'{text[:40]}' is no instant: {remedy}", expression=where, code="value") from None
