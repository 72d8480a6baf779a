"""The entries of a batch or transaction taken apart: which interaction, on what, under which condition.

https://hl7.org/fhir/R5/bundle.html#bundle-unique, https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fhirserver.errors import BadRequest, FhirError, Malformed, NotSupported, TooLarge
from fhirserver.fhirjson import Resource
from fhirserver.interactions import write
from fhirserver.interactions.bundle_entry import Ask, Invoke, Look, Part, inside, place
from fhirserver.interactions.conditional import Criteria, precondition
from fhirserver.interactions.search_across import Where, within
from fhirserver.interactions.server import Server, known_type
from fhirserver.patch.formats import from_resource

_METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
_CONDITIONS: Mapping[str, frozenset[str]] = {
    "ifMatch": frozenset({"PUT", "PATCH", "DELETE"}),
    "ifNoneMatch": frozenset({"GET", "HEAD", "PUT", "PATCH", "DELETE"}),
    "ifModifiedSince": frozenset({"GET", "HEAD"}),
    "ifNoneExist": frozenset({"POST"}),
}
"""The methods that each condition goes with."""


def entries_of(server: Server, bundle: Resource) -> list[Any]:
    """The entries of a batch or transaction; refuses what is none, or too large."""
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in ("batch", "transaction"):
        raise BadRequest(
            "This address takes a Bundle of type 'batch' or 'transaction': send a single resource to its own type.",
            expression="Bundle.type",
        )
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Malformed("Bundle.entry is an array.", expression="Bundle.entry")
    most = server.settings.max_bundle_entries
    if len(entries) > most:
        raise TooLarge(
            f"The Bundle has {len(entries)} entries, this server takes {most}: split it, or raise the setting "
            "max_bundle_entries.",
            expression="Bundle.entry",
        )
    return entries


def part(server: Server, at: int, entry: Any) -> Part:
    """Takes an entry apart; refuses one that no interaction fits."""
    where = place(at)
    if not isinstance(entry, dict) or not isinstance(entry.get("request"), dict):
        raise Malformed("The entry has no request: give its method and url.", expression=f"{where}.request")
    request = entry["request"]
    method, url = request.get("method"), request.get("url")
    if not isinstance(method, str) or method not in _METHODS:
        raise Malformed(
            f"The method is one of {', '.join(_METHODS)}.", expression=f"{where}.request.method", code="value"
        )
    for condition, methods in _CONDITIONS.items():
        if (given := request.get(condition)) is not None:
            if not isinstance(given, str):
                raise Malformed(f"{condition} is a string.", expression=f"{where}.request.{condition}")
            if method not in methods:
                raise NotSupported(
                    f"{condition} goes with {' and '.join(sorted(methods))}, not with {method}: leave it out.",
                    expression=f"{where}.request.{condition}",
                )
    if not isinstance(url, str) or not url:
        raise Malformed("The entry's request has no url.", expression=f"{where}.request.url", code="required")
    resource = entry.get("resource")
    if resource is not None and (not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str)):
        raise Malformed("The entry's resource has no resourceType.", expression=f"{where}.resource")
    full_url = entry.get("fullUrl")
    if full_url is not None and not isinstance(full_url, str):
        raise Malformed("fullUrl is a string.", expression=f"{where}.fullUrl")
    try:
        return _part(server, at, request, resource, full_url)
    except FhirError as error:
        raise inside(error, where) from None


def _part(server: Server, at: int, request: Mapping[str, Any], resource: Resource | None, full_url: str | None) -> Part:
    where = place(at)
    method, url = request["method"], request["url"]
    own = url.removeprefix(server.base)
    # Of the base itself only its query is left, of what lies under it the path without the slash.
    parts = urlsplit(own.removeprefix("/") if own[:1] in ("", "/", "?") and own != url else url)
    if parts.scheme or parts.netloc:
        raise BadRequest(
            f"The url '{url[:200]}' is not of this server: write it relative to {server.base}.",
            expression=f"{where}.request.url",
        )
    segments = [segment for segment in parts.path.split("/") if segment]
    if segments and segments[-1].startswith("$") and len(segments) <= 3:
        type_, id_ = [*segments[:-1], None, None][:2]
        if type_ is not None:
            known_type(server, type_)
        return Invoke(at, method, segments[-1][1:], type_, id_, parts.query, resource)
    _fits(method, resource, where)
    if segments and segments != ["_history"]:
        known_type(server, segments[0])
    if method in ("GET", "HEAD"):
        return _look(server, at, request, segments, parts.query)
    if not segments:
        raise _strange(at, request)
    return _write(server, at, request, segments, parts.query, resource, full_url)


def _fits(method: str, resource: Resource | None, where: str) -> None:
    """Refuses a write without a resource, and a read or deletion with one."""
    if method in ("POST", "PUT", "PATCH"):
        if resource is None:
            raise Malformed(f"A {method} needs a resource.", expression=f"{where}.resource", code="required")
    elif resource is not None:
        raise BadRequest(f"A {method} takes no resource.", expression=f"{where}.resource")


def _look(server: Server, at: int, request: Mapping[str, Any], segments: list[str], query: str) -> Look:
    look = Look(
        at,
        None,
        query=query,
        bodies=request["method"] == "GET",
        none_match=request.get("ifNoneMatch"),
        modified_since=request.get("ifModifiedSince"),
    )
    match segments:
        case []:
            return replace(look, across=Where())
        case ["_history"]:
            return replace(look, history=True)
        case [type_]:
            return replace(look, type=type_)
        case [type_, "_history"]:
            return replace(look, type=type_, history=True)
        case [type_, id_]:
            return replace(look, type=type_, id=id_)
        case [type_, id_, "_history"]:
            return replace(look, type=type_, id=id_, history=True)
        case [type_, id_, inner] if not inner.startswith("_"):
            return replace(look, across=within(server, type_, id_, inner))
        case [type_, id_, "_history", version]:
            return replace(look, type=type_, id=id_, version=version)
    raise _strange(at, request)


def _write(
    server: Server,
    at: int,
    request: Mapping[str, Any],
    segments: list[str],
    query: str,
    resource: Resource | None,
    full_url: str | None,
) -> Ask:
    where = f"{place(at)}.request"
    method, type_ = request["method"], segments[0]
    expected = precondition(
        request.get("ifMatch"), request.get("ifNoneMatch"), (f"{where}.ifMatch", f"{where}.ifNoneMatch")
    )
    change, patch = None, None
    if method == "PATCH" and resource is not None:
        change, patch, resource = from_resource(server.release, resource), resource, None
    id_, criteria, fresh = None, None, ""
    match method, segments[1:]:
        case (("PUT" | "PATCH" | "DELETE"), [named]):
            id_ = named
        case (("PUT" | "PATCH" | "DELETE"), []) if query:
            criteria, fresh = Criteria(type_, query), write.new_id()
        case "POST", []:
            given = request.get("ifNoneExist")
            criteria, fresh = None if given is None else Criteria(type_, given.lstrip("?")), write.new_id()
        case _:
            raise _strange(at, request)
    return Ask(at, method, type_, id_, criteria, resource, change, patch, full_url, expected, fresh)


def _strange(at: int, request: Mapping[str, Any]) -> NotSupported:
    return NotSupported(
        f"{request['method']} {request['url'][:200]} is no interaction that a Bundle can hold here.",
        expression=f"{place(at)}.request.url",
    )
