"""The bodies of requests: unpacked, within the limit of their size, and read in the format that they are declared as.

https://hl7.org/fhir/R5/http.html#mime-type
"""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from fhirserver import fhirjson
from fhirserver.errors import Malformed, TooLarge, UnsupportedMediaType
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import VERSIONS, Release
from fhirserver.resources.xml import from_xml
from fhirserver.web.encodings import LARGE, unpacker
from fhirserver.web.formats import FHIR_JSON, FHIR_XML, TYPES, Format, Media, media, version_fits

_SMALL_PIECE = 4096
_MARK = b"\xef\xbb\xbf"
"""With which some platforms begin UTF-8, and which JSON does not know."""


def content(request: Request, release: Release) -> Format:
    """The format of a body; refuses one that is not declared as FHIR. One that is not declared at all is JSON."""
    header = request.headers.get("content-type")
    if not header:
        return "json"
    sent = media(header)
    found = TYPES.get(sent.kind)
    if found is None:
        raise UnsupportedMediaType(
            f"A body of '{sent.kind[:64]}' is not read here: send JSON with Content-Type: {FHIR_JSON}, or XML with "
            f"{FHIR_XML}.",
            expression="Content-Type",
            headers={"Accept": f"{FHIR_JSON}, {FHIR_XML}"},
        )
    if not version_fits(release, sent.version):
        raise UnsupportedMediaType(
            f"This address reads FHIR {VERSIONS[release]}, not {str(sent.version)[:16]}: convert it first.",
            expression="Content-Type",
        )
    utf8(sent)
    return found


def utf8(sent: Media) -> None:
    """Refuses a body in any other encoding of characters."""
    if sent.parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("FHIR is sent in UTF-8: leave charset out or say utf-8.", expression="Content-Type")


async def resource(request: Request, release: Release, limit_mb: int) -> Resource:
    """The resource in the request's body, whichever its format."""
    content(request, release)
    return await parsed(request, release, await body(request, limit_mb))


async def parsed(request: Request, release: Release, data: bytes) -> Resource:
    """The resource in a body that was read already."""
    if content(request, release) == "json":
        return fhirjson.loads_resource(data.removeprefix(_MARK))
    return await asyncio.to_thread(from_xml, release, data) if len(data) > LARGE else from_xml(release, data)


async def body(request: Request, limit_mb: int) -> bytes:
    """The request's body, unpacked, at most `limit_mb` MB of it; an empty one is refused."""
    data = (await raw(request, limit_mb)).removeprefix(_MARK)
    if not data.strip():
        raise Malformed("The request has no body: send a FHIR resource.")
    return data


def has_body(request: Request) -> bool:
    """Whether a body was sent at all."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def form(request: Request, limit_mb: int) -> str:
    """A form's body as a query string; nothing at all is a form without fields, whatever it is called."""
    data = await raw(request, limit_mb)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if data and kind != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType(
            "A search by POST is a form: send Content-Type: application/x-www-form-urlencoded.",
            expression="Content-Type",
        )
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed("A form is sent percent-encoded, in UTF-8.") from None


async def raw(request: Request, limit_mb: int) -> bytes:
    """The request's body, unpacked, at most `limit_mb` MB of it."""
    limit = limit_mb * 1024 * 1024
    unpack = unpacker(request.headers.get("content-encoding"))
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        if unpack is not None:
            room = limit - size
            # Even a small piece may unpack to a thousand times its size.
            small = len(chunk) < _SMALL_PIECE
            chunk = unpack.feed(chunk, room) if small else await asyncio.to_thread(unpack.feed, chunk, room)
        size += len(chunk)
        if size > limit:
            raise TooLarge(
                f"The body is larger than {limit_mb} MB: split it, or raise the setting max_body_mb.",
                headers={"Connection": "close"},
            )
        chunks.append(chunk)
    if unpack is not None:
        unpack.finish()
    return b"".join(chunks)
