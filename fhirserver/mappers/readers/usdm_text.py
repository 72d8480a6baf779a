"""The prose of a study definition: its references replaced by what they refer to, its markup by plain lines.

https://github.com/cdisc-org/DDF-RA (usdm:ref names an attribute of an object, usdm:tag a parameter of a dictionary)
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from fhirserver.mappers.readers import markup
from fhirserver.mappers.readers.plain import plain

_REF = re.compile(r"<usdm:ref\b(?P<attributes>[^<>]{0,1000}?)/?>(?:\s*</usdm:ref>)?", re.IGNORECASE)
_TAG = re.compile(r"<usdm:tag\b(?P<attributes>[^<>]{0,1000}?)/?>(?:\s*</usdm:tag>)?", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"(\w+)\s*=\s*[\"']([^\"']*)[\"']")
_ELEMENT = re.compile(r"</?[A-Za-z][^<>]*>")
_DEEPEST = 4
"""References within references that are followed: a definition may go round in a circle."""


class Texts:
    """The objects of a definition by their ids, and its dictionaries; resolves and flattens prose.

    `missing` names what is referred to and not there, or empty.
    """

    def __init__(self, record: Any) -> None:
        self._objects: dict[str, dict[str, Any]] = {}
        self.missing: dict[str, None] = {}
        todo = [record]
        while todo:
            one = todo.pop()
            if isinstance(one, dict):
                if isinstance(key := one.get("id"), str):
                    self._objects.setdefault(key, one)
                todo.extend(one.values())
            elif isinstance(one, list):
                todo.extend(one)

    def plain(self, text: str, dictionary: str | None = None) -> str:
        """Prose as lines of words."""
        return flattened(self.resolved(text, dictionary))

    def resolved(self, text: str, dictionary: str | None = None, depth: int = 0) -> str:
        """Prose with its references and parameters replaced; a parameter that leads nowhere stays in brackets."""
        if "<usdm:" not in text or depth > _DEEPEST:
            return text

        def parameter(match: re.Match[str]) -> str:
            name = dict(_ATTRIBUTE.findall(match["attributes"])).get("name", "")
            said = self._parameter(name, dictionary)
            found = "" if said is None else self.resolved(said, dictionary, depth + 1)
            return found if found and not found.startswith("[") else self._missing(name)

        def reference(match: re.Match[str]) -> str:
            attributes = dict(_ATTRIBUTE.findall(match["attributes"]))
            target = self._objects.get(attributes.get("id", ""), {})
            said = worded(target.get(attributes.get("attribute", "")))
            return self.resolved(said, dictionary, depth + 1) if said else self._missing(attributes.get("id", ""))

        return _REF.sub(reference, _TAG.sub(parameter, text))

    def _missing(self, name: str) -> str:
        self.missing.setdefault(name)
        return f"[{name}]"

    def _parameter(self, name: str, dictionary: str | None) -> str | None:
        maps = self._objects.get(dictionary or "", {}).get("parameterMaps")
        for one in maps if isinstance(maps, list) else ():
            if isinstance(one, dict) and one.get("tag") == name and isinstance(said := one.get("reference"), str):
                return said
        return None


def flattened(text: str) -> str:
    """Lines without markup; words that merely hold a '<' stay as they are."""
    if not _ELEMENT.search(text):
        return plain(text)
    return plain("\n".join(markup.lines(text)))


def worded(value: Any) -> str:
    """A value in words: a text, a number, a quantity, a range, a code."""
    match value:
        case bool() | None:
            return ""
        case str():
            return value
        case int() | Decimal():
            return number(value)
        case {"value": int() | Decimal() as count}:
            unit = worded(value.get("unit"))
            return f"{number(count)} {unit}".strip()
        case {"minValue": dict() as low, "maxValue": dict() as high}:
            return f"{worded(low)} to {worded(high)}"
        case {"standardCode": dict() as code}:
            return worded(code)
        case {"decode": str() as decode}:
            return decode
        case {"text": str() as text}:
            return text
        case {"label": str() as label}:
            return label
        case {"name": str() as name}:
            return name
    return ""


def number(value: Decimal | int) -> str:
    """A number without an empty fraction: 50.0 is 50."""
    if value == int(value):
        return str(int(value))
    return str(value)
