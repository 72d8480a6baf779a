"""Links between the entries of a transaction: what names an entry's fullUrl comes to name the resource it became.

https://hl7.org/fhir/R5/http.html#trules
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release, is_primitive, resource_types, structure

_LINKS = frozenset({"uri", "url", "oid", "uuid"})
_NARRATIVE_LINK = re.compile(r"""((?:href|src)\s*=\s*)(["'])(.*?)\2""", re.DOTALL)

Target = Callable[[str], str | None]
"""Says what a link becomes, None for one that stays."""


def rewrite(release: Release, resource: Resource, target: Target) -> Resource:
    """The resource with its references, uris and narrative links rewritten; canonicals stay, as the rules say."""
    found = _structured(release, resource["resourceType"], resource, target)
    assert isinstance(found, dict)
    return found


def _structured(release: Release, type_: str, value: Any, target: Target) -> Any:
    if isinstance(value, list):
        return [_structured(release, type_, item, target) for item in value]
    if isinstance(value, str):
        if type_ in _LINKS:
            return target(value) or value
        if type_ == "xhtml":
            return _NARRATIVE_LINK.sub(lambda m: f"{m[1]}{m[2]}{target(m[3]) or m[3]}{m[2]}", value)
        return value
    if not isinstance(value, dict):
        return value
    if type_ in ("Resource", "DomainResource"):
        type_ = value.get("resourceType", type_)
    shape = structure(release, type_)
    if shape is None:
        return value
    changed = dict(value)
    for name, child in value.items():
        element = shape.elements.get(name)
        if name == "reference" and type_ == "Reference" and isinstance(child, str):
            changed[name] = target(child) or child
        elif element is not None and (isinstance(child, dict | list) or not _dull(release, element.type)):
            changed[name] = _structured(release, element.type, child, target)
        elif element is None and name.startswith("_") and isinstance(child, dict | list):
            changed[name] = _structured(release, "Element", child, target)
    return changed


def _dull(release: Release, type_: str) -> bool:
    return is_primitive(release, type_) and type_ not in _LINKS and type_ != "xhtml"


def by_full_url(places: Mapping[str, str]) -> Target:
    """Targets for fullUrl → Type/id; a fragment or a version behind a fullUrl is kept."""

    def target(link: str) -> str | None:
        found = places.get(link)
        if found is None and "#" in link:
            head, _, tail = link.partition("#")
            found = places.get(head)
            return f"{found}#{tail}" if found else None
        return found

    return target


def conditional_references(release: Release, resource: Resource) -> set[str]:
    """The references that are searches: Patient?identifier=…"""
    found: set[str] = set()

    def target(link: str) -> None:
        kind, mark, query = link.partition("?")
        if mark and query and kind in resource_types(release):
            found.add(link)

    _structured(release, resource["resourceType"], resource, target)
    return found
