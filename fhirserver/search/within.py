"""Contained resources, found by chains over the references to them: their entries are part of their container's entry.

Every posting, range and string of a contained resource is there under `parameter^Type^`, for each parameter that refers
to it: medication^Medication^code|http://snomed.info/sct|1. https://hl7.org/fhir/R5/search.html#contained
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from fhirserver.resources.registry import Release, resource_types
from fhirserver.search.ast import And, Node, Not, Or, Param
from fhirserver.search.kinds.displays import Shown
from fhirserver.search.kinds.reference import literal_of
from fhirserver.search.kinds.string import Contains, Says
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import parameters
from fhirserver.search.sink import Sink

MARK = "|contained"
"""What ends the posting that says that there is a contained resource of a type under a parameter."""

MOST = 100
"""Contained resources of one resource that are indexed."""

Walk = Callable[[Release, dict[str, Any]], Sink]
"""What gathers the entries of a resource of its own."""


def prefix(code: str, type_: str) -> str:
    """What the entries of contained resources of a type begin with that a parameter refers to."""
    return f"{code}^{type_}^"


def mark(code: str, type_: str) -> str:
    """The posting of containers with a contained resource of a type that a parameter refers to."""
    return f"{code}^{type_}^{MARK}"


def any_of(code: str) -> Filter:
    """Documents that contain what a parameter refers to."""
    # '_' follows '^'.
    return {"t": {"$elemMatch": {"$gte": f"{code}^", "$lt": f"{code}_"}}}


def contained(release: Release, resource: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """(parameter, resource) of what a resource contains and refers to, a pair for each parameter that does."""
    found = resource.get("contained")
    known = {
        each["id"]: each
        for each in (found[:MOST] if isinstance(found, list) else ())
        if isinstance(each, dict)
        and isinstance(each.get("id"), str)
        and each.get("resourceType") in resource_types(release)
    }
    if not known:
        return
    for code, parameter in parameters(release, resource["resourceType"]).items():
        if parameter.kind != "reference":
            continue
        ids = {
            text[1:]
            for type_, value in parameter.values(resource)
            if (text := literal_of(type_, value) or "#")[0] == "#"
        }
        for id_ in sorted(ids & known.keys()):
            # It has no identity of its own, and is not found by its id.
            yield code, {name: value for name, value in known[id_].items() if name not in ("id", "contained")}


def plain(node: Node) -> Node:
    """The tree without what only resources of their own are indexed for."""
    match node:
        case And(nodes):
            return And(tuple(plain(each) for each in nodes))
        case Or(nodes):
            return Or(tuple(plain(each) for each in nodes))
        case Not(inner):
            return Not(plain(inner))
        case Param(type_, code, Says() as said):
            return Param(type_, code, replace(said, read=None))
        case Param(type_, code, (Contains() | Shown()) as test):
            return Param(type_, code, replace(test, quick=False))
    return node


def index(release: Release, resource: dict[str, Any], sink: Sink, walk: Walk) -> None:
    """Adds the entries of contained resources to those of their container."""
    for code, inner in contained(release, resource):
        type_ = inner["resourceType"]
        own, before = walk(release, inner), prefix(code, type_)
        sink.t.append(mark(code, type_))
        sink.t += [before + each for each in own.t if not each.startswith("|")]
        sink.x += [{**each, "k": before + each["k"]} for each in own.x]
        for name, texts in own.f.items():
            sink.f.setdefault(before + name, []).extend(texts)
