"""fhirpy, asynchronous and synchronous: https://github.com/beda-software/fhir-py"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

Client = AsyncFHIRClient | SyncFHIRClient


@pytest.fixture(params=[AsyncFHIRClient, SyncFHIRClient], ids=["async", "sync"])
def client(request: pytest.FixtureRequest, base: str) -> Client:
    found: Client = request.param(base)
    return found


async def done(result: Any) -> Any:
    """What a call gives: both clients have the same calls, and those of one are awaited."""
    return await result if inspect.isawaitable(result) else result


def patient(client: Client, system: str, value: str = "1", **content: Any) -> Any:
    return client.resource(
        "Patient", identifier=[{"system": system, "value": value}], name=[{"family": "Muster"}], **content
    )


async def test_a_resource_is_created_read_updated_and_deleted(client: Client, system: str) -> None:
    made = patient(client, system)
    await done(made.save())
    assert made.id
    assert made["meta"]["versionId"] == "1"
    made["gender"] = "female"
    await done(made.update())
    assert made["meta"]["versionId"] == "2"
    again = await done(client.reference("Patient", made.id).to_resource())
    assert again.serialize() == made.serialize()
    await done(made.refresh())
    assert made["gender"] == "female"
    await done(made.delete())
    with pytest.raises(ResourceNotFound):
        await done(client.get("Patient", made.id))


async def test_searches_are_chained_counted_and_sorted(client: Client, system: str) -> None:
    for number in range(5):
        await done(patient(client, system, str(number), birthDate=f"1980-01-0{number + 1}").save())
    own = client.resources("Patient").search(identifier=f"{system}|")
    assert await done(own.count()) == 5
    first = await done(own.sort("-birthdate").first())
    assert first["birthDate"] == "1980-01-05"
    found = await done(own.search(birthdate__ge="1980-01-03").sort("birthdate").limit(2).fetch())
    assert [each["birthDate"] for each in found] == ["1980-01-03", "1980-01-04"]
    one = await done(client.resources("Patient").search(identifier=f"{system}|3").get())
    assert one["birthDate"] == "1980-01-04"
    with pytest.raises(MultipleResourcesFound):
        await done(own.get())
    with pytest.raises(ResourceNotFound):
        await done(own.search(birthdate="1700").get())
    some = await done(own.elements("birthDate").fetch())
    assert all("birthDate" in each for each in some)


async def test_every_page_is_fetched(client: Client, system: str) -> None:
    for number in range(7):
        await done(patient(client, system, str(number)).save())
    found = await done(client.resources("Patient").search(identifier=f"{system}|").limit(2).fetch_all())
    assert sorted(each["identifier"][0]["value"] for each in found) == [str(number) for number in range(7)]


async def test_references_chains_and_includes_are_followed(client: Client, system: str) -> None:
    subject = await done(patient(client, system).create())
    observation = client.resource(
        "Observation", status="final", code={"text": "weight"}, subject=subject.to_reference(),
        valueQuantity={"value": 71.5, "unit": "kg"},
    )  # fmt: skip
    await done(observation.save())
    assert (await done(observation["subject"].to_resource())).id == subject.id
    observations = client.resources("Observation")
    chained = await done(observations.search(patient__identifier=f"{system}|1").fetch())
    assert [each.id for each in chained] == [observation.id]
    bundle = await done(observations.search(patient=subject).include("Observation", "patient").fetch_raw())
    assert {entry["resource"]["id"] for entry in bundle["entry"]} == {observation.id, subject.id}
    back = client.resources("Patient").search(_id=subject.id).revinclude("Observation", "patient")
    assert len((await done(back.fetch_raw()))["entry"]) == 2
    has = client.resources("Patient").has("Observation", "patient", code__text="weight")
    assert subject.id in {each.id for each in await done(has.fetch())}


async def test_conditional_create_update_and_delete_act_on_the_one_match(client: Client, system: str) -> None:
    own = client.resources("Patient").search(identifier=f"{system}|1")
    made, created = await done(own.get_or_create(patient(client, system)))
    same, again = await done(own.get_or_create(patient(client, system)))
    assert (created, again, same.id) == (True, False, made.id)
    updated, created = await done(own.update(patient(client, system, gender="male")))
    assert (created, updated.id, updated["gender"]) == (False, made.id, "male")
    assert (await done(own.delete()))[1] == 204
    assert await done(own.count()) == 0
    for _ in range(2):
        await done(patient(client, system).save())
    with pytest.raises(MultipleResourcesFound):
        await done(own.get_or_create(patient(client, system)))


async def test_a_transaction_and_a_batch_are_executed(client: Client, system: str) -> None:
    urn = "urn:uuid:00000000-0000-4000-8000-000000000001"
    observation = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": urn}
    }  # fmt: skip
    entries = [
        {
            "fullUrl": urn,
            "resource": patient(client, system).serialize(),
            "request": {"method": "POST", "url": "Patient"},
        },
        {"resource": observation, "request": {"method": "POST", "url": "Observation"}},
    ]
    answer = await done(client.execute("", data={"resourceType": "Bundle", "type": "transaction", "entry": entries}))
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created", "201 Created"]
    found = await done(client.resources("Observation").search(patient__identifier=f"{system}|1").fetch())
    assert len(found) == 1
    reads = [{"request": {"method": "GET", "url": url}} for url in ("Patient/none", f"Patient?identifier={system}|1")]
    answer = await done(client.execute("", data={"resourceType": "Bundle", "type": "batch", "entry": reads}))
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["404", "200"]


async def test_a_refusal_reaches_the_program_as_an_operation_outcome(client: Client, system: str) -> None:
    with pytest.raises(OperationOutcome) as refused:
        await done(patient(client, system, gender="robot").save())
    assert refused.value.resource["issue"][0]["expression"] == ["Patient.gender"]


async def test_the_clients_own_kind_of_patch_is_refused_in_words(client: Client, system: str) -> None:
    # fhirpy sends part of a resource as application/json: a merge patch, which R5 does not have.
    made = await done(patient(client, system).create())
    with pytest.raises(OperationOutcome) as refused:
        await done(made.patch(gender="female"))
    assert refused.value.resource["issue"][0]["diagnostics"]
    assert "gender" not in await done(client.get("Patient", made.id))


async def test_a_resource_is_validated_before_it_is_sent(client: Client, system: str) -> None:
    assert await done(patient(client, system).is_valid()) is True
    assert await done(patient(client, system, gender="robot").is_valid()) is False
