"""resolve() without a database: contained resources, and what a reference itself says about its target.

https://hl7.org/fhir/R5/fhirpath.html#functions
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhirserver import fhirjson

Json = dict[str, Any]


def reference_type(reference: Any, root: Json) -> str | None:
    """The type a reference points to: what it says, or what its literal or its contained resource shows."""
    text, told = _said(reference)
    if isinstance(text, str):
        if text.startswith("#"):
            found = (contained(text, root) or {}).get("resourceType")
            return found if isinstance(found, str) else None
        literal = fhirjson.literal(text)
        if literal:
            return literal.type
    return told.rsplit("/", 1)[-1] if isinstance(told, str) else None


def contained(text: str, root: Json) -> Json | None:
    """The resource that '#id' names within `root`; '#' is `root` itself."""
    if text == "#":
        return root
    inside = root.get("contained")
    for each in inside if isinstance(inside, list) else ():
        if isinstance(each, dict) and each.get("id") == text[1:]:
            return each
    return None


def resolved(reference: Any, root: Json, find: Callable[[str], Json | None]) -> Json | None:
    """The resource that is referred to.

    Of one that is elsewhere its type and id, as far as the reference shows its type: expressions ask for little more.
    None when the reference leads nowhere or does not say what to.
    """
    text, _ = _said(reference)
    if isinstance(text, str):
        if text.startswith("#"):
            return contained(text, root)
        known = find(text)
        if known is not None:
            return known
    kind = reference_type(reference, root)
    if kind is None:
        return None
    literal = fhirjson.literal(text) if isinstance(text, str) else None
    # What is written differently may be on another server: it is not the same.
    return {"resourceType": kind, "id": literal.id if literal else None, "reference": text}


def _said(reference: Any) -> tuple[Any, Any]:
    if isinstance(reference, dict):
        return reference.get("reference"), reference.get("type")
    return reference, None
