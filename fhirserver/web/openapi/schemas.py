"""FHIR's structures as JSON schemas: one component for each type and each part of one, as far as it is reached.

https://hl7.org/fhir/R5/json.html, https://spec.openapis.org/oas/v3.1.0#schema-object

A primitive may be left out for an extension beside it (`_status`), so that none is required here; which are is said by
the server when it validates.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhirserver.resources.registry import Element, Release, codes, resource_types, structure

Schema = dict[str, Any]

_SCHEMAS = "#/components/schemas/"

_JSON_TYPES = {"boolean": "boolean", "integer": "integer", "positiveInt": "integer", "unsignedInt": "integer"}
_LIMITS: dict[str, Schema] = {
    "integer": {"minimum": -(2**31), "maximum": 2**31 - 1},
    "positiveInt": {"minimum": 1, "maximum": 2**31 - 1},
    "unsignedInt": {"minimum": 0, "maximum": 2**31 - 1},
}
_FREE = frozenset({"string", "markdown", "base64Binary", "xhtml"})
"""Primitives whose patterns say no more than that they are not empty, at a price for whoever checks them."""
_MOST_CODES = 200
"""Codes that a schema lists; a longer list helps nobody who reads it."""


def reference(name: str) -> Schema:
    """A reference to the component of a type."""
    return {"$ref": f"{_SCHEMAS}{name}"}


def components(release: Release, types: Iterable[str]) -> dict[str, Schema]:
    """The schemas of `types` and of all that they are made of, by name."""
    found: dict[str, Schema] = {"Resource": _any_resource(release)}
    todo = list(types)
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found[name] = _primitive(release, name) if _is_primitive(release, name) else _structure(release, name)
        todo.extend(referred(found[name]))
    return dict(sorted(found.items()))


def _any_resource(release: Release) -> Schema:
    return {
        "type": "object",
        "description": "A resource of any type.",
        "properties": {"resourceType": {"type": "string", "enum": sorted(resource_types(release))}},
        "required": ["resourceType"],
    }


def _is_primitive(release: Release, name: str) -> bool:
    found = structure(release, name)
    return found is not None and found.kind == "primitive-type"


def _primitive(release: Release, name: str) -> Schema:
    if name == "decimal":
        return {"type": "number", "description": "A decimal number; its digits are kept as they are sent."}
    if name in _JSON_TYPES:
        return {"type": _JSON_TYPES[name], **_LIMITS.get(name, {})}
    found = structure(release, name)
    schema: Schema = {"type": "string"}
    if name in _FREE:
        schema["minLength"] = 1
    elif found and found.regex:
        schema["pattern"] = f"^(?:{found.regex})$"
    return schema


def _structure(release: Release, name: str) -> Schema:
    found = structure(release, name)
    if found is None:
        raise LookupError(f"{release} has no structure {name}")
    properties: dict[str, Schema] = {}
    if found.kind == "resource":
        properties["resourceType"] = {"type": "string", "const": name}
    for element in found.elements.values():
        # An element's id is any text, a resource's is not.
        inner = element.name == "id" and found.kind != "resource"
        schema = reference("string") if inner else _element(release, element)
        properties[element.name] = {"type": "array", "items": schema, "minItems": 1} if element.many else schema
        if _is_primitive(release, element.type):
            beside = reference("Element")
            if element.many:
                beside = {"type": "array", "items": {"anyOf": [beside, {"type": "null"}]}, "minItems": 1}
                properties[element.name]["items"] = {"anyOf": [schema, {"type": "null"}]}
            properties[f"_{element.name}"] = beside
    required = [
        element.name
        for element in found.elements.values()
        if element.min and not element.choice and not _is_primitive(release, element.type)
    ]
    if found.kind == "resource":
        required.insert(0, "resourceType")
    made: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return made | ({"required": required} if required else {})


def _element(release: Release, element: Element) -> Schema:
    listed = codes(release, element.valueset) if element.type == "code" and element.valueset else None
    if listed and len(listed) <= _MOST_CODES:
        return {"type": "string", "enum": sorted(listed)}
    return reference(element.type)


def referred(schema: Any) -> Iterable[str]:
    """The names of the schemas that a part of the document refers to."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key != "$ref":
                yield from referred(value)
            elif value.startswith(_SCHEMAS):
                yield value.removeprefix(_SCHEMAS)
    elif isinstance(schema, list):
        for value in schema:
            yield from referred(value)
