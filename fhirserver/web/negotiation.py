"""What a client accepts, sends and prefers: formats, FHIR versions, ETags and the Prefer header.

https://hl7.org/fhir/R5/http.html#general, https://hl7.org/fhir/R5/versioning.html#mt-version
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from starlette.requests import Request

from fhirserver.errors import BadRequest, Malformed, NotAcceptable, NotSupported, TooLarge, UnsupportedMediaType
from fhirserver.interactions.conditional import precondition
from fhirserver.interactions.search import query_params
from fhirserver.resources.registry import VERSIONS, Release
from fhirserver.store.documents import Expected

FHIR_JSON = "application/fhir+json"
JSON_TYPES = frozenset({FHIR_JSON, "application/json", "text/json", "application/json+fhir"})
_FORMATS = JSON_TYPES | {"json"}
_ANY = frozenset({"*/*", "application/*", "text/*", "text/html"})

_GENERAL = frozenset({"_format", "_pretty", "_summary", "_elements"})
"""Parameters about the answer, which every interaction may have."""

Return = Literal["minimal", "representation", "OperationOutcome"]
_RETURNS: dict[str, Return] = {
    "minimal": "minimal",
    "representation": "representation",
    "OperationOutcome": "OperationOutcome",
}


@dataclass(frozen=True, slots=True)
class Preferences:
    """The Prefer header: what a write answers with, and whether unknown search parameters are refused."""

    returns: Return | None = None
    strict: bool = False


def preferences(request: Request) -> Preferences:
    """Reads Prefer; preferences this server does not know are left aside, as RFC 7240 says."""
    header = request.headers.get("prefer")
    if not header:
        return Preferences()
    found: dict[str, str] = {}
    for part in re.split(r"[,;]", header):
        name, _, value = part.strip().partition("=")
        # Of a preference that is there twice the first counts.
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return Preferences(_RETURNS.get(found.get("return", "")), found.get("handling") == "strict")


def _media(text: str) -> tuple[str, dict[str, str]]:
    kind, *rest = text.split(";")
    parameters: dict[str, str] = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return kind.strip().lower(), parameters


def _version_fits(release: Release, parameters: dict[str, str]) -> bool:
    wanted = parameters.get("fhirversion")
    return wanted is None or VERSIONS[release] == wanted or VERSIONS[release].startswith(wanted + ".")


def accept(request: Request, release: Release) -> None:
    """Refuses a client that takes no JSON, or only that of another FHIR release."""
    wanted = request.query_params.get("_format") if b"_format" in request.scope["query_string"] else None
    if wanted is not None:
        # An unescaped + of a URL reads as a blank: application/fhir json.
        if wanted.replace(" ", "+").split(";")[0].strip().lower() not in _FORMATS:
            raise NotAcceptable(
                f"This server does not write '{wanted[:64]}': ask for _format=json.", expression="_format"
            )
        return
    header = request.headers.get("accept")
    if not header or header == FHIR_JSON or header == "*/*":
        return
    versions: list[str] = []
    for part in header.split(","):
        kind, parameters = _media(part)
        if (kind in JSON_TYPES or kind in _ANY) and parameters.get("q") not in ("0", "0.0", "0.00", "0.000"):
            if _version_fits(release, parameters):
                return
            versions.append(parameters["fhirversion"])
    if versions:
        raise NotAcceptable(
            f"This address speaks FHIR {VERSIONS[release]}, not {', '.join(versions)}: leave it out of Accept.",
            expression="Accept",
        )
    raise NotAcceptable(f"This server writes JSON: send Accept: {FHIR_JSON}.", expression="Accept")


def content(request: Request, release: Release) -> None:
    """Refuses a body that is not declared as JSON; one that is not declared at all is taken for JSON."""
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaType(
            f"A body encoded as '{encoding[:32]}' is not read here: send it as it is.", expression="Content-Encoding"
        )
    header = request.headers.get("content-type")
    if not header:
        return
    kind, parameters = _media(header)
    if kind not in JSON_TYPES:
        raise UnsupportedMediaType(
            f"A body of '{kind[:64]}' is not read here: send JSON with Content-Type: {FHIR_JSON}.",
            expression="Content-Type",
        )
    if not _version_fits(release, parameters):
        raise UnsupportedMediaType(
            f"This address reads FHIR {VERSIONS[release]}, not {parameters['fhirversion'][:16]}: convert it first.",
            expression="Content-Type",
        )
    if parameters.get("charset", "utf-8").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("FHIR is sent in UTF-8: leave charset out or say utf-8.", expression="Content-Type")


async def body(request: Request, limit_mb: int) -> bytes:
    """The request's body, at most `limit_mb` MB of it; an empty one is refused."""
    # Some platforms begin UTF-8 with a byte order mark, which JSON does not know.
    data = (await _read(request, limit_mb)).removeprefix(b"\xef\xbb\xbf")
    if not data.strip():
        raise Malformed("The request has no body: send a FHIR resource.")
    return data


def has_body(request: Request) -> bool:
    """Whether a body was sent at all."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


async def form(request: Request, limit_mb: int) -> str:
    """A form's body as a query string; nothing at all is a form without fields, whatever it is called."""
    data = await _read(request, limit_mb)
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


async def _read(request: Request, limit_mb: int) -> bytes:
    limit = limit_mb * 1024 * 1024
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(
                f"The body is larger than {limit_mb} MB: split it, or raise the setting max_body_mb.",
                headers={"Connection": "close"},
            )
        chunks.append(chunk)
    return b"".join(chunks)


def expected(request: Request) -> Expected | None:
    """What If-Match and If-None-Match ask of the version that a write replaces."""
    headers = request.headers
    if "if-unmodified-since" in headers:
        raise NotSupported(
            "If-Unmodified-Since is not done here, for two versions may be of one second: send If-Match with the ETag.",
            expression="If-Unmodified-Since",
        )
    return precondition(headers.get("if-match"), headers.get("if-none-match"))


def if_none_exist(request: Request) -> str | None:
    """The search parameters under which nothing is created: those of If-None-Exist, or those of the URL.

    The specification has the header alone, but clients are about that put the condition where a conditional update has
    it; to leave it aside would be to make a duplicate. None without either.
    """
    query = request.headers.get("if-none-exist")
    url: str = request.scope["query_string"].decode("latin-1")
    if asked := [pair for pair in query_params(url) if pair[0] not in _GENERAL]:
        if query is not None:
            raise BadRequest("Give the condition of a create in If-None-Exist alone.", expression="url")
        return urlencode(asked)
    if query is None or query.isascii():
        return query
    try:
        # Bytes beyond ASCII have no meaning in a header; in a query they are UTF-8.
        return query.encode("latin-1").decode()
    except UnicodeDecodeError:
        raise BadRequest("If-None-Exist is percent-encoded, in UTF-8.", expression="If-None-Exist") from None


def pretty(request: Request) -> bool:
    """Whether _pretty=true was asked for."""
    if b"_pretty" not in request.scope["query_string"]:
        return False
    value = request.query_params.get("_pretty", "")
    if value not in ("true", "false"):
        raise NotSupported("_pretty is true or false.", expression="_pretty")
    return value == "true"
