"""What a client accepts, sends and prefers: formats, FHIR versions, ETags and the Prefer header.

https://hl7.org/fhir/R5/http.html#general, https://hl7.org/fhir/R5/versioning.html#mt-version
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlencode

from starlette.requests import Request

from fhirserver.errors import BadRequest, NotAcceptable, NotSupported
from fhirserver.interactions.conditional import precondition
from fhirserver.interactions.paging import Params
from fhirserver.interactions.search import query_params
from fhirserver.resources.registry import RELEASES, Release
from fhirserver.store.documents import Expected
from fhirserver.web.encodings import wants_gzip
from fhirserver.web.formats import (
    FHIR_JSON,
    FHIR_XML,
    PLAIN,
    Chosen,
    Format,
    accepted,
    media,
    named,
    version_fits,
)

ANSWER = "fhirserver.answer"
"""Key of the scope under which `accept` leaves how to answer; nothing is there for what nearly all ask for."""
_USUAL = frozenset((b"", b"*/*", FHIR_JSON.encode()))
_SENT_XML = (FHIR_XML.encode(), b"application/xml+fhir")
_BINARY = "/Binary"
_LONGEST = 2000
"""Bytes of a header with alternatives that are looked at: a browser's has a hundred."""

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
    """The Prefer header: what a write answers with, whether a search refuses unknown parameters, and is explained."""

    returns: Return | None = None
    strict: bool = False
    explain: bool = False


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
    return Preferences(_RETURNS.get(found.get("return", "")), found.get("handling") == "strict", "explain" in found)


@dataclass(frozen=True, slots=True)
class Answer:
    """How a request is to be answered: format and media type, indented or not, packed or not."""

    release: Release
    chosen: Chosen
    pretty: bool = False
    gzip: bool = False


def asked_release(request: Request) -> Release:
    """The release that a request names by fhirVersion: of its body, of _format, or of Accept; R5 where it names none.

    A name that no release has is left to `accept`, which refuses it.
    """
    scope = request.scope
    headers = {name: value for name, value in scope["headers"] if name in (b"accept", b"content-type")}
    if b"ersion" not in scope["query_string"] and not any(b"ersion" in each for each in headers.values()):
        return "R5"
    sent = media(headers.get(b"content-type", b"")[:_LONGEST].decode("latin-1")).version
    named_by_url = [media(each).version for each in request.query_params.getlist("_format")]
    listed = headers.get(b"accept", b"")[:_LONGEST].decode("latin-1").split(",")
    ranges = sorted((media(each) for each in listed), key=lambda each: -each.quality)
    for version in (sent, *named_by_url, *(each.version for each in ranges)):
        for release in RELEASES:
            if version is not None and version_fits(release, version):
                return release
    return "R5"


def accept(request: Request, release: Release, form: Params = ()) -> None:
    """Settles how to answer, by Accept, Accept-Encoding, _format and _pretty; `form` are parameters of the body.

    Refuses a client that takes neither JSON nor XML, or only those of another FHIR release.
    """
    accepts = encodings = sent = b""
    for name, value in request.scope["headers"]:
        if name == b"accept":
            accepts = value
        elif name == b"accept-encoding":
            encodings = value
        elif name == b"content-type":
            sent = value
    # Who sends XML and says nothing else reads it too.
    default: Format = "xml" if sent.startswith(_SENT_XML) else "json"
    gzip = encodings != b"" and wants_gzip(encodings[:_LONGEST].decode("latin-1"))
    wanted = _parameter(request, form, "_format")
    pretty = _parameter(request, form, "_pretty")
    if wanted is None and pretty is None and not gzip and default == "json" and accepts in _USUAL:
        request.scope.pop(ANSWER, None)
        return
    if pretty not in (None, "true", "false"):
        raise NotSupported("_pretty is true or false.", expression="_pretty")
    if wanted is not None:
        chosen = named(wanted, release)
    elif not accepts.strip():
        chosen = PLAIN[default]
    else:
        try:
            chosen = accepted(accepts[:_LONGEST].decode("latin-1"), release, default)
        except NotAcceptable:
            # A Binary can be of any type: whether it is of this one is seen when it is read.
            if _BINARY not in request.scope["path"]:
                raise
            chosen = PLAIN["json"]
    request.scope[ANSWER] = Answer(release, chosen, pretty == "true", gzip)


def _parameter(request: Request, form: Params, name: str) -> str | None:
    """A parameter of the URL or else of the form; BadRequest for two that differ."""
    if not form and name.encode() not in request.scope["query_string"]:
        return None
    values = {*request.query_params.getlist(name), *(value for key, value in form if key == name)}
    if len(values) > 1:
        raise BadRequest(f"{name} is there twice, with different values: send it once.", expression=name)
    return values.pop() if values else None


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
