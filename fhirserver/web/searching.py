"""Searches by GET and by a form: of a type, of several types, of a compartment.

https://hl7.org/fhir/R5/http.html#search
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.interactions import explain, search, search_across
from fhirserver.interactions.explain import Search
from fhirserver.interactions.paging import Params
from fhirserver.interactions.search_across import Where
from fhirserver.interactions.server import Server
from fhirserver.search.parse import SearchRequest
from fhirserver.web import bodies, explaining, negotiation
from fhirserver.web.responses import fhir

Understood = Callable[[], Awaitable[Sequence[SearchRequest]]]


async def search_type(request: Request, server: Server) -> Response:
    """search on a type by GET."""
    return await _type(request, server, _of_url(request))


async def search_post(request: Request, server: Server) -> Response:
    """search on a type by POST."""
    return await _type(request, server, await _of_both(request, server))


async def search_system(request: Request, server: Server) -> Response:
    """search over all types by GET."""
    return await _across(request, server, Where(), _of_url(request))


async def search_system_post(request: Request, server: Server) -> Response:
    """search over all types by POST."""
    return await _across(request, server, Where(), await _of_both(request, server))


async def search_compartment(request: Request, server: Server) -> Response:
    """search in a compartment by GET."""
    return await _across(request, server, _compartment(request, server), _of_url(request))


async def search_compartment_post(request: Request, server: Server) -> Response:
    """search in a compartment by POST."""
    where = _compartment(request, server)
    return await _across(request, server, where, await _of_both(request, server))


async def search_all_compartment_post(request: Request, server: Server) -> Response:
    """search in a compartment over all its types by POST."""
    return await search_compartment_post(request, server)


def _of_url(request: Request) -> Params:
    return search.query_params(request.scope["query_string"].decode("latin-1"))


async def _of_both(request: Request, server: Server) -> Params:
    """The parameters of the URL and of the form together."""
    form = await bodies.form(request, server.settings.max_body_mb)
    fields = search.query_params(form)
    negotiation.accept(request, server.release, fields)
    return [*_of_url(request), *fields]


def _compartment(request: Request, server: Server) -> Where:
    path = request.path_params
    return search_across.within(server, path["compartment"], path["id"], path.get("type", search_across.EVERY))


async def _type(request: Request, server: Server, params: Params) -> Response:
    type_, strict = request.path_params["type"], negotiation.preferences(request).strict
    own = explaining.rest(params)

    async def understood() -> list[SearchRequest]:
        return [explain.understood(server, type_, own, strict=strict)]

    return await _answered(
        request, server, params, understood, lambda at: search.searchset(at, type_, own, strict=strict)
    )


async def _across(request: Request, server: Server, where: Where, params: Params) -> Response:
    strict = negotiation.preferences(request).strict
    own = explaining.rest(params)

    async def understood() -> list[SearchRequest]:
        _, asked = await search_across.understood(server, where, own, strict=strict)
        return [replace(each.request, filter=each.node) for each in asked.values()]

    return await _answered(
        request, server, params, understood, lambda at: search_across.searchset(at, where, own, strict=strict)
    )


async def _answered(
    request: Request, server: Server, params: Params, understood: Understood, searched: Search
) -> Response:
    """The answer to a search, explained to who may ask that."""
    if explaining.wanted(request, server, params):
        body = await explaining.explained(server, await understood(), searched)
        return fhir(request, body, headers=explaining.APPLIED)
    return fhir(request, await searched(server))
