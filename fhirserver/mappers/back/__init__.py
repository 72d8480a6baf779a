"""The way back: a ClinicalTrials.gov v2 record from the FHIR resources of its study, and from nothing else.

https://clinicaltrials.gov/data-api/about-api/study-data-structure, docs/mapping.md
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered, gathered, of_bundle
from fhirserver.mappers.back.registry import ANNOTATIONS, DERIVED, DOCUMENTS
from fhirserver.mappers.back.results import RESULTS
from fhirserver.mappers.back.sections import PROTOCOL
from fhirserver.mappers.back.shape import pruned

__all__ = ["SECTIONS", "rebuilt", "rebuilt_bundle"]

Module = Callable[[Gathered], Resource]
"""One module of the record; what it leaves empty is left out."""

SECTIONS: dict[str, Mapping[str, Module]] = {
    "protocolSection": PROTOCOL,
    "resultsSection": RESULTS,
    "annotationSection": ANNOTATIONS,
    "documentSection": DOCUMENTS,
    "derivedSection": DERIVED,
}
"""The sections of a record and their modules, in the registry's order."""


def rebuilt(resources: Iterable[Resource], study: str | None = None) -> Resource:
    """The record of a study, from resources that refer to each other as Type/id; `study` is its id where several are.

    Raises BadRequest where there is no such study among them.
    """
    return _record(gathered({f"{one['resourceType']}/{one['id']}": one for one in resources}, study))


def rebuilt_bundle(bundle: Resource) -> Resource:
    """The record of the study in a Bundle, whose entries refer to each other by fullUrl."""
    return _record(gathered(of_bundle(bundle)))


def _record(found: Gathered) -> Resource:
    record: Resource = {}
    for name, modules in SECTIONS.items():
        section = {module: pruned(build(found)) for module, build in modules.items()}
        if kept := {module: value for module, value in section.items() if value}:
            record[name] = kept
    record["hasResults"] = "resultsSection" in record
    return record
