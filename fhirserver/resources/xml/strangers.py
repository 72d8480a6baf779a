"""The sentences about elements and attributes that do not belong where they stand.

https://hl7.org/fhir/R5/xml.html
"""

from __future__ import annotations

from fhirserver.resources.findings import shown
from fhirserver.resources.registry import Release
from fhirserver.resources.unknown_elements import unknown
from fhirserver.resources.xml.frames import Frame
from fhirserver.resources.xml.layout import FHIR, XHTML, Slot

_SCHEMA = "http://www.w3.org/2001/XMLSchema-instance"


def strange_element(release: Release, frame: Frame, namespace: str, name: str) -> tuple[str, str]:
    """The path of an element that the open one does not have, and what to do about it."""
    path = frame.path()
    where = f"{path}.{name[:64]}" if path else name[:64]
    if namespace == XHTML:
        return where, f"XHTML goes into the div of a narrative alone, not <{name[:64]}> here: take it out."
    if namespace != FHIR:
        has = f"the namespace {shown(namespace)}" if namespace else "no namespace"
        return where, f'<{name[:64]}> has {has}: write xmlns="{FHIR}" on the root element.'
    if frame.slot.kind == "container":
        return where, f"There is no resource type {shown(name)} in {release}."
    if frame.slot.type == "Narrative" and name == "div":
        return where, f'The div of a narrative is XHTML: write <div xmlns="{XHTML}">.'
    return where, unknown(release, frame.slot.type, name)


def strange_attribute(slot: Slot, namespace: str, name: str) -> str:
    """What to do about an attribute that the element does not have."""
    if namespace == _SCHEMA:
        return f"FHIR names no schema in its resources: take the attribute {shown(name)} out."
    if slot.kind == "root":
        return f"A resource has no attributes, so no {shown(name)}: write its properties as elements."
    if name == "value":
        return f"<{slot.name}> is of type {slot.type} and has no value of its own: write its elements."
    has = "'id' and 'value'" if slot.kind == "primitive" else "'id' and 'url'" if slot.type == "Extension" else "'id'"
    return f"<{slot.name}> has no attribute {shown(name)}, only {has}: take it out."
