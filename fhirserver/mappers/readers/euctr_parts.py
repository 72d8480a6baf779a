"""What the parts of an EU Clinical Trials Register record's results have in common.

https://www.clinicaltrialsregister.eu/about.html (EudraCT results, schema 1.x, as JSON)
"""

from __future__ import annotations

from fhirserver.mappers.readers import spoken
from fhirserver.mappers.readers.node import Node


def several(node: Node, name: str, part: str) -> list[Node]:
    """The parts in a member: XML that became JSON has a list only where there were two."""
    if node.kind(name) is not dict:
        return []
    inner = node.child(name)
    return [inner.child(part)] if inner.kind(part) is dict else inner.children(part) if inner.kind(part) is list else []


def value(node: Node, name: str) -> str | None:
    """'ARM_TYPE.experimental' is experimental."""
    if node.kind(name) is not dict:
        return None
    said = node.child(name).line("value")
    return said.rpartition(".")[2] if said else None


def worded(code: str | None) -> str | None:
    """A code as people say it."""
    return spoken.label(code) if code else None


def said_of(node: Node, name: str) -> str | None:
    """A value; XML's empty element has become an object."""
    return node.line(name) if node.kind(name) is str else None
