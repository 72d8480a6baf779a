"""Parts of resources: _summary and _elements, and the tag that says that a resource is not whole.

https://hl7.org/fhir/R5/search.html#summary, https://hl7.org/fhir/R5/search.html#elements

Whatever is asked for, a part keeps what it cannot do without: resourceType, id, meta, implicitRules and
modifierExtension, mandatory elements, and the contained resources that what is left refers to. Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

import msgspec

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.resources.findings import shown
from fhirserver.resources.registry import Release, Structure, is_primitive, resource_types, structure

SUBSETTED = MappingProxyType(
    {
        "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
        "code": "SUBSETTED",
        "display": "subsetted",
    }
)
PARAMETERS = frozenset({"_summary", "_elements"})
Summary = Literal["true", "text", "data"]

_ALWAYS = frozenset({"resourceType", "id", "meta", "implicitRules", "modifierExtension"})
_CONTAINED = re.compile(rb'"reference":"#([^"]+)"')


@dataclass(frozen=True, slots=True)
class Subset:
    """Which part of resources: a summary, or elements by type; under None those of every type."""

    release: Release
    summary: Summary | None = None
    elements: Mapping[str | None, frozenset[str]] = field(default_factory=dict)

    def of(self, body: bytes, *, included: bool = False) -> bytes:
        """The part of a resource, JSON to JSON. Elements that name no type do not apply to what was `included`."""
        resource = fhirjson.loads(body)
        part = self.part(resource, included=included)
        return body if part is resource else fhirjson.dumps(part)

    def part(self, resource: Resource, *, included: bool = False) -> Resource:
        """The part of a resource, tagged SUBSETTED; the resource itself where nothing is asked of its type."""
        type_ = resource.get("resourceType", "")
        found = structure(self.release, type_)
        if found is None:
            return resource
        if self.summary is not None:
            return _tagged(_whole(resource, _summarised(self.release, found, resource, self.summary)))
        wanted = self.elements.get(type_)
        if wanted is None and (included or None not in self.elements):
            return resource
        names = (wanted or frozenset()) | (frozenset() if included else self.elements.get(None, frozenset()))
        return _tagged(_whole(resource, _chosen(self.release, found, resource, names)))


def parse(release: Release, params: Iterable[tuple[str, str]], type_: str | None = None) -> Subset | None:
    """What _summary and _elements ask for; None for whole resources, also where _summary is 'count'.

    `type_` is the type that elements without one belong to, None for any. BadRequest for what neither takes.
    """
    summary: Summary | None = None
    elements: dict[str | None, frozenset[str]] = {}
    for name, value in params:
        match name, value:
            case "_summary", ("true" | "text" | "data"):
                summary = value
            case "_summary", ("false" | "count"):
                summary = None
            case "_summary", _:
                raise BadRequest(
                    f"'_summary' is true, text, data, count or false, not {shown(value)}.",
                    expression="_summary",
                    code="value",
                )
            case "_elements", _:
                for place, element in _named(release, value, type_):
                    elements[place] = elements.get(place, frozenset()) | {element}
    if summary and elements:
        raise BadRequest("'_summary' and '_elements' do not go together: ask for one of them.", expression="_elements")
    return Subset(release, summary, elements) if summary or elements else None


def _named(release: Release, value: str, type_: str | None) -> Iterable[tuple[str | None, str]]:
    """(type or None, element) of each name, which may stand behind its type."""
    for name in value.split(","):
        head, dot, rest = name.strip().partition(".")
        place = head if dot and head in resource_types(release) else None
        element = (rest if place else name.strip()).removesuffix("[x]")
        owners = (place,) if place else (type_,) if type_ else resource_types(release)
        if not element or not any(_has(release, owner, element) for owner in owners):
            whose = place or type_ or "no resource type"
            raise BadRequest(
                f"'_elements' names {shown(name.strip())}: {whose} has no such element at its root; "
                "write elements of the root, or Type.element, with commas between.",
                expression="_elements",
                code="value",
            )
        yield place, element


def _has(release: Release, type_: str, element: str) -> bool:
    found = structure(release, type_)
    return found is not None and (element in found.elements or element in found.choices or element == "resourceType")


def refuse_subset(resource: Resource) -> None:
    """Refuses a resource that says of itself that it is a part: written, it would take the place of the whole."""
    meta = resource.get("meta")
    tags = meta.get("tag") if isinstance(meta, dict) else None
    for at, tag in enumerate(tags if isinstance(tags, list) else ()):
        if isinstance(tag, dict) and all(tag.get(key) == SUBSETTED[key] for key in ("system", "code")):
            raise Unprocessable(
                "The resource is tagged SUBSETTED: it is a part, and would take the place of the whole. Read it again "
                "without _summary and _elements, and send that with your change.",
                expression=f"{resource.get('resourceType')}.meta.tag[{at}]",
                code="incomplete",
            )


# -- which properties stay ---------------------------------------------------------------------------------------------


@cache
def _in_summary(release: Release, name: str) -> frozenset[str]:
    """The elements of a structure that a summary holds; none for a structure that is never taken apart."""
    return frozenset(_table(release).get(name, ()))


@cache
def _table(release: Release) -> Mapping[str, list[str]]:
    data = resources.files("fhirserver.resources").joinpath("definitions", release, "summary.json").read_bytes()
    return msgspec.json.decode(data, type=dict[str, list[str]])


@cache
def _mandatory(release: Release, name: str) -> frozenset[str]:
    found = structure(release, name)
    return frozenset(key for key, element in found.elements.items() if element.min) if found else frozenset()


def _chosen(release: Release, found: Structure, resource: Resource, names: Collection[str]) -> Resource:
    def stays(key: str) -> bool:
        element = found.elements.get(key)
        return key in names or (element is not None and element.choice in names)

    keep = _ALWAYS | _mandatory(release, found.name)
    return {key: value for key, value in resource.items() if (base := key.lstrip("_")) in keep or stays(base)}


def _summarised(release: Release, found: Structure, resource: Resource, summary: Summary) -> Resource:
    match summary:
        case "data":
            return {key: value for key, value in resource.items() if key not in ("text", "_text")}
        case "text":
            return _chosen(release, found, resource, ("text",))
        case "true":
            return _summary_of(release, found, resource)


def _summary_of(release: Release, found: Structure, value: Resource) -> Resource:
    flagged = _in_summary(release, found.name)
    mandatory = _mandatory(release, found.name)
    kept: Resource = {}
    for key, item in value.items():
        base = key.lstrip("_")
        element = found.elements.get(base)
        if key in _ALWAYS and found.kind == "resource":
            kept[key] = item
        elif element is not None and (base in flagged or element.choice in flagged or base in mandatory):
            part = _inner(release, element.type, item) if base == key else item
            if part is not None:
                kept[key] = part
            elif base in mandatory:
                kept[key] = item
    return kept


def _inner(release: Release, type_: str, item: Any) -> Any:
    """The summary of an element's value; None where nothing is left of it."""
    # A resource within, an extension and a narrative have no summary of their own.
    if is_primitive(release, type_) or not _in_summary(release, type_):
        return item
    found = structure(release, type_)
    if found is None or found.kind == "resource":
        return item
    if isinstance(item, list):
        parts = [part for each in item if (part := _inner(release, type_, each)) is not None]
        return parts or None
    return (_summary_of(release, found, item) or None) if isinstance(item, dict) else item


