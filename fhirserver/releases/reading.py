"""Cross-version extensions read: what of the other release an extension stands for.

https://hl7.org/fhir/R5/versions.html#extensions. Nested parts have names of elements, or addresses of their own.
"""

from __future__ import annotations

from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import FhirError
from fhirserver.releases.crossing import PREFIX, TAGS, Convert, capital, nested, value_property
from fhirserver.releases.parts import Node
from fhirserver.releases.values import Item, Odd, properties
from fhirserver.resources.registry import Element, Release, Structure, is_primitive, structure


def read(
    source: Release, target: Release, extension: Node, element: Element, convert: Convert, path: str
) -> tuple[str, Item]:
    """(property, item) of `target` that an extension in a resource of `source` stands for; Odd if for none.

    `element` is any of a choice's; `path` is the element's own ('ResearchStudy.label').
    """
    found = structure(target, path.rpartition(".")[0])
    if found is None:
        raise Odd
    return _read(source, target, extension, found, element, convert, path)


def _read(
    source: Release,
    target: Release,
    extension: Node,
    found: Structure,
    element: Element,
    convert: Convert,
    path: str,
) -> tuple[str, Item]:
    name, value, sibling = _value(extension)
    if name is not None:
        if len(extension) != 1 + (value is not None) + (sibling is not None):
            raise Odd
        type_ = _type_of(source, name)
        if element.choice:
            chosen = found.elements.get(element.choice + capital(type_))
            if chosen is None:
                raise Odd
            element = chosen
        if is_primitive(target, element.type):
            if not is_primitive(source, type_) or (element.type == "integer64") != (type_ == "integer64"):
                raise Odd
            return element.name, (value, convert("Element")(sibling) if sibling is not None else None)
        if element.type != type_ or sibling is not None or not isinstance(value, dict):
            raise Odd
        return element.name, (convert(type_)(value), None)
    if not extension.keys() <= {"url", "id", "extension"}:
        raise Odd
    inner = nested(extension.get("extension", []))
    tag = tagged(extension)
    if element.choice:
        chosen = found.elements.get(element.choice + capital(tag)) if tag else None
        if chosen is None:
            raise Odd
        element = chosen
    if tag is not None:
        inner = inner[1:]
        if tag != element.type:
            raise Odd
    if is_primitive(target, element.type) or element.type == "Resource":
        return element.name, _lone(source, target, inner, element.type, convert)
    made = assembled(source, target, inner, element.type, convert)
    if "id" in extension:
        made = {"id": extension["id"]} | made
    if not made:
        raise Odd
    return element.name, (made, None)


def tagged(extension: Node) -> str | None:
    """The type that an extension without a value says it stands for."""
    inner = extension.get("extension")
    first = inner[0] if isinstance(inner, list) and inner else None
    if isinstance(first, dict) and first.get("url") in TAGS and len(first) == 2:
        name = first.get("valueString", first.get("valueCode"))
        return name if isinstance(name, str) else None
    return None


def restored(source: Release, target: Release, extension: Node, convert: Convert) -> Node:
    """An extension whose value `source` lacks, with that value; Odd where it is not written as such."""
    type_ = tagged(extension)
    if type_ is None or value_property(source, type_) is not None or not extension.keys() <= {"url", "id", "extension"}:
        raise Odd
    name = value_property(target, type_)
    if name is None:
        raise Odd
    inner = nested(extension["extension"])[1:]
    rest = {key: value for key, value in extension.items() if key != "extension"}
    if is_primitive(target, type_):
        value, sibling = _lone(source, target, inner, type_, convert)
        return rest | properties(name, [(value, sibling)], many=False)
    made: Node = {}
    if inner and inner[0].get("url") == "id" and set(inner[0]) == {"url", "valueString"}:
        made["id"] = inner[0]["valueString"]
        inner = inner[1:]
    made |= assembled(source, target, inner, type_, convert)
    if not made:
        raise Odd
    return rest | {name: made}


def assembled(source: Release, target: Release, inner: list[Node], type_: str, convert: Convert) -> Node:
    """An object of `target` from the nested extensions that stand for its elements."""
    found = structure(target, type_)
    if found is None:
        raise Odd
    gathered: dict[str, list[Item]] = {}
    own: list[Any] = []
    modifiers: list[Any] = []
    prefix = PREFIX[target] + type_ + "."
    for one in inner:
        url = one.get("url")
        if not isinstance(url, str):
            raise Odd
        if url == "modifierExtension":
            modifiers += [convert("Extension")(each) for each in nested(one.get("extension"))]
            continue
        name = url.removeprefix(prefix)
        element = element_named(found, name)
        if element is None:
            if ":" not in url:
                raise Odd
            own.append(convert("Extension")(one))
            continue
        key, item = _read(source, target, one, found, element, convert, f"{type_}.{name}")
        gathered.setdefault(key, []).append(item)
    made: Node = {}
    for key, each in gathered.items():
        many = found.elements[key].many
        if len(each) > 1 and not many:
            raise Odd
        made |= properties(key, each, many)
    if own:
        made["extension"] = own
    if modifiers:
        made["modifierExtension"] = modifiers
    return made


def element_named(found: Structure, name: str) -> Element | None:
    """The element, or any of the choice, that an extension's address ends in."""
    name = name.removesuffix("[x]")
    if name in found.choices:
        return found.elements[found.choices[name][0]]
    element = found.elements.get(name)
    return None if element is None or element.choice else element


def _lone(source: Release, target: Release, inner: list[Node], type_: str, convert: Convert) -> Item:
    if (
        len(inner) != 1
        or inner[0].get("url") != "value"
        or not inner[0].keys() <= {"url", "valueString", "_valueString"}
    ):
        raise Odd
    value, sibling = inner[0].get("valueString"), inner[0].get("_valueString")
    if type_ == "Resource":
        if not isinstance(value, str) or sibling is not None:
            raise Odd
        try:
            return fhirjson.loads(value), None
        except FhirError:
            raise Odd from None
    return value, convert("Element")(sibling) if sibling is not None else None


def _value(extension: Node) -> tuple[str | None, Any, Any]:
    """(property, value, sibling) of an extension; of two values none."""
    names = {key.removeprefix("_") for key in extension if key.startswith(("value", "_value"))}
    if len(names) != 1:
        if names:
            raise Odd
        return None, None, None
    name = names.pop()
    value, sibling = extension.get(name), extension.get("_" + name)
    if isinstance(value, list) or (sibling is not None and not (isinstance(sibling, dict) and sibling)):
        raise Odd
    if value is None and sibling is None:
        raise Odd
    return name, value, sibling


def _type_of(release: Release, name: str) -> str:
    extension = structure(release, "Extension")
    element = extension.elements.get(name) if extension is not None else None
    if element is None:
        raise Odd
    return element.type
