"""What a ClinicalTrials.gov study says of itself that FHIR has no element for, in words.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#StatusModule
"""

from __future__ import annotations

from fhirserver.mappers.parts import Text, Value
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.study_facts import ACCESS, ACCESS_TYPES, DELAYED, POINTERS, TWICE


def facts(protocol: Node) -> tuple[Text, ...]:
    """Expanded access, and results that are late."""
    status, design = protocol.child("statusModule"), protocol.child("designModule")
    found: list[Text] = []
    if (late := status.flag("delayedPosting")) and late.value:
        found.append(Value(DELAYED, late.path))
    if offered := status.child("expandedAccessInfo").flag("hasExpandedAccess"):
        found.append(Value(ACCESS[offered.value], offered.path))
    kinds = design.child("expandedAccessTypes")
    for name, (yes, no) in ACCESS_TYPES.items():
        if kind := kinds.flag(name):
            found.append(Value(yes if kind.value else no, kind.path))
    pointers = design.count("nPtrsToThisExpAccNctId")
    if pointers is not None:
        found.append(Value(f"{POINTERS}: {pointers}", design.at("nPtrsToThisExpAccNctId")))
    return tuple(found)


def record_facts(protocol: Node) -> tuple[Text, ...]:
    """What collections of records have added to what the registry writes."""
    copy = protocol.child("contactsLocationsModule").same("locations_nested", "locations")
    return (Value(TWICE, copy.path),) if copy else ()
