"""HTTP answers: headers of a version, preferences of a write, and refusals as OperationOutcome.

https://hl7.org/fhir/R5/http.html#versions
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fhirserver import fhirjson
from fhirserver.errors import FhirError, Issue, NotAcceptable
from fhirserver.interactions.lens import served
from fhirserver.interactions.server import Server
from fhirserver.interactions.write import Outcome
from fhirserver.resources.operation_outcome import outcome
from fhirserver.resources.xml import to_xml
from fhirserver.store.documents import Version
from fhirserver.web.encodings import LARGE, WORTH, packed
from fhirserver.web.formats import PLAIN
from fhirserver.web.negotiation import ANSWER, Answer, preferences

_ETAG = re.compile(r'(?:W/)?"([^"]*)"')
_CONDITIONS = frozenset((b"if-none-match", b"if-modified-since"))
VARY = {"Vary": "Accept, Accept-Encoding"}
"""For caches: what of the request shapes an answer."""


def fhir(request: Request, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of FHIR, given as JSON, in the format that the request asks for."""
    answer: Answer | None = request.scope.get(ANSWER)
    headers = VARY | headers if headers else VARY
    if answer is None:
        return _Ready(body, status, headers, PLAIN["json"].content_type)
    if len(body) > LARGE and (answer.gzip or answer.pretty or answer.chosen.format == "xml"):
        return _Later(answer, body, status, headers)
    return _rendered(answer, body, status, headers)


def _rendered(answer: Answer, body: bytes, status: int, headers: dict[str, str]) -> Response:
    if answer.chosen.format == "xml":
        body = to_xml(answer.release, fhirjson.loads(body), pretty=answer.pretty)
    elif answer.pretty:
        body = msgspec.json.format(body, indent=2)
    if answer.gzip and len(body) >= WORTH:
        body = packed(body)
        headers = headers | {"Content-Encoding": "gzip"}
    return _Ready(body, status, headers, answer.chosen.content_type)


class _Ready(Response):
    """Bytes as they are: the general class looks twice at every header, which a read would feel."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str], content_type: str) -> None:
        self.body = body
        self.status_code = status
        self.background = None
        self.raw_headers = [
            *[(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
            (b"content-length", b"%d" % len(body)),
            (b"content-type", content_type.encode("latin-1")),
        ]


class _Later(Response):
    """A large answer, converted and packed by another thread while others are served."""

    def __init__(self, answer: Answer, body: bytes, status: int, headers: dict[str, str]) -> None:
        super().__init__(None, status)
        self._given = (answer, body, status, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            answer = await asyncio.to_thread(_rendered, *self._given)
        except FhirError as error:
            answer = _refused(self._given[0], error)
        await answer(scope, receive, send)


@lru_cache(1024)
def http_date(at: datetime) -> str:
    """An HTTP date, such as Sat, 01 Feb 2014 10:00:00 GMT."""
    return format_datetime(at.replace(microsecond=0), usegmt=True)


def version_headers(version: Version) -> dict[str, str]:
    """ETag and Last-Modified."""
    return {"ETag": f'W/"{version.version}"', "Last-Modified": http_date(version.at)}


def unchanged(request: Request, version: Version, base: str) -> Response | None:
    """304 for a client that has this version already, by If-None-Match or, without that, If-Modified-Since."""
    if _CONDITIONS.isdisjoint([name for name, _ in request.scope["headers"]]):
        return None
    if "if-none-match" in request.headers:
        same = known(request, str(version.version))
    else:
        since = _http_time(request.headers.get("if-modified-since"))
        same = since is not None and version.at.replace(microsecond=0) <= since
    return not_modified(located(version, base)) if same else None


def not_modified(headers: dict[str, str]) -> Response:
    """304, with the headers that the whole answer would have."""
    return Response(status_code=304, headers=VARY | headers)


def known(request: Request, tag: str) -> bool:
    """Whether If-None-Match says that the client has what bears this tag."""
    etags = request.headers.get("if-none-match")
    return etags is not None and (etags.strip() == "*" or tag in _ETAG.findall(etags))


def located(version: Version, base: str) -> dict[str, str]:
    """The headers of a version, and where just this version is: for answers whose body it is."""
    return version_headers(version) | {"Content-Location": _place(version, base)}


def _place(version: Version, base: str) -> str:
    return f"{base}/{version.type}/{version.id}/_history/{version.version}"


def _http_time(text: str | None) -> datetime | None:
    """The time of an HTTP date; None for none and for what is none, which HTTP says to leave aside."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    # The oldest of the three forms, asctime's, names no zone: it is GMT like the others.
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def resource(request: Request, version: Version, base: str) -> Response:
    """A version of a resource."""
    return fhir(request, version.body, 200, located(version, base))


def written(request: Request, server: Server, result: Outcome) -> Response:
    """The answer to a create, update or delete, as Prefer asks for; warnings also go out as Warning headers."""
    version = result.version
    headers = warnings(result.warnings)
    if version is None or version.gone:
        if version is not None:
            headers["ETag"] = f'W/"{version.version}"'
        if preferences(request).returns == "OperationOutcome":
            return fhir(request, fhirjson.dumps(outcome(result.warnings)), 200, headers)
        return Response(status_code=204, headers=headers)
    headers |= version_headers(version)
    headers["Location"] = _place(version, server.base)
    status = 201 if result.created else 200
    match preferences(request).returns:
        case "minimal":
            return Response(status_code=status, headers=headers)
        case "OperationOutcome":
            return fhir(request, fhirjson.dumps(outcome(result.warnings)), status, headers)
        case _:
            body = served(server, version).body
            return fhir(request, body, status, headers | {"Content-Location": headers["Location"]})


def warnings(issues: Iterable[Issue]) -> dict[str, str]:
    """Warnings of an answer whose body is a resource: one Warning header (RFC 7234, code 199)."""
    texts = [issue.diagnostics.replace('"', "'") for issue in issues if issue.severity == "warning"]
    if not texts:
        return {}
    said = ", ".join(f'199 fhirserver "{text}"' for text in texts)
    return {"Warning": said.encode("ascii", "replace").decode()}


def refusal(error: FhirError, request: Request | None = None) -> Response:
    """The OperationOutcome of a refusal, with its status, in the request's format where that is settled, else JSON."""
    return _refused(None if request is None else request.scope.get(ANSWER), error)


def _refused(answer: Answer | None, error: FhirError) -> Response:
    body = fhirjson.dumps(outcome(error.issues))
    if answer is not None:
        # A refusal that quotes what XML cannot carry is JSON.
        with suppress(NotAcceptable):
            return _rendered(answer, body, error.status, VARY | error.headers)
    return _Ready(body, error.status, VARY | error.headers, PLAIN["json"].content_type)
