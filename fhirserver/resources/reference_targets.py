"""References: a literal reference is well formed and names a type that the element allows.

https://hl7.org/fhir/R5/references.html#literal
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.fhirjson import literal
from fhirserver.resources.findings import Check, Findings, one, shown
from fhirserver.resources.registry import Release, resource_types

_ABSTRACT = frozenset(("Resource", "DomainResource", "CanonicalResource", "MetadataResource"))
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:").match
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]+)\?.").match


def named_type(release: Release, text: str) -> str | None:
    """The resource type a reference names; None when it names none (urn:uuid, #contained, any other URL)."""
    found = literal(text)
    if found is not None:
        return found.type if found.base is None or found.type in resource_types(release) else None
    search = _CONDITIONAL(text)
    return search[1] if search else None


def reference(release: Release, targets: frozenset[str]) -> Check:
    """The check of a Reference's content; an empty set allows every type."""
    known = resource_types(release)
    allowed = known if not targets or targets & _ABSTRACT else targets
    wanted = "any resource type" if allowed is known else f"{' or '.join(sorted(allowed))}"

    def check(value: Any) -> Findings | None:
        if type(value) is not dict:
            return None
        text = value.get("reference")
        if type(text) is str and text and text[0] != "#":
            kind = named_type(release, text)
            if kind is None:
                # A urn or a URL of another system names no type; what has no scheme and no Type/id is a slip.
                if not _ABSOLUTE(text):
                    return one(
                        "value",
                        f"{shown(text)} is no reference: write Type/id, an absolute URL, urn:uuid:… or #id.",
                        ".reference",
                    )
            elif kind not in allowed:
                if kind not in known:
                    return one("value", f"{shown(text)}: there is no resource type '{kind}'.", ".reference")
                return one("value", f"{shown(text)} names a {kind}: refer to {wanted} here.", ".reference")
        kind = value.get("type")
        if type(kind) is str and kind in known and kind not in allowed:
            return one("value", f"{shown(kind)} is not allowed here: refer to {wanted}.", ".type")
        return None

    return check


def codeable_reference(release: Release, targets: frozenset[str]) -> Check:
    """The same for the reference inside a CodeableReference."""
    inner = reference(release, targets)

    def check(value: Any) -> Findings | None:
        if type(value) is dict and "reference" in value:
            found = inner(value["reference"])
            return None if found is None else [f._replace(path=".reference" + f.path) for f in found]
        return None

    return check
