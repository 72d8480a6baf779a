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
from fhirserver.interactions.conditional import Criteria, version_of
from fhirserver.interactions.server import Server, known_type

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
    expected: int | None = None
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
        return _place(server, Ask(at, method, "", resource=resource, full_url=full_url), url, request)
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


def _place(server: Server, blank: Ask, url: str, request: Mapping[str, Any]) -> Ask:
    if url.startswith(server.base + "/"):
        url = url[len(server.base) + 1 :]
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        raise BadRequest(
            f"The url '{url[:200]}' is not of this server: write it relative to {server.base}.",
            expression=f"{blank.where}.request.url",
        )
    segments = [segment for segment in parts.path.split("/") if segment]
    type_ = segments[0] if segments else ""
    known_type(server, type_)
    expected = None
    if request.get("ifMatch") is not None:
        expected = version_of(str(request["ifMatch"]), f"{blank.where}.request.ifMatch")
    found = replace(blank, type=type_, expected=expected, query=parts.query)
    match blank.method, segments[1:]:
        case "GET", []:
            return found
        case "GET", [id_]:
            return replace(found, id=id_)
        case "GET", [id_, "_history", version]:
            return replace(found, id=id_, version=version)
        case "POST", []:
            criteria = request.get("ifNoneExist")
            if criteria is not None:
                return replace(found, criteria=Criteria(type_, str(criteria).lstrip("?")), fresh=write.new_id())
            return replace(found, fresh=write.new_id())
        case (("PUT" | "DELETE"), [id_]):
            return replace(found, id=id_)
        case (("PUT" | "DELETE"), []) if parts.query:
            return replace(found, criteria=Criteria(type_, parts.query), fresh=write.new_id())
    raise NotSupported(
        f"{blank.method} {url[:200]} is no interaction that a Bundle can hold here.",
        expression=f"{blank.where}.request.url",
    )
