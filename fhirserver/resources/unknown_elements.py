"""The sentence about an element that a type does not have: the nearest name, or the release that has it.

https://hl7.org/fhir/R5/resourcelist.html
"""

from __future__ import annotations

from difflib import get_close_matches

from fhirserver.resources.findings import shown
from fhirserver.resources.registry import RELEASES, Release, is_primitive, structure


def unknown(release: Release, type_: str, name: str) -> str:
    """Says that `type_` has no element `name`, and what to do."""
    found = structure(release, type_)
    assert found is not None
    said = f"{release} {type_} has no element {shown(name)}"
    bare = name.removeprefix("_")
    if name != bare and bare in found.elements and not is_primitive(release, found.elements[bare].type):
        return f"{said}: only primitive elements have a sibling with an underscore; put its extensions inside '{bare}'."
    if name in found.choices:
        listed = found.choices[name]
        return f"{said}: write its type too, {', '.join(listed[:12])}{' …' if len(listed) > 12 else ''}."
    near = get_close_matches(bare[:64], list(found.elements), 1, 0.75)
    for other in RELEASES:
        if other != release and (theirs := structure(other, type_)) and bare in theirs.elements:
            remedy = f"use '{near[0]}'" if near else f"see what {release} has instead"
            return f"{said}: it belongs to {other}; {remedy}."
    return f"{said}: did you mean '{near[0]}'?" if near else f"{said}: take it out."
