"""Small changes that several types share.

https://hl7.org/fhir/R5/json.html#primitive
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver.releases.parts import Node, Walk


def moved(form: Node, name: str, other: str, walk: Walk) -> Node:
    """A primitive under another name, with its sibling."""
    made: Node = {other: form[name]} if name in form else {}
    return made | ({"_" + other: walk("Element", form["_" + name])} if "_" + name in form else {})


def coded_as(concept: Any, system: str) -> str | None:
    """The code of a concept in a code system; a coding without a system counts."""
    for coding in concept.get("coding", ()):
        if coding.get("system", system) == system and isinstance(coding.get("code"), str):
            return str(coding["code"])
    return None


def first_coding(concepts: Sequence[Node], walk: Walk) -> Node | None:
    """The first coding of the first concept."""
    for concept in concepts:
        for coding in concept.get("coding", ()):
            found: Node = walk("Coding", coding)
            return found
    return None
