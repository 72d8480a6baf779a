"""Links between the entries of a transaction: what names an entry's fullUrl comes to name the resource it became.

https://hl7.org/fhir/R5/http.html#trules
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release, resource_types, structure

_LINKS = frozenset({"uri", "url", "oid", "uuid"})
_URN = "urn:uuid:"
_NAMED = re.compile(rb'"(reference|value)":"(urn:uuid:[^"\\]*)"')
"""Properties that are always links where they are strings, and those that never are, whichever type they are of."""

_FEW = 8
"""Links that are looked for in the JSON text first, which is faster than a walk where there are none of them."""
_NARRATIVE_LINK = re.compile(r"""((?:href|src)\s*=\s*)(["'])(.*?)\2""", re.DOTALL)

Links = Mapping[str, str]
"""What a link becomes: fullUrl or conditional reference → Type/id."""


Rewrite = Callable[[Release, Resource], Resource]


def rewriting(links: Links) -> Rewrite:
    """What rewrites the resources of one transaction: their references, uris and narrative links.

    Canonicals stay, as the rules say. A fragment behind a fullUrl is kept.
    """
    if not links:
        return lambda _release, resource: resource
    urns = all(link.startswith(_URN) for link in links)
    few = [fhirjson.dumps(link)[1:-1] for link in links] if len(links) <= _FEW else None

    def become(found: re.Match[bytes]) -> bytes:
        new = _become(links, found[2].decode()) if found[1] == b"reference" else None
        return found[0] if new is None else b'"reference":' + fhirjson.dumps(new)

    def rewrite(release: Release, resource: Resource) -> Resource:
        text = fhirjson.dumps(resource)
        if urns:
            number = text.count(_URN.encode())
            changed, told = _NAMED.subn(become, text) if number else (text, 0)
            # Where the name of each tells whether it is a link, and nearly always it does, nothing else is looked at.
            if told == number:
                found: Resource = resource if changed == text else fhirjson.loads(changed)
                return found
        elif few and not any(link in text for link in few):
            return resource
        return _visited(release, resource, links)

    return rewrite


def rewrite(release: Release, resource: Resource, links: Links) -> Resource:
    """One resource rewritten, see `rewriting`."""
    return rewriting(links)(release, resource)


def _visited(release: Release, resource: Resource, links: Links) -> Resource:
    """The resource rewritten element by element."""

    def visit(value: Any, path: list[str]) -> Any:
        """The value rewritten; the same object where nothing changes, which is nearly everywhere."""
        changed = None
        for name, child in value.items() if type(value) is dict else enumerate(value):
            kind = type(child)
            if kind is str:
                if child not in links and "#" not in child and name != "div":
                    continue
                new = leaf(name, child, path)
            elif kind is dict or kind is list:
                if type(name) is str:
                    path.append(name)
                    new = visit(child, path)
                    path.pop()
                else:
                    new = visit(child, path)
            else:
                continue
            if new is not child:
                changed = value.copy() if changed is None else changed
                changed[name] = new
        return value if changed is None else changed

    def leaf(name: str | int, text: str, path: list[str]) -> str:
        if name == "div":
            return _NARRATIVE_LINK.sub(lambda m: f"{m[1]}{m[2]}{_become(links, m[3]) or m[3]}{m[2]}", text)
        new = _become(links, text)
        # Only what is a link at all is asked for its type, which costs more than the look-up.
        place = [*path, name] if isinstance(name, str) else path
        return new if new is not None and _is_link(release, resource, place) else text

    found: Resource = visit(resource, [])
    return found


def _become(links: Links, link: str) -> str | None:
    found = links.get(link)
    if found is None and "#" in link:
        head, _, tail = link.partition("#")
        return f"{links[head]}#{tail}" if head in links else None
    return found


def _is_link(release: Release, resource: Resource, path: list[str]) -> bool:
    """Whether the element at `path` is Reference.reference or of a type that links."""
    type_ = str(resource["resourceType"])
    for step in path:
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
            return path[-1] == "reference"
    return type_ in _LINKS


def conditional_references(release: Release, resource: Resource) -> set[str]:
    """The references that are searches: Patient?identifier=…"""
    found: set[str] = set()
    if b"?" not in fhirjson.dumps(resource):
        return found
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
