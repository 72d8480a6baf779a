"""Resources as FHIR XML, decimals digit by digit and narratives as they are.

https://hl7.org/fhir/R5/xml.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any
from xml.parsers import expat

from fhirserver.errors import NotAcceptable
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import Release
from fhirserver.resources.unknown_elements import unknown
from fhirserver.resources.xml.layout import FHIR, XHTML, Slot, layout

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_SPECIAL = re.compile('[&<>"\x00-\x1f\ud800-\udfff\ufffe\uffff]')
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# A line break that is not escaped reads as a blank in an attribute.
_ESCAPES = {ord(sign): f"&#{ord(sign)};" for sign in "\t\n\r"} | {38: "&amp;", 60: "&lt;", 62: "&gt;", 34: "&quot;"}


class _Unwritable(Exception):
    """What stands in the way; the path grows while the exception rises."""

    def __init__(self, sentence: str, path: str = "") -> None:
        self.sentence = sentence
        self.path = path
        super().__init__(sentence)


def to_xml(release: Release, resource: Resource, *, pretty: bool = False) -> bytes:
    """The resource as a UTF-8 document; NotAcceptable, with the element's path, for what XML cannot carry."""
    writer = _Writer(release, pretty)
    try:
        writer.resource(resource, 0, f' xmlns="{FHIR}"')
    except _Unwritable as reason:
        kind = resource.get("resourceType")
        raise NotAcceptable(
            f"This cannot be written as XML: {reason.sentence} Ask for JSON.",
            expression=f"{kind if isinstance(kind, str) else 'Resource'}{reason.path}",
        ) from None
    return "".join(writer.parts).encode()


class _Writer:
    """The parts of one document."""

    def __init__(self, release: Release, pretty: bool) -> None:
        self.parts = [_HEAD]
        self._release: Release = release
        self._pretty = pretty

    def resource(self, value: Any, level: int, namespace: str = "") -> None:
        kind = value.get("resourceType") if isinstance(value, dict) else None
        slots = layout(self._release, kind) if isinstance(kind, str) else {}
        if not isinstance(kind, str) or not slots:
            raise _Unwritable("There is a resource of no known type.")
        rest = {name: item for name, item in value.items() if name != "resourceType"}
        self._complex(kind, kind, slots, rest, level, namespace)

    def _complex(
        self, tag: str, type_: str, slots: Mapping[str, Slot], value: Any, level: int, attributes: str = ""
    ) -> None:
        """An element with its children in the order of the definitions."""
        if type(value) is not dict:
            raise _Unwritable("A JSON object goes here.")
        found: list[Slot] = []
        for key in value:
            slot = slots.get(key)
            if slot is None:
                # The sibling of a primitive stands for itself where there is no value.
                slot = slots.get(key[1:]) if key[:1] == "_" else None
                if slot is None or slot.kind != "primitive" or slot.attribute:
                    raise _Unwritable(f"{unknown(self._release, type_, key)[:-1]}.", f".{key[:64]}")
                if slot.name in value:
                    continue
            if slot.attribute:
                attributes = _attribute(slot, value[key], attributes)
            else:
                found.append(slot)
        if not found:
            self._put(level, f"<{tag}{attributes}/>")
            return
        found.sort(key=_order)
        self._put(level, f"<{tag}{attributes}>")
        for slot in found:
            item = value.get(slot.name)
            if not slot.many:
                self._child(slot, item, value.get(f"_{slot.name}"), level + 1, slot.step)
                continue
            beside = value.get(f"_{slot.name}")
            if not all(type(each) is list for each in (item, beside) if each is not None):
                raise _Unwritable("A JSON array goes here.", slot.step)
            for at, (one, sibling) in enumerate(zip_longest(item or (), beside or ())):
                self._child(slot, one, sibling, level + 1, f"{slot.step}[{at}]")
        self._put(level, f"</{tag}>")

    def _child(self, slot: Slot, value: Any, sibling: Any, level: int, step: str) -> None:
        try:
            match slot.kind:
                case "primitive":
                    self._primitive(slot.name, value, sibling, level)
                case "complex":
                    self._complex(slot.name, slot.type, layout(self._release, slot.type), value, level)
                case "xhtml":
                    self._narrative(value, level)
                case _:
                    self._put(level, f"<{slot.name}>")
                    self.resource(value, level + 1)
                    self._put(level, f"</{slot.name}>")
        except _Unwritable as reason:
            reason.path = step + reason.path
            raise

    def _primitive(self, tag: str, value: Any, sibling: Any, level: int) -> None:
        said = "" if value is None else f' value="{_text(value)}"'
        if sibling is None:
            if value is None:
                raise _Unwritable("The element has neither a value nor an extension.")
            self._put(level, f"<{tag}{said}/>")
            return
        self._complex(tag, "Element", layout(self._release, "Element"), sibling, level, said)

    def _narrative(self, value: Any, level: int) -> None:
        if not isinstance(value, str) or not _is_div(value):
            raise _Unwritable("The narrative is no XHTML.")
        self._put(level, value)

    def _put(self, level: int, text: str) -> None:
        self.parts.append(f"\n{'  ' * level}{text}" if self._pretty else text)


def _is_div(text: str) -> bool:
    """Whether the text can stand in a document as it is: one well-formed div, and no declarations."""
    names: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")

    def first(name: str, _attributes: dict[str, str]) -> None:
        names.append(name)
        parser.StartElementHandler = None

    parser.StartElementHandler = first
    parser.XmlDeclHandler = lambda *_: names.append("")
    parser.StartDoctypeDeclHandler = lambda *_: names.append("")
    try:
        parser.Parse(text, True)
    except (expat.ExpatError, UnicodeEncodeError):
        return False
    return names == [f"{XHTML} div"]


def _order(slot: Slot) -> int:
    return slot.order


def _attribute(slot: Slot, value: Any, others: str) -> str:
    """The attributes with one more; the id stands before the url."""
    if type(value) is not str:
        raise _Unwritable("A JSON string goes here.", slot.step)
    said = f' {slot.name}="{_text(value)}"'
    return said + others if slot.name == "id" else others + said


def _text(value: Any) -> str:
    """A primitive value as the text of an attribute."""
    match value:
        case str():
            return _checked(value).translate(_ESCAPES) if _SPECIAL.search(value) else value
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return str(value)
        case _:
            raise _Unwritable("A single value goes here.")


def _checked(text: str) -> str:
    if _FORBIDDEN.search(text):
        raise _Unwritable("It holds a character that XML does not know.")
    return text
