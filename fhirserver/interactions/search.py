"""search: a page of matches and what they include, as a Bundle.

https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from urllib.parse import parse_qsl

from fhirserver.errors import BadRequest
from fhirserver.interactions import cursor, matches, probing
from fhirserver.interactions.composing import composed
from fhirserver.interactions.paging import CURSOR, Params, links, query_of
from fhirserver.interactions.resolve import resolved
from fhirserver.interactions.server import Reader, Server, known_type
from fhirserver.resources.bundle import Link, render
from fhirserver.search.parse import parse


def query_params(query: str) -> list[tuple[str, str]]:
    """The parameters of a query string in order, each as often as it stands there."""
    try:
        return parse_qsl(query, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=500)
    except UnicodeDecodeError:
        raise BadRequest("The query is not percent-encoded UTF-8.", expression="query") from None
    except ValueError:
        raise BadRequest("The query has more than 500 parameters.", expression="query", code="too-costly") from None


async def searchset(server: Server, type_: str, params: Params, *, strict: bool, within: Reader | None = None) -> bytes:
    """The Bundle of type searchset for one page."""
    known_type(server, type_)
    reader = within or server.store
    request = parse(server.release, type_, params, strict=strict, base_urls=[server.base])
    place = f"{server.base}/{type_}"
    query = query_of(request.self_params)
    count = min(server.settings.default_count if request.count is None else request.count, server.settings.max_count)
    if request.summary == "count" or count == 0:
        node = await resolved(server, reader, request.filter)
        total = await matches.total(server, reader, request, node)
        return render("searchset", await composed(server, reader, request, []), [Link("self", place + query)], total)
    secret = await server.store.secret()
    token = next((value for name, value in params if name == CURSOR), None)
    scope = f"{server.release} {type_}{query}"
    after = cursor.unseal(secret, scope, token) if token is not None else None
    page = await probing.page(server, reader, request, count, after)
    entries = await composed(server, reader, request, page.items)
    counted: int | None = None
    if request.total in ("accurate", "estimate"):
        node = await resolved(server, reader, request.filter)
        counted = await matches.total(server, reader, request, node)
    elif request.total is None and after is None and not page.more:
        counted = len(page.items)
    following = cursor.seal(secret, scope, page.last) if page.more and page.last is not None else None
    found_links = links(place, query, token, following)
    return render("searchset", entries, found_links, counted)
