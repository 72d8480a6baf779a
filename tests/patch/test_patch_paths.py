"""Paths of a FHIRPath Patch: what they may use, limits, and the release's own elements."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.errors import FhirError, TooCostly, TooLarge
from fhirserver.patch import fhirpath_patch, json_patch, paths
from fhirserver.patch.formats import FHIR_XML, from_resource, read, unsupported
from fhirserver.resources.fhirpath.compiler import FUNCTIONS
from fhirserver.resources.xml import to_xml
from tests.patch.parameters import parameters

Json = dict[str, Any]
PAGE = Path(__file__).parent.parent.parent / "docs" / "rest.md"
DELETE = {"type": "delete", "path": "Patient.birthDate"}


def test_the_page_lists_the_functions_that_paths_may_use() -> None:
    section = PAGE.read_text().split("## Patch")[1].split("\n## ")[0]
    said = set(re.findall(r"`(\w+)\(\)`", section)) | {"as", "is"}
    assert said == paths._FUNCTIONS <= {*FUNCTIONS, "is", "as", "ofType"}


@pytest.mark.parametrize("function", sorted({*FUNCTIONS} - paths._FUNCTIONS))
def test_all_other_functions_are_refused(function: str) -> None:
    with pytest.raises(FhirError) as refused:
        paths.path(f"Patient.name.where({function}())")
    assert refused.value.status == 400


def test_limits() -> None:
    with pytest.raises(TooLarge):
        fhirpath_patch.read("R5", parameters([DELETE] * (fhirpath_patch.MOST + 1)))
    with pytest.raises(TooLarge):
        json_patch.read([{"op": "remove", "path": "/x"}] * (json_patch.MOST + 1))
    with pytest.raises(TooLarge):
        paths.path("Patient" + ".name" * 500)


@pytest.mark.parametrize("path", ["(" * 900 + "Patient" + ")" * 900, "name" + ".where(given" * 150 + ")" * 150])
def test_nesting_is_understood_or_refused(path: str) -> None:
    before = {"resourceType": "Patient", "id": "a", "name": [{"given": ["b"]}]}
    with contextlib.suppress(FhirError):
        from_resource("R5", parameters([{"type": "delete", "path": path}]))(before)


def test_a_patch_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fhirpath_patch, "MOST_SECONDS", -1.0)
    with pytest.raises(TooCostly) as refused:
        from_resource("R5", parameters([DELETE]))({"resourceType": "Patient", "id": "a"})
    assert refused.value.issues[0].expression == ("Parameters.parameter[0]",)


def test_elements_are_those_of_the_release() -> None:
    request = {"resourceType": "MedicationRequest", "id": "a"}
    r4 = {"type": "add", "path": "MedicationRequest", "name": "medication"}
    change = from_resource("R4", parameters([r4 | {"value": {"valueCodeableConcept": {"text": "x"}}}]))
    assert change(request)["medicationCodeableConcept"] == {"text": "x"}
    with pytest.raises(FhirError):
        from_resource("R5", parameters([r4 | {"value": {"valueCodeableConcept": {"text": "x"}}}]))(request)
    r5 = r4 | {"value": {"valueCodeableReference": {"concept": {"text": "x"}}}}
    assert from_resource("R5", parameters([r5]))(request)["medication"] == {"concept": {"text": "x"}}


def test_xml_holds_the_same_patch() -> None:
    patch = parameters([{"type": "add", "path": "Patient", "name": "birthDate", "value": {"valueDate": "1980"}}])
    before = {"resourceType": "Patient", "id": "a"}
    assert read("R5", FHIR_XML, to_xml("R5", patch))(before) == from_resource("R5", patch)(before)


@pytest.mark.parametrize("media_type", ["application/xml-patch+xml", "application/merge-patch+json", "", "x" * 500])
def test_other_formats_are_told_those_that_are_read(media_type: str) -> None:
    with pytest.raises(FhirError) as refused:
        read("R5", media_type, b"x")
    assert (refused.value.status, refused.value.headers) == (415, unsupported("").headers)


def test_a_change_may_be_applied_again_and_again() -> None:
    value = {"valueIdentifier": {"system": "s", "value": "1", "assigner": {"display": "x"}}}
    operations = [
        {"type": "add", "path": "Patient", "name": "identifier", "value": value},
        {"type": "replace", "path": "Patient.identifier[0].assigner.display", "value": {"valueString": "y"}},
    ]
    change = from_resource("R5", parameters(operations))
    before = {"resourceType": "Patient", "id": "a"}
    once = change(before)
    assert fhirjson.dumps(change(before)) == fhirjson.dumps(once)
    assert [each["assigner"]["display"] for each in change(once)["identifier"]] == ["y", "x"]
