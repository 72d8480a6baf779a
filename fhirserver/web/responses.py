"""HTTP answers: headers of a version, preferences of a write, and refusals as OperationOutcome.

https://hl7.org/fhir/R5/http.html#versions
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fhirserver import fhirjson
from fhirserver.errors import FhirError, Issue
from fhirserver.interactions.write import Outcome
from fhirserver.resources.operation_outcome import outcome
from fhirserver.store.documents import Version
from fhirserver.web.negotiation import FHIR_JSON, preferences, pretty

_ETAG = re.compile(r'(?:W/)?"([^"]*)"')
CONTENT_TYPE = f"{FHIR_JSON}; charset=utf-8"


def fhir(request: Request, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer of FHIR JSON."""
    if pretty(request):
        body = msgspec.json.format(body, indent=2)
    return Response(body, status, headers, CONTENT_TYPE)


@lru_cache(1024)
def http_date(at: datetime) -> str:
    """An HTTP date, such as Sat, 01 Feb 2014 10:00:00 GMT."""
    return format_datetime(at.replace(microsecond=0), usegmt=True)


def version_headers(version: Version) -> dict[str, str]:
    """ETag and Last-Modified."""
    return {"ETag": f'W/"{version.version}"', "Last-Modified": http_date(version.at)}


def unchanged(request: Request, version: Version) -> Response | None:
    """304 for a client that has this version already, by If-None-Match or, without that, If-Modified-Since."""
    etags = request.headers.get("if-none-match")
    if etags is not None:
        known = etags.strip() == "*" or str(version.version) in _ETAG.findall(etags)
    else:
        since = _http_time(request.headers.get("if-modified-since"))
        known = since is not None and version.at.replace(microsecond=0) <= since
    return Response(status_code=304, headers=version_headers(version)) if known else None


def _http_time(text: str | None) -> datetime | None:
    """The time of an HTTP date; None for none and for what is none, which HTTP says to leave aside."""
    try:
        found = parsedate_to_datetime(text) if text else None
    except ValueError:
        return None
    # The oldest of the three forms, asctime's, names no zone: it is GMT like the others.
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


def resource(request: Request, version: Version, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A version of a resource."""
    return fhir(request, version.body, status, version_headers(version) | (headers or {}))


def written(request: Request, base: str, result: Outcome) -> Response:
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
    headers["Location"] = f"{base}/{version.type}/{version.id}/_history/{version.version}"
    status = 201 if result.created else 200
    match preferences(request).returns:
        case "minimal":
            return Response(status_code=status, headers=headers)
        case "OperationOutcome":
            return fhir(request, fhirjson.dumps(outcome(result.warnings)), status, headers)
        case _:
            return fhir(request, version.body, status, headers)


def warnings(issues: Iterable[Issue]) -> dict[str, str]:
    """Warnings of an answer whose body is a resource: one Warning header (RFC 7234, code 199)."""
    texts = [issue.diagnostics.replace('"', "'") for issue in issues if issue.severity == "warning"]
    if not texts:
        return {}
    said = ", ".join(f'199 fhirserver "{text}"' for text in texts)
    return {"Warning": said.encode("ascii", "replace").decode()}


def refusal(error: FhirError, request: Request | None = None) -> Response:
    """The OperationOutcome of a refusal, with its status."""
    body = fhirjson.dumps(outcome(error.issues))
    if request is not None and request.query_params.get("_pretty") == "true":
        body = msgspec.json.format(body, indent=2)
    return Response(body, error.status, error.headers, CONTENT_TYPE)
