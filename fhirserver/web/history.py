"""A resource's history as a Bundle.

https://hl7.org/fhir/R5/http.html#history
"""

from __future__ import annotations

from starlette.requests import Request

from fhirserver.errors import BadRequest, NotSupported
from fhirserver.interactions.history import History
from fhirserver.interactions.server import Server, shown
from fhirserver.resources.bundle import Entry, Link, Response, render
from fhirserver.settings import Settings
from fhirserver.store.documents import Version

_KNOWN = frozenset({"_count", "_cursor", "_format", "_pretty"})


def page_of_history(request: Request, settings: Settings) -> tuple[int, int | None]:
    """_count and where the page starts; a parameter that would select versions is refused, not left aside."""
    for name in request.query_params:
        if name not in _KNOWN:
            raise NotSupported(f"'{shown(name)}' is not done on a history here: leave it out.", expression=shown(name))
    return (
        min(_number(request, "_count") or settings.default_count, settings.max_count),
        _number(request, "_cursor"),
    )


def _number(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10 and int(text)):
        raise BadRequest(f"{name} is a positive whole number.", expression=name)
    return int(text)


def history_bundle(request: Request, server: Server, type_: str, id_: str, page: History) -> bytes:
    """The Bundle of type history; a deletion is an entry without a resource."""
    place = f"{server.url(type_, id_)}/_history"
    count, before = page_of_history(request, server.settings)
    start = f"&_cursor={before}" if before is not None else ""
    links = [Link("self", f"{place}?_count={count}{start}")]
    if page.before is not None:
        links.append(Link("next", f"{place}?_count={count}&_cursor={page.before}"))
    entries = [_entry(server, version) for version in page.versions]
    return render("history", entries, links)


def _entry(server: Server, version: Version) -> Entry:
    name = f"{version.type}/{version.id}"
    full_url = server.url(version.type, version.id)
    if version.gone:
        method, status = "DELETE", "204 No Content"
    elif version.version == 1:
        method, status = "PUT", "201 Created"
    else:
        method, status = "PUT", "200 OK"
    response = Response(status, None, version.version, version.at)
    return Entry(full_url, version.body or None, None, (method, name), response)
