"""Links between the entries of a transaction: what names an entry's fullUrl comes to name the resource it became.

https://hl7.org/fhir/R5/http.html#trules
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release, resource_types, structure

_LINKS = frozenset({"uri", "url", "oid", "uuid"})
_NARRATIVE_LINK = re.compile(r"""((?:href|src)\s*=\s*)(["'])(.*?)\2""", re.DOTALL)

Target = Callable[[str], str | None]
"""Says what a link becomes, None for one that stays."""


def rewrite(release: Release, resource: Resource, target: Target) -> Resource:
    """The resource with its references, uris and narrative links rewritten; canonicals stay, as the rules say."""

    def visit(value: Any, path: list[str]) -> Any:
        """The value rewritten; the same object where nothing changes, which is nearly everywhere."""
        if type(value) is dict:
            copy = None
            for name, child in value.items():
                if type(child) is str:
                    new = leaf(name, child, path)
                elif type(child) is dict or type(child) is list:
                    path.append(name)
                    new = visit(child, path)
                    path.pop()
                else:
                    continue
                if new is not child:
                    copy = dict(value) if copy is None else copy
                    copy[name] = new
            return value if copy is None else copy
        items = [
            leaf("", child, path)
            if type(child) is str
            else visit(child, path)
            if type(child) in (dict, list)
            else child
            for child in value
        ]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value

    def leaf(name: str, text: str, path: list[str]) -> str:
        if name == "div" and "<" in text:
            return _NARRATIVE_LINK.sub(lambda m: f"{m[1]}{m[2]}{target(m[3]) or m[3]}{m[2]}", text)
        new = target(text)
        # Only what is a link at all is asked for its type, which costs more than the look-up.
        return text if new is None or not _is_link(release, resource, path, name) else new

    found: Resource = visit(resource, [])
    return found


def _is_link(release: Release, resource: Resource, path: list[str], name: str) -> bool:
    """Whether the element at `path` and `name` is Reference.reference or of a type that links."""
    type_ = str(resource["resourceType"])
    for step in (*path, name) if name else path:
        shape = structure(release, type_)
        element = shape.elements.get(step) if shape else None
        if element is None:
            # The sibling of a primitive, such as _birthDate, holds an id and extensions.
            type_ = "Element" if step.startswith("_") else ""
        elif element.type in ("Resource", "DomainResource"):
            type_ = "Resource"
        elif type_ == "Reference" and step == "reference":
            return True
        else:
            type_ = element.type
        if type_ == "Resource":
            # What is contained says its own type, which the path does not: references alone are certain.
            return name == "reference"
    return type_ in _LINKS


def by_full_url(places: Mapping[str, str]) -> Target:
    """Targets for fullUrl → Type/id; a fragment behind a fullUrl is kept."""

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
    types = resource_types(release)
    todo: list[Any] = [resource]
    while todo:
        value = todo.pop()
        children = value.values() if type(value) is dict else value
        todo.extend(child for child in children if type(child) is dict or type(child) is list)
        link = value.get("reference") if type(value) is dict else None
        if type(link) is str and "?" in link and link.partition("?")[0] in types:
            found.add(link)
    return found
