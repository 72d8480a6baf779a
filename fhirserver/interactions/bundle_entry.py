"""One entry of a batch or transaction taken apart: which interaction, on what, under which condition.

https://hl7.org/fhir/R5/bundle.html#bundle-unique, https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, FhirError, Malformed, NotSupported
from fhirserver.fhirjson import Resource
from fhirserver.interactions import write
from fhirserver.interactions.conditional import Criteria, precondition
from fhirserver.interactions.server import Server, known_type
from fhirserver.store.documents import Expected

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Ask:
    """One entry taken apart: `id` or `criteria` or neither (a create); `fresh` is the id a create would take."""

    at: int
    method: str
    type: str
    id: str | None = None
    criteria: Criteria | None = None
    version: str | None = None
    query: str = ""
    resource: Resource | None = None
    full_url: str | None = None
    expected: Expected | None = None
    fresh: str = ""

    @property
    def proposal(self) -> tuple[str, str] | None:
        """The place that the resource itself names, if its id is one."""
        id_ = self.resource.get("id") if self.resource else None
        return (self.type, id_) if isinstance(id_, str) and fhirjson.is_id(id_) else None

    @property
    def where(self) -> str:
        """The entry's place, for an issue's expression."""
        return f"Bundle.entry[{self.at}]"


def ask(server: Server, at: int, entry: Any) -> Ask:
    """Takes an entry apart; refuses one that no interaction fits."""
    where = f"Bundle.entry[{at}]"
    if not isinstance(entry, dict) or not isinstance(entry.get("request"), dict):
        raise Malformed("The entry has no request: give its method and url.", expression=f"{where}.request")
    request = entry["request"]
    method, url = request.get("method"), request.get("url")
    if not isinstance(method, str) or method not in _METHODS:
        raise Malformed(
            f"The method is one of {', '.join(sorted(_METHODS))}.", expression=f"{where}.request.method", code="value"
        )
    for condition in ("ifNoneMatch", "ifModifiedSince"):
        if method != "GET" and request.get(condition) is not None:
            raise NotSupported(
                f"{condition} is not done on a {method} here: use ifMatch or ifNoneExist.",
                expression=f"{where}.request.{condition}",
            )
    if not isinstance(url, str) or not url:
        raise Malformed("The entry's request has no url.", expression=f"{where}.request.url", code="required")
    if method in ("PATCH", "HEAD"):
        raise NotSupported(f"{method} inside a Bundle is not done here.", expression=f"{where}.request.method")
    resource = entry.get("resource")
    if method in ("POST", "PUT"):
        if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
            raise Malformed(f"A {method} needs a resource.", expression=f"{where}.resource", code="required")
    elif resource is not None:
        raise BadRequest(f"A {method} takes no resource.", expression=f"{where}.resource")
    full_url = entry.get("fullUrl")
    if full_url is not None and not isinstance(full_url, str):
        raise Malformed("fullUrl is a string.", expression=f"{where}.fullUrl")
    try:
        return _ask(server, at, method, url, request, resource, full_url)
    except FhirError as error:
        raise inside(error, where) from None


def inside(error: FhirError, where: str) -> FhirError:
    """The refusal with its expressions moved into the Bundle: Patient.id becomes Bundle.entry[0].resource.id."""
    issues = []
    for issue in error.issues:
        moved = [
            place if place.startswith("Bundle.entry[") else f"{where}.resource{_below(place)}"
            for place in issue.expression
        ]
        issues.append(replace(issue, expression=tuple(moved) or (where,)))
    return type(error)(issues, headers=error.headers)


def _below(place: str) -> str:
    """.gender of Patient.gender; nothing for a bare name."""
    _, dot, rest = place.partition(".")
    return dot + rest


def _ask(
    server: Server,
    at: int,
    method: str,
    url: str,
    request: Mapping[str, Any],
    resource: Resource | None,
    full_url: str | None,
) -> Ask:
    where = f"Bundle.entry[{at}]"
    if url.startswith(server.base + "/"):
        url = url[len(server.base) + 1 :]
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        raise BadRequest(
            f"The url '{url[:200]}' is not of this server: write it relative to {server.base}.",
            expression=f"{where}.request.url",
        )
    segments = [segment for segment in parts.path.split("/") if segment]
    type_ = segments[0] if segments else ""
    known_type(server, type_)
    given = request.get("ifMatch")
    names = (f"{where}.request.ifMatch", f"{where}.request.ifNoneMatch")
    expected = precondition(None if given is None else str(given), None, names)
    id_: str | None = None
    version: str | None = None
    criteria: Criteria | None = None
    fresh = ""
    match method, segments[1:]:
        case "GET", []:
            pass
        case "GET", [id_, "_history", version]:
            pass
        case (("GET" | "PUT" | "DELETE"), [id_]):
            pass
        case "POST", []:
            fresh = write.new_id()
            given = request.get("ifNoneExist")
            criteria = None if given is None else Criteria(type_, str(given).lstrip("?"))
        case (("PUT" | "DELETE"), []) if parts.query:
            fresh = write.new_id()
            criteria = Criteria(type_, parts.query)
        case _:
            raise NotSupported(
                f"{method} {url[:200]} is no interaction that a Bundle can hold here.",
                expression=f"{where}.request.url",
            )
    return Ask(at, method, type_, id_, criteria, version, parts.query, resource, full_url, expected, fresh)
