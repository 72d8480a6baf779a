"""fhirclient, the SMART client, whose models are R4's: with types that R5 did not reshape.

https://github.com/smart-on-fhir/client-py
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle
from fhirclient.models.capabilitystatement import CapabilityStatement
from fhirclient.models.fhirabstractbase import FHIRValidationError
from fhirclient.models.observation import Observation
from fhirclient.models.organization import Organization
from fhirclient.models.patient import Patient
from fhirclient.models.researchstudy import ResearchStudy
from fhirclient.server import FHIRNotFoundException, FHIRServer


@pytest.fixture
def server(base: str) -> Iterator[FHIRServer]:
    client = FHIRClient(settings={"app_id": "test", "api_base": base})
    yield client.server
    client.server.session.close()


def patient(system: str, value: str = "1", **content: Any) -> Patient:
    identifier = [{"system": system, "value": value}]
    return Patient({"resourceType": "Patient", "identifier": identifier, "name": [{"family": "Muster"}], **content})


def test_the_capability_statement_fits_the_model_of_r4_but_for_what_r5_added(server: FHIRServer) -> None:
    # The client asks for the statement when it logs in, which there is no need of here.
    with pytest.raises(FHIRValidationError, match="conditionalPatch"):
        server.get_capability()
    plain = server.request_json("metadata")
    for each in plain["rest"][0]["resource"]:
        each.pop("conditionalPatch", None)
    statement = CapabilityStatement(plain)
    assert statement.fhirVersion == "5.0.0"
    assert {"Patient", "ResearchStudy"} <= {each.type for each in statement.rest[0].resource}


def test_a_patient_is_created_read_updated_and_deleted(server: FHIRServer, system: str) -> None:
    made = patient(system, birthDate="1980-02-29").create(server)
    read = Patient.read(made["id"], server)
    assert read.as_json() == made
    assert read.birthDate.isostring == "1980-02-29"
    read.gender = "female"
    assert read.update(server)["meta"]["versionId"] == "2"
    assert read.delete(server) is None
    with pytest.raises(requests.HTTPError, match="410"):
        Patient.read(made["id"], server)
    with pytest.raises(FHIRNotFoundException):
        Patient.read("none", server)


def test_searches_page_chain_and_include(server: FHIRServer, system: str) -> None:
    made = [patient(system, str(number)).create(server)["id"] for number in range(5)]
    observation = {
        "resourceType": "Observation", "status": "final", "code": {"text": "weight"},
        "subject": {"reference": f"Patient/{made[0]}"}, "valueQuantity": {"value": 71.5, "unit": "kg"},
    }  # fmt: skip
    weight = Observation(observation).create(server)["id"]
    paged = Patient.where({"identifier": f"{system}|", "_count": "2"})
    assert sorted(found.id for found in paged.perform_resources_iter(server)) == sorted(made)
    search = Observation.where({"subject": {"identifier": f"{system}|0"}}).include("subject")
    found = {each.id: each for each in search.perform_resources_iter(server)}
    assert found.keys() == {weight, made[0]}
    assert found[weight].valueQuantity.value == 71.5


def test_a_transaction_of_r4_models_is_carried_out(server: FHIRServer, system: str) -> None:
    entries = [
        {"resource": resource, "request": {"method": "POST", "url": resource["resourceType"]}}
        for resource in (patient(system).as_json(), Organization({"name": system}).as_json())
    ]
    sent = Bundle({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    answer = Bundle(server.post_json("", sent.as_json()).json())
    assert [entry.response.status for entry in answer.entry] == ["201 Created", "201 Created"]
    found = list(Organization.where({"name": system}).perform_resources_iter(server))
    assert [each.name for each in found] == [system]


def test_what_r5_reshaped_the_models_of_r4_refuse_and_plain_json_gives(server: FHIRServer) -> None:
    study = {"resourceType": "ResearchStudy", "status": "active", "recruitment": {"targetNumber": 12}}
    place = f"ResearchStudy/{server.post_json('ResearchStudy', study).json()['id']}"
    with pytest.raises(FHIRValidationError, match="recruitment"):
        ResearchStudy.read_from(place, server)
    assert server.request_json(place)["recruitment"] == {"targetNumber": 12}
