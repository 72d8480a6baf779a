"""history of a resource, of a type or of all: versions in the order of their instants, a page at a time.

https://hl7.org/fhir/R5/http.html#history
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import NotFound, NotSupported
from fhirserver.interactions import cursor
from fhirserver.interactions.history_request import HistoryRequest, parse
from fhirserver.interactions.lens import served
from fhirserver.interactions.paging import Params, links, query_of
from fhirserver.interactions.read import known
from fhirserver.interactions.server import Reader, Server, known_type
from fhirserver.resources.bundle import Entry, Response, render
from fhirserver.resources.operation_outcome import outcome
from fhirserver.resources.registry import resource_types
from fhirserver.resources.subsets import Subset
from fhirserver.store.changes import Ask
from fhirserver.store.documents import Version

Position = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Versions in order; `following` is where the next page starts, None on the last."""

    versions: Sequence[Version]
    following: Position | None = None
    total: int | None = None


async def history(
    server: Server,
    params: Params,
    type_: str | None = None,
    id_: str | None = None,
    *,
    strict: bool,
    within: Reader | None = None,
) -> bytes:
    """The Bundle of type history for one page: of a resource, without `id_` of a type, without both of all types."""
    if type_ is not None and id_ is not None:
        known(server, type_, id_)
    elif type_ is not None:
        known_type(server, type_)
    request = parse(server.release, params, type_, strict=strict)
    place = "/".join(part for part in (server.base, type_, id_, "_history") if part is not None)
    query = query_of(request.self_params)
    secret = await server.store.secret()
    scope = f"{server.release} {place.removeprefix(server.base)}{query}"
    began = fhirjson.now()
    after: Position | None = None
    if request.token is not None:
        *position, started = cursor.unseal(secret, scope, request.token)
        after = tuple(position)
        # Newest first, what is written after the first page is in no page: from there on is to be asked later.
        began = started if request.descending else began
    reader = within or server.store
    if type_ is not None and id_ is not None:
        page = await _of_one(server, reader, request, type_, id_, after)
    else:
        types = [type_] if type_ is not None else await _types(server)
        page = await _of_types(server, reader, request, types, after)
    following = None if page.following is None else cursor.seal(secret, scope, (*page.following, began))
    issues = outcome(request.ignored) if request.ignored else None
    entries = [_entry(server, version, request.subset) for version in page.versions]
    found_links = links(place, query, request.token, following)
    return render("history", entries, found_links, page.total, began, issues)


async def _types(server: Server) -> list[str]:
    """The types of this release that anything was ever stored of."""
    return [type_ for type_ in await server.store.types() if type_ in resource_types(server.release)]


def _count(server: Server, request: HistoryRequest) -> int:
    return min(server.settings.default_count if request.count is None else request.count, server.settings.max_count)


async def _of_one(
    server: Server, reader: Reader, request: HistoryRequest, type_: str, id_: str, after: Position | None
) -> Page:
    """Versions of one resource; which numbers the window holds is asked for the first page only."""
    if after is None:
        extent = await reader.extent(type_, id_, request.window)
        if extent is None:
            raise NotFound(f"There is no {type_}/{id_} here, and there never was.")
        first, last = extent.first, extent.last
        start = last if request.descending else first
    else:
        start, first, last = after
    total = max(last - first + 1, 0)
    if request.only_total:
        return Page((), None, total)
    numbers = range(start, first - 1, -1) if request.descending else range(start, last + 1)
    versions = await reader.versions(type_, id_, numbers[: _count(server, request)])
    following = versions[-1].version + numbers.step if versions else None
    return Page(versions, (following, first, last) if following in numbers else None, total)


async def _of_types(
    server: Server, reader: Reader, request: HistoryRequest, types: Sequence[str], after: Position | None
) -> Page:
    if request.only_total:
        raise NotSupported(
            "How many versions there are is known for the history of one resource only: follow the pages.",
            expression="_summary" if request.count != 0 else "_count",
        )
    limit = _count(server, request)
    last = None if after is None else (after[0], after[1], after[2], after[3])
    found = await reader.changes(types, Ask(request.window, request.descending, limit, last))
    return Page(found.items, found.last if found.more else None)


def _entry(server: Server, version: Version, subset: Subset | None) -> Entry:
    """One version as the request that made it; of the method only create, update and delete are told apart."""
    name = f"{version.type}/{version.id}"
    location: str | None = f"{name}/_history/{version.version}"
    method, url, status = "PUT", name, "200 OK"
    if version.gone:
        method, status, location = "DELETE", "204 No Content", None
    elif version.origin == "POST":
        method, url, status = "POST", version.type, "201 Created"
    elif version.origin is not None or version.version == 1:
        # A first version of layout 1 does not say how it came to be.
        status = "201 Created"
    response = Response(status, location, version.version, version.at)
    shown = served(server, version).body
    body = subset.of(shown) if subset and shown else shown or None
    return Entry(server.url(version.type, version.id), body, None, (method, url), response)
