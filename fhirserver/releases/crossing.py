"""HL7's cross-version extensions: an element of one release in a resource of the other; back: reading.py.

https://hl7.org/fhir/R5/versions.html#extensions. Written: one extension for each item, at the element that holds it,
its parts as nested extensions named like the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from fhirserver import fhirjson
from fhirserver.releases.parts import Node
from fhirserver.releases.values import Item, Odd, items
from fhirserver.resources.registry import Element, Release, is_primitive, structure

DATATYPE = "http://hl7.org/fhir/StructureDefinition/_datatype"
"""Names the type of a value that the release lacks and that is therefore written as nested extensions."""
TAGS = (DATATYPE, "_datatype")
"""Its addresses."""
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
PREFIX: Mapping[Release, str] = MappingProxyType(
    {
        "R5": "http://hl7.org/fhir/5.0/StructureDefinition/extension-",
        "R4": "http://hl7.org/fhir/4.0/StructureDefinition/extension-",
    }
)

Converter = Callable[[Any], Any]
Convert = Callable[[str], Converter]
"""The conversion of a data type's values."""


def capital(name: str) -> str:
    """As a type's name stands in a choice: valueString, not valuestring."""
    return name[0].upper() + name[1:]


def value_property(release: Release, type_: str) -> str | None:
    """The property of an extension that holds a value of this type; None where the release has none."""
    name = "value" + capital(type_)
    extension = structure(release, "Extension")
    return name if extension is not None and name in extension.elements else None


def foreign_values(source: Release, target: Release) -> frozenset[str]:
    """The properties of an extension that hold a value of a type that `target` lacks."""
    extension = structure(source, "Extension")
    found = extension.elements.values() if extension is not None else ()
    names = {each.name for each in found if each.choice and value_property(target, each.type) is None}
    return frozenset(names | {"_" + name for name in names})


def written(source: Release, target: Release, url: str, element: Element, item: Item, convert: Convert) -> Node:
    """One item of an element of `source`, as an extension in a resource of `target`."""
    return _written(source, target, url, element.type, item, convert, bool(element.choice))


def _written(
    source: Release, target: Release, url: str, type_: str, item: Item, convert: Convert, many_types: bool
) -> Node:
    value, sibling = item
    name = value_property(target, type_)
    if is_primitive(source, type_):
        inner: Node = {}
        if sibling is not None:
            inner["_value"] = convert("Element")(sibling)
        if value is not None:
            inner["value"] = value
        if name is not None:
            return {"url": url} | {("_" if key[0] == "_" else "") + name: inner[key] for key in sorted(inner)[::-1]}
        nested: Node = {"url": "value"} | {
            ("_" if key[0] == "_" else "") + "valueString": inner[key] for key in sorted(inner)[::-1]
        }
        return {"url": url, "extension": [_tag(type_), nested]}
    if type_ == "Resource":
        return {"url": url, "extension": [_tag(type_), {"url": "value", "valueString": _text(value)}]}
    if name is not None:
        return {"url": url, name: convert(type_)(value)}
    return _nested(source, target, url, type_, value, convert, tagged=many_types)


def valued(source: Release, target: Release, extension: Node, type_: str, convert: Convert) -> Node:
    """An extension whose value has a type that `target` lacks, rewritten so that `target` takes it."""
    name = "value" + capital(type_)
    rest = {key: value for key, value in extension.items() if key not in (name, "_" + name)}
    if "extension" in rest:
        raise Odd
    primitive = is_primitive(source, type_)
    found = items(extension, name, primitive)
    if len(found) != 1 or isinstance(extension.get(name), list):
        raise Odd
    value, sibling = found[0]
    if primitive:
        made = _written(source, target, "", type_, (value, sibling), convert, many_types=True)
    else:
        made = _nested(source, target, "", type_, value, convert, tagged=True)
        if "id" in made:
            made["extension"].insert(1, {"url": "id", "valueString": made["id"]})
    return rest | {"extension": made["extension"]}


def _nested(
    source: Release, target: Release, url: str, type_: str, value: Any, convert: Convert, *, tagged: bool
) -> Node:
    found = structure(source, type_)
    if found is None or not isinstance(value, dict):
        raise Odd
    made: Node = {"url": url}
    inner: list[Node] = [_tag(type_)] if tagged else []
    own: list[Any] = []
    for key in value:
        name = key.removeprefix("_")
        if key == "id":
            made["id"] = value[key]
        elif key == "extension":
            own = nested(value[key])
        elif key == "modifierExtension":
            kept = [convert("Extension")(one) for one in nested(value[key])]
            inner.append({"url": key, "extension": kept})
        elif key == name or name not in value:
            element = found.elements.get(name)
            if element is None:
                raise Odd
            many = isinstance(value.get(name, value.get("_" + name)), list)
            if many != element.many:
                raise Odd
            short = element.choice or name
            inner += [
                _written(source, target, short, element.type, item, convert, bool(element.choice))
                for item in items(value, name, is_primitive(source, element.type))
            ]
    inner += [convert("Extension")(one) for one in own]
    if inner:
        made["extension"] = inner
    elif len(made) == 1:
        raise Odd
    return made


def nested(value: Any) -> list[Any]:
    """The extensions in an extension; Odd where they are no list of objects."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise Odd
    return value


def _tag(type_: str) -> Node:
    return {"url": DATATYPE, "valueString": type_}


def _text(value: Any) -> str:
    return fhirjson.dumps(value).decode()
