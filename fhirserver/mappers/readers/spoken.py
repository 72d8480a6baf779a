"""What a record says of a thing beside the elements that FHIR has, in words: 'Dose unit: mg', one line a member.

https://hl7.org/fhir/R5/datatypes.html#Annotation
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from fhirserver.mappers.parts import Text, Value
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.plain import plain
from fhirserver.mappers.readers.usdm_text import number

Drop = Callable[[str], bool]
"""Whether a member is a key of the registry's own, which says nothing of the study."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|_+")


def label(name: str) -> str:
    """'maxDailyDoseAmount' is 'Max daily dose amount'."""
    words = " ".join(part if part.isupper() else part.casefold() for part in _HUMP.split(name) if part)
    return words[:1].upper() + words[1:]


def value(said: Any) -> str:
    """A value in words."""
    match said:
        case bool():
            return "yes" if said else "no"
        case int() | Decimal():
            return number(said)
        case _:
            return plain(str(said))


def lines(node: Node, drop: Drop, within: str = "") -> Iterator[Text]:
    """Everything nobody has read of a node and below it, save dropped members, which stay unread and are reported."""
    for name in node.rest():
        if drop(name):
            continue
        said = f"{within}{label(name)}"
        kind = node.kind(name)
        if kind is dict:
            yield from lines(node.child(name), drop, f"{said} – ")
        elif kind is list:
            yield from _list(node, name, drop, said)
        elif kind is not type(None) and (found := value(node.scalar(name))):
            yield Value(f"{said}: {found}", node.at(name))


def _list(node: Node, name: str, drop: Drop, said: str) -> Iterator[Text]:
    if node.holds_objects(name):
        found = node.children(name)
        for position, one in enumerate(found, 1):
            yield from lines(one, drop, f"{said} {position} – " if len(found) > 1 else f"{said} – ")
    elif words := [text for one in node.held(name) if (text := value(one))]:
        yield Value(f"{said}: {', '.join(words)}", node.at(name))


def paragraph(heading: str, node: Node, drop: Drop) -> Text | None:
    """All of it under a heading."""
    found = [one.value for one in lines(node, drop)]
    return Value("\n".join([heading, *found]), node.path) if found else None
