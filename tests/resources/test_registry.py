"""The generated tables say what the official definitions say."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.resources import registry
from fhirserver.resources.registry import RELEASES, Release
from tests.packages import package

CORE: dict[Release, str] = {"R5": "hl7.fhir.r5.core-5.0.0", "R4": "hl7.fhir.r4.examples-4.0.1"}
MORE_THAN_R4B = {
    *("EffectEvidenceSynthesis", "RiskEvidenceSynthesis", "MedicinalProduct", "MedicinalProductAuthorization"),
    *("MedicinalProductContraindication", "MedicinalProductIndication", "MedicinalProductIngredient"),
    *("MedicinalProductInteraction", "MedicinalProductManufactured", "MedicinalProductPackaged"),
    *("MedicinalProductPharmaceutical", "MedicinalProductUndesirableEffect", "SubstanceNucleicAcid"),
    *("SubstancePolymer", "SubstanceProtein", "SubstanceReferenceInformation", "SubstanceSourceMaterial"),
    "SubstanceSpecification",
}


def _official(release: Release, kind: str) -> list[dict[str, Any]]:
    files = sorted(package(CORE[release]).rglob(f"{kind}-*.json"))
    return [found for path in files if (found := fhirjson.loads(path.read_bytes())).get("resourceType") == kind]


@pytest.mark.parametrize(("release", "count"), [("R5", 158), ("R4", 146)])
def test_the_resource_types_are_the_official_ones(release: Release, count: int) -> None:
    official = {
        found["type"]
        for found in _official(release, "StructureDefinition")
        if found["kind"] == "resource" and not found["abstract"] and found.get("derivation") == "specialization"
    }
    assert registry.resource_types(release) == official
    assert len(official) == count


@pytest.mark.parametrize("release", RELEASES)
def test_every_type_that_an_element_names_is_there(release: Release) -> None:
    todo, seen = list(registry.resource_types(release)), set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        structure = registry.structure(release, name)
        assert structure is not None, name
        for element in structure.elements.values():
            todo.append(element.type)
            for target in element.targets:
                assert registry.structure(release, target) is not None, (name, element.name, target)
            if element.choice:
                assert element.name in structure.choices[element.choice]
    assert len(seen) > 600


@pytest.mark.parametrize("release", RELEASES)
def test_every_type_has_search_parameters_and_the_common_ones(release: Release) -> None:
    for type_ in registry.resource_types(release):
        found = registry.search_parameters(release, type_)
        assert {"_id", "_lastUpdated", "_profile", "_tag", "_security"} <= found.keys(), type_


def test_search_parameters_are_named_by_release() -> None:
    assert {"subject", "subject_state", "study"} <= registry.search_parameters("R5", "ResearchSubject").keys()
    r4 = registry.search_parameters("R4", "ResearchSubject")
    assert {"individual", "status", "study"} <= r4.keys()
    assert "subject_state" not in r4


@pytest.mark.parametrize("release", RELEASES)
def test_the_compartments_are_the_official_ones(release: Release) -> None:
    official = {
        found["code"]: {row["code"]: tuple(row["param"]) for row in found["resource"] if row.get("param")}
        for found in _official(release, "CompartmentDefinition")
        if "example" not in found["id"]
    }
    assert registry.compartments(release) == official
    assert official.keys() == {"Patient", "Encounter", "Practitioner", "RelatedPerson", "Device"}
    known = registry.resource_types(release)
    assert all(type_ in known for rows in official.values() for type_ in rows)


def test_fhir_resources_has_every_type_but_those_that_r4b_dropped() -> None:
    assert [type_ for type_ in registry.resource_types("R5") if registry.model("R5", type_) is None] == []
    missing = {type_ for type_ in registry.resource_types("R4") if registry.model("R4", type_) is None}
    assert missing == MORE_THAN_R4B


@pytest.mark.parametrize("release", RELEASES)
def test_required_value_sets_are_held_but_for_the_open_ones(release: Release) -> None:
    open_ = set()
    for type_ in registry.resource_types(release):
        structure = registry.structure(release, type_)
        assert structure is not None
        for element in structure.elements.values():
            if element.valueset and not registry.codes(release, element.valueset):
                open_.add(element.valueset.rsplit("/", 1)[-1])
    assert open_ <= {"all-languages", "currencies", "mimetypes", "color-codes"}


def test_what_is_not_there_is_none() -> None:
    assert registry.structure("R5", "Patiant") is None
    assert registry.model("R5", "Patiant") is None
    assert registry.codes("R5", "http://example.org") is None
    assert not registry.is_primitive("R5", "Patiant")
