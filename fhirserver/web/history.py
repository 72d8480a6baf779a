"""Histories of a resource, of a type and of all.

https://hl7.org/fhir/R5/http.html#history. A history has no version: neither ETag nor Last-Modified goes with it.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from fhirserver.interactions import search
from fhirserver.interactions.history import history as page_of_history
from fhirserver.interactions.server import Server
from fhirserver.web.negotiation import preferences
from fhirserver.web.responses import fhir


async def history(request: Request, server: Server) -> Response:
    """history: the path says of what."""
    params = search.query_params(request.scope["query_string"].decode("latin-1"))
    path = request.path_params
    strict = preferences(request).strict
    return fhir(request, await page_of_history(server, params, path.get("type"), path.get("id"), strict=strict))
