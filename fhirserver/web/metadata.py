"""The capabilities interaction over HTTP: which of three statements, its ETag, and parts of it.

https://hl7.org/fhir/R5/http.html#capabilities
"""

from __future__ import annotations

from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.interactions import capabilities
from fhirserver.interactions.parts import part_of_answer
from fhirserver.interactions.server import Server
from fhirserver.web.responses import fhir, known, not_modified


async def metadata(request: Request, server: Server) -> Response:
    """capabilities: the statement that the parameter 'mode' names; 304 for a client that has it."""
    mode = capabilities.MODES.get(request.query_params.get("mode", "full"))
    if mode is None:
        raise BadRequest(f"mode is one of {', '.join(capabilities.MODES)}.", expression="mode", code="value")
    body, tag = await capabilities.published(server, mode)
    part = part_of_answer(server, body, request.query_params.multi_items())
    if not isinstance(part, bytes):
        body = fhirjson.dumps(part)
        tag = sha256(body).hexdigest()[:32]
    headers = {"ETag": f'W/"{tag}"'}
    if known(request, tag):
        return not_modified(headers)
    return fhir(request, body, headers=headers)
