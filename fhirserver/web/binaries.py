"""Binary resources in their own format: a PDF comes and goes as a PDF, and as a resource for who asks for FHIR.

https://hl7.org/fhir/R5/binary.html#rest
"""

from __future__ import annotations

import asyncio
import base64
import re
from xml.parsers import expat

from starlette.requests import Request
from starlette.responses import Response

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, Malformed, UnsupportedMediaType
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release
from fhirserver.resources.xml.layout import FHIR
from fhirserver.store.documents import Version
from fhirserver.web import bodies
from fhirserver.web.encodings import LARGE
from fhirserver.web.formats import FHIR_JSON, FHIR_XML, PAGES, TYPES, media
from fhirserver.web.responses import VARY, located

_FHIR = (FHIR_JSON, FHIR_XML, "application/json+fhir", "application/xml+fhir")
_SECURITY = "X-Security-Context"
_NAME = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_TYPE = re.compile(rf'{_NAME}/{_NAME}(?: ?; ?{_NAME}=(?:[!#-:<-~]+|"[ !#-\[\]-~]*"))*').fullmatch
_RUNS = re.compile(r"text/html|[^;]*xml").match
_INERT = {"X-Content-Type-Options": "nosniff"}
_SANDBOX = {"Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"}


async def native(request: Request, version: Version, base: str) -> Response | None:
    """The content of a Binary as it is; None when the client asks for the resource, or there is no content."""
    if b"_format" in request.scope["query_string"]:
        return None
    if len(version.body) > LARGE:
        return await asyncio.to_thread(_native, request, version, base)
    return _native(request, version, base)


async def content(request: Request, answer: object) -> Response | None:
    """The content of the Binary that an operation returns; None for other answers, and where FHIR is asked for."""
    if not isinstance(answer, dict) or answer.get("resourceType") != "Binary":
        return None
    return None if b"_format" in request.scope["query_string"] else _content(request, answer, {})


def _native(request: Request, version: Version, base: str) -> Response | None:
    return _content(request, fhirjson.loads(version.body), located(version, base))


def _content(request: Request, resource: Resource, place: dict[str, str]) -> Response | None:
    kind, data = resource.get("contentType"), resource.get("data")
    if kind is None or data is None or _wants_resource(request.headers.get("accept", ""), media(kind).kind):
        return None
    headers = VARY | place | _INERT
    # A page or a drawing may hold scripts, which must not run as if they were this server's own.
    headers |= _SANDBOX if _RUNS(kind.lower()) else {}
    headers["Content-Type"] = kind if _TYPE(kind) else "application/octet-stream"
    context = resource.get("securityContext", {}).get("reference")
    if context is not None and context.isascii() and context.isprintable():
        headers[_SECURITY] = context
    return Response(base64.b64decode(data), 200, headers)


def _wants_resource(accept: str, kind: str) -> bool:
    """Whether FHIR is asked for by name, and the content's own type is not liked better.

    A general name means the content where that is of its kind: application/xml goes with application/cda+xml. A browser
    names application/xml whatever it is after.
    """
    ranges = [each for each in map(media, accept.split(",")) if each.quality > 0]
    general = not any(each.kind in PAGES for each in ranges)
    own = max((each.quality for each in ranges if each.kind == kind and kind not in _FHIR), default=0.0)
    asked = max((each.quality for each in ranges if _means_resource(each.kind, kind, general)), default=0.0)
    return asked > 0 and asked >= own


def _means_resource(wanted: str, kind: str, general: bool) -> bool:
    if wanted in _FHIR:
        return True
    format_ = TYPES.get(wanted)
    return format_ is not None and general and not kind.endswith((f"+{format_}", f"/{format_}"))


async def received(request: Request, release: Release, limit_mb: int) -> Resource:
    """The Binary that a body is: itself when it is one, else one that holds the body, whatever it is."""
    data = await bodies.raw(request, limit_mb)
    if not data:
        raise Malformed("The request has no body: send a Binary resource, or the content of one with its type.")
    header = " ".join(request.headers.get("content-type", "").split())
    kind = media(header).kind
    if kind == "application/x-www-form-urlencoded":
        raise UnsupportedMediaType(
            "A form is no Binary: say in Content-Type what the content is.", expression="Content-Type"
        )
    sent = TYPES.get(kind) if header else "json"
    if sent == "json" and _is_binary_json(data, strict=not header or kind in _FHIR):
        return await bodies.parsed(request, release, data)
    if sent == "xml" and _is_binary_xml(data, strict=kind in _FHIR):
        return await bodies.parsed(request, release, data)
    if not header:
        raise Malformed("The body is no Binary resource: say in Content-Type what it is.")
    if not _TYPE(header):
        raise BadRequest("Content-Type is no media type: write it as type/subtype.", expression="Content-Type")
    return _holding(request, header, data)


def _holding(request: Request, kind: str, data: bytes) -> Resource:
    found: Resource = {"resourceType": "Binary"}
    if "id" in request.path_params:
        found["id"] = request.path_params["id"]
    found["contentType"] = kind
    context = request.headers.get(_SECURITY)
    if context is not None:
        found["securityContext"] = {"reference": context}
    found["data"] = base64.b64encode(data).decode("ascii")
    return found


def _is_binary_json(data: bytes, *, strict: bool) -> bool:
    try:
        value = fhirjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except Malformed:
        if strict:
            raise
        return False
    return isinstance(value, dict) and value.get("resourceType") == "Binary"


def _is_binary_xml(data: bytes, *, strict: bool) -> bool:
    names: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def first(name: str, _attributes: dict[str, str]) -> None:
        names.append(name)
        parser.StartElementHandler = None

    parser.StartElementHandler = first
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError) as error:
        if strict and not names:
            raise Malformed(f"The body is not XML: {error}.") from None
    return names == [f"{FHIR} Binary"]
