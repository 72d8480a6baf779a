"""patch over HTTP: which format the body has, and the interactions.

https://hl7.org/fhir/R5/http.html#patch, https://www.rfc-editor.org/rfc/rfc5789
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.interactions.patch import patch as patch_one
from fhirserver.interactions.patch import patch_matching as patch_found
from fhirserver.interactions.server import Server
from fhirserver.patch.formats import JSON_PATCH, MEDIA_TYPES, Change, read, unsupported
from fhirserver.web import bodies, negotiation
from fhirserver.web.encodings import LARGE
from fhirserver.web.formats import TYPES, media
from fhirserver.web.responses import written

ACCEPT_PATCH = ", ".join(MEDIA_TYPES)
"""The header that says which formats a patch may have."""


async def patch(request: Request, server: Server) -> Response:
    """patch of one resource."""
    path = request.path_params
    change, expected = await _change(request, server), negotiation.expected(request)
    return written(request, server, await patch_one(server, path["type"], path["id"], change, expected))


async def patch_matching(request: Request, server: Server) -> Response:
    """conditional patch."""
    query: bytes = request.scope["query_string"]
    change, expected = await _change(request, server), negotiation.expected(request)
    result = await patch_found(server, request.path_params["type"], query.decode("latin-1"), change, expected)
    return written(request, server, result)


async def _change(request: Request, server: Server) -> Change:
    """What the body asks for; without a Content-Type it is taken for JSON, of whichever kind it shows."""
    sent = media(request.headers.get("content-type", "application/json"))
    if sent.kind == JSON_PATCH:
        bodies.utf8(sent)
    elif sent.kind in TYPES:
        bodies.content(request, server.release)
    else:
        raise unsupported(sent.kind)
    body = await bodies.body(request, server.settings.max_body_mb)
    if len(body) > LARGE:
        return await asyncio.to_thread(read, server.release, sent.kind, body)
    return read(server.release, sent.kind, body)
