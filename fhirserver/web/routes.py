"""The route table of one FHIR base: every interaction with its method and path.

https://hl7.org/fhir/R5/http.html#summary
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.errors import NotSupported
from fhirserver.fhirjson import Resource
from fhirserver.interactions import bundle, conditional_write, operations, search, write
from fhirserver.interactions.lens import served
from fhirserver.interactions.operation import Call
from fhirserver.interactions.parts import part_of
from fhirserver.interactions.read import read as read_current
from fhirserver.interactions.read import vread as read_version
from fhirserver.interactions.server import Server
from fhirserver.store.documents import Version
from fhirserver.web import binaries, bodies, negotiation, searching
from fhirserver.web.history import history
from fhirserver.web.metadata import metadata
from fhirserver.web.patching import patch, patch_matching
from fhirserver.web.record import rename_request
from fhirserver.web.responses import fhir, resource, unchanged, written

Handler = Callable[[Request, Server], Awaitable[Response]]


async def read(request: Request, server: Server) -> Response:
    """read."""
    path = request.path_params
    return await _shown(request, server, await read_current(server, path["type"], path["id"]))


async def vread(request: Request, server: Server) -> Response:
    """vread."""
    path = request.path_params
    return await _shown(request, server, await read_version(server, path["type"], path["id"], path["version"]))


async def _shown(request: Request, server: Server, version: Version) -> Response:
    """A version, or that it is unchanged; a Binary's content to who does not ask for the resource."""
    query, version = _query(request), served(server, version)
    part = part_of(server, version, search.query_params(query)) if query else version
    known = unchanged(request, version, server.base)
    if known is None and version.type == "Binary":
        known = await binaries.native(request, version, server.base)
    return known or resource(request, part, server.base)


async def create(request: Request, server: Server) -> Response:
    """create, also a conditional one."""
    type_ = request.path_params["type"]
    for header in ("If-Match", "If-None-Match"):
        if header in request.headers:
            raise NotSupported(
                f"{header} does not go with a create, which has no version yet: use If-None-Exist, or PUT under an id.",
                expression=header,
            )
    query = negotiation.if_none_exist(request)
    body = await _body(request, server)
    if query is None:
        return written(request, server, await write.create(server, type_, body))
    return written(request, server, await conditional_write.create(server, type_, body, query))


async def update_matching(request: Request, server: Server) -> Response:
    """conditional update."""
    body, expected = await _body(request, server), negotiation.expected(request)
    result = await conditional_write.update(server, request.path_params["type"], body, _query(request), expected)
    return written(request, server, result)


async def delete_matching(request: Request, server: Server) -> Response:
    """conditional delete of one resource."""
    expected = negotiation.expected(request)
    result = await conditional_write.delete(server, request.path_params["type"], _query(request), expected)
    return written(request, server, result)


async def update(request: Request, server: Server) -> Response:
    """update, and create under an id of the client's."""
    path = request.path_params
    body = await _body(request, server)
    result = await write.update(server, path["type"], path["id"], body, negotiation.expected(request))
    return written(request, server, result)


async def delete(request: Request, server: Server) -> Response:
    """delete."""
    path = request.path_params
    result = await write.delete(server, path["type"], path["id"], negotiation.expected(request))
    return written(request, server, result)


async def batch(request: Request, server: Server) -> Response:
    """batch and transaction."""
    representation = negotiation.preferences(request).returns == "representation"
    content = await _body(request, server)
    if content.get("type") == "transaction":
        rename_request("transaction")
    return fhir(request, await bundle.process(server, content, bodies=representation))


async def operation(request: Request, server: Server) -> Response:
    """Operations, at every place and by every method: which of them are done is theirs to say."""
    path = request.path_params
    method = "GET" if request.method == "HEAD" else request.method
    place = (path.get("type"), path.get("id"), path.get("version"))
    call = Call(method, path["operation"][1:], *place, query=tuple(search.query_params(_query(request))))
    if operations.find(server, call).raw:
        call = replace(call, raw=await bodies.body(request, server.settings.max_body_mb))
    elif bodies.has_body(request):
        call = replace(call, body=await _body(request, server))
    answer = await operations.invoke(server, call)
    if answer.written is not None:
        return written(request, server, answer.written)
    content = await binaries.content(request, answer.value)
    return content or fhir(request, operations.body(server, answer))


ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/metadata", metadata),
    ("GET", "/_history", history),
    ("POST", "/_search", searching.search_system_post),
    ("GET", "/", searching.search_system),
    ("POST", "/", batch),
    ("POST", "/{type}/_search", searching.search_post),
    ("GET", "/{type}/_history", history),
    ("GET", "/{type}", searching.search_type),
    ("POST", "/{type}", create),
    ("PUT", "/{type}", update_matching),
    ("PATCH", "/{type}", patch_matching),
    ("DELETE", "/{type}", delete_matching),
    ("GET", "/{type}/{id}/_history/{version}", vread),
    ("GET", "/{type}/{id}/_history", history),
    ("POST", "/{compartment}/{id}/{type}/_search", searching.search_compartment_post),
    ("POST", "/{compartment}/{id}/_search", searching.search_all_compartment_post),
    ("GET", "/{compartment}/{id}/{type}", searching.search_compartment),
    ("GET", "/{type}/{id}", read),
    ("PUT", "/{type}/{id}", update),
    ("PATCH", "/{type}/{id}", patch),
    ("DELETE", "/{type}/{id}", delete),
    *(
        (method, f"{place}/{{operation}}", operation)
        for place in ("", "/{type}", "/{type}/{id}", "/{type}/{id}/_history/{version}")
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
    ),
)


async def _body(request: Request, server: Server) -> Resource:
    limit, path = server.settings.max_body_mb, request.path_params
    if path.get("type") == "Binary" and "operation" not in path:
        return await binaries.received(request, server.release, limit)
    return await bodies.resource(request, server.release, limit)


def _query(request: Request) -> str:
    query: bytes = request.scope["query_string"]
    return query.decode("latin-1")
