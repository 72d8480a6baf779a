"""Functions of strings.

https://hl7.org/fhirpath/N1/#string-manipulation
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.table import Function, Table
from fhirserver.resources.fhirpath.values import Items, text, whole


def _on_text(change: Callable[..., object]) -> Callable[..., Items]:
    """A function of a string and of strings; empty when any of them is."""

    def call(_: Environment, items: Items, *arguments: Items) -> Items:
        values = [text(each) for each in (items, *arguments)]
        return [] if None in values else [change(*values)]

    return call


def _substring(_: Environment, items: Items, start: Items, length: Items | None = None) -> Items:
    value, at = text(items), whole(start)
    if value is None or at is None or not 0 <= at < len(value):
        return []
    many = None if length is None else whole(length)
    return [value[at:] if many is None else value[at : at + max(many, 0)]]


def _split(_: Environment, items: Items, separator: Items) -> Items:
    value, by = text(items), text(separator)
    if value is None or by is None:
        return []
    return [part for part in value.split(by) if part] if by else list(value)


def _join(_: Environment, items: Items, separator: Items | None = None) -> Items:
    return [(text(separator or []) or "").join(str(text([item]) or "") for item in items)]


STRINGS: Table = MappingProxyType(
    {
        "replace": Function(_on_text(lambda value, old, new: value.replace(old, new)), 2, 2),
        "startsWith": Function(_on_text(lambda value, part: value.startswith(part)), 1, 1),
        "endsWith": Function(_on_text(lambda value, part: value.endswith(part)), 1, 1),
        "contains": Function(_on_text(lambda value, part: part in value), 1, 1),
        "indexOf": Function(_on_text(lambda value, part: value.find(part)), 1, 1),
        "lastIndexOf": Function(_on_text(lambda value, part: value.rfind(part)), 1, 1),
        "length": Function(_on_text(len)),
        "upper": Function(_on_text(str.upper)),
        "lower": Function(_on_text(str.lower)),
        "trim": Function(_on_text(str.strip)),
        "toChars": Function(lambda _, items: list(text(items) or "")),
        "substring": Function(_substring, 1, 2),
        "split": Function(_split, 1, 1),
        "join": Function(_join, 0, 1),
    }
)