# -- what keeps a part sound -------------------------------------------------------------------------------------------


def _whole(resource: Resource, part: Resource) -> Resource:
    """The part with the contained resources that it refers to, and that these refer to."""
    contained = [each for each in resource.get("contained", ()) if isinstance(each, dict)]
    if not contained or "contained" in part:
        return part
    by_id = {each.get("id"): each for each in contained}
    wanted: set[str] = set()
    fresh = _local(part)
    while fresh:
        wanted |= fresh
        fresh = {each for id_ in fresh if id_ in by_id for each in _local(by_id[id_])} - wanted
    kept = [each for each in contained if each.get("id") in wanted]
    return part | {"contained": kept} if kept else part


def _local(value: Resource) -> set[str]:
    return {id_.decode() for id_ in _CONTAINED.findall(fhirjson.dumps(value))}


def _tagged(part: Resource) -> Resource:
    meta = part.get("meta", {})
    tags = meta.get("tag", [])
    if any(tag.get("code") == SUBSETTED["code"] and tag.get("system") == SUBSETTED["system"] for tag in tags):
        return part
    tagged = {**meta, "tag": [*tags, dict(SUBSETTED)]}
    # id and meta stand first, as in whole resources.
    whole: Resource = {key: part[key] for key in ("resourceType", "id") if key in part}
    return whole | {"meta": tagged} | {key: value for key, value in part.items() if key not in (*whole, "meta")}
