"""A mapped record as R4 writes it: what R4 has no resource for is left out, and said.

https://hl7.org/fhir/R4/resourcelist.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Any

from fhirserver.errors import Issue
from fhirserver.releases import converted
from fhirserver.resources.registry import has_lens, resource_types

Resource = dict[str, Any]

_REGISTRY = "https://clinicaltrials.gov/study/"


def in_r4(bundle: Resource) -> tuple[Resource, tuple[Issue, ...]]:
    """A transaction of R5 as one of R4, and which types of resources are not in it.

    References to what is left out are left out too; of posted results the study tells where they are.
    """
    left = [entry for entry in bundle["entry"] if not _is_known(entry["resource"]["resourceType"])]
    gone = {entry["fullUrl"] for entry in left}
    kept = []
    for entry in bundle["entry"]:
        if entry["fullUrl"] not in gone:
            resource = entry["resource"]
            if gone:
                resource = _without(_told(resource, gone), gone)
            kept.append(entry | {"resource": converted(resource, "R5", "R4")})
    counts = Counter(entry["resource"]["resourceType"] for entry in left)
    return bundle | {"entry": kept}, tuple(_issue(type_, count) for type_, count in sorted(counts.items()))


def _is_known(type_: str) -> bool:
    return has_lens(type_) and type_ in resource_types("R4")


def _issue(type_: str, count: int) -> Issue:
    said = f"{count} resources of type {type_} are left out: they have no form in R4; ask for R5 to have them."
    return Issue("warning", "not-supported", said, ("Bundle.entry",))


def _told(resource: Resource, gone: Container[str]) -> Resource:
    """A study with results that are left out says where its registry shows them."""
    if resource["resourceType"] != "ResearchStudy" or not _points(resource.get("result", ()), gone):
        return resource
    known = resource.get("relatedArtifact", ())
    records = (one.get("document", {}).get("url", "") for one in known)
    record = next((url for url in records if url.startswith(_REGISTRY)), None)
    if record is None:
        return resource
    results = {"type": "documentation", "display": "Posted results", "document": {"url": f"{record}?tab=results"}}
    return resource | {"relatedArtifact": [*known, results]}


def _points(references: Any, gone: Container[str]) -> bool:
    return any(one.get("reference") in gone for one in references)


def _without(value: Any, gone: Container[str]) -> Any:
    """A value without its references to what is gone, and without what then holds nothing; None if that is all."""
    if isinstance(value, list):
        return [made for one in value if (made := _without(one, gone)) is not None] or None
    if not isinstance(value, dict):
        return value
    reference = value.get("reference")
    if isinstance(reference, str) and reference in gone:
        return None
    made = {name: left for name, one in value.items() if (left := _without(one, gone)) is not None}
    return made or None
