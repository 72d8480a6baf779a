"""Conditions within batches and transactions: https://hl7.org/fhir/R5/http.html#trules"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.web.conftest import Serve
from tests.web.test_bundles import bundle, entry, observation, patient

Json = dict[str, Any]
WHO = "identifier=urn:example:mrn|77"
KNOWN = patient(identifier=[{"system": "urn:example:mrn", "value": "77"}])


async def send(client: httpx.AsyncClient, kind: str, *entries: Json) -> list[Json]:
    answer = await client.post("/r5", json=bundle(kind, *entries))
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["entry"]
    return found


def statuses(entries: list[Json]) -> list[str]:
    return [each["response"]["status"].split()[0] for each in entries]


async def total(client: httpx.AsyncClient, query: str) -> int:
    found = (await client.get(f"/r5/{query}")).json()
    return int(found["total"])


async def test_a_conditional_reference_finds_what_the_same_transaction_creates(client: httpx.AsyncClient) -> None:
    made = await send(
        client,
        "transaction",
        entry("POST", "Observation", observation(f"Patient?{WHO}")),
        entry("POST", "Patient", KNOWN),
    )
    stored = (await client.get("/r5/" + made[0]["response"]["location"])).json()
    assert stored["subject"]["reference"] == made[1]["response"]["location"].partition("/_history")[0]


async def test_a_conditional_reference_finds_what_the_transaction_leaves(client: httpx.AsyncClient) -> None:
    for id_ in "abc":
        await client.put(f"/r5/Patient/{id_}", json=KNOWN | {"id": id_})
    made = await send(
        client,
        "transaction",
        entry("DELETE", "Patient/a"),
        entry("PUT", "Patient/b", patient(id="b")),
        entry("POST", "Observation", observation(f"Patient?{WHO}")),
    )
    stored = (await client.get("/r5/" + made[2]["response"]["location"])).json()
    assert stored["subject"]["reference"] == "Patient/c", "one was deleted and one lost the identifier"
    refused = await client.post(
        "/r5",
        json=bundle(
            "transaction", entry("POST", "Patient", KNOWN), entry("POST", "Observation", observation(f"Patient?{WHO}"))
        ),
    )
    assert refused.status_code == 412
    assert refused.json()["issue"][0]["code"] == "multiple-matches"
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[1].resource"]


async def test_two_conditional_creates_of_one_condition_make_one_resource(client: httpx.AsyncClient) -> None:
    made = await send(
        client,
        "transaction",
        entry("POST", "Patient", KNOWN, fullUrl="urn:uuid:00000000-0000-4000-8000-000000000001", ifNoneExist=WHO),
        entry("POST", "Patient", KNOWN, fullUrl="urn:uuid:00000000-0000-4000-8000-000000000002", ifNoneExist=WHO),
        entry("POST", "Observation", observation("urn:uuid:00000000-0000-4000-8000-000000000002")),
    )
    assert statuses(made) == ["201", "200", "201"]
    assert made[0]["response"]["location"] == made[1]["response"]["location"]
    assert await total(client, f"Patient?{WHO}") == 1
    assert await total(client, f"Observation?subject={made[0]['fullUrl']}") == 1


@pytest.mark.parametrize("first", ["POST", "PUT"])
async def test_two_entries_that_would_both_write_what_matches_are_refused(
    client: httpx.AsyncClient, first: str
) -> None:
    one = entry("POST", "Patient", KNOWN, ifNoneExist=WHO) if first == "POST" else entry("PUT", f"Patient?{WHO}", KNOWN)
    answer = await client.post("/r5", json=bundle("transaction", one, entry("PUT", f"Patient?{WHO}", KNOWN)))
    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["code"] == "duplicate"
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[0]", "Bundle.entry[1]"]
    assert await total(client, f"Patient?{WHO}") == 0


async def test_if_none_match_lets_an_entry_create_but_not_replace(client: httpx.AsyncClient) -> None:
    write = entry("PUT", "Patient/a", KNOWN | {"id": "a"}, ifNoneMatch="*")
    assert statuses(await send(client, "transaction", write)) == ["201"]
    refused = await client.post("/r5", json=bundle("transaction", entry("PUT", "Patient/b", patient(id="b")), write))
    assert refused.status_code == 412
    assert (await client.get("/r5/Patient/b")).status_code == 404
    alone = await send(client, "batch", entry("PUT", "Patient/b", patient(id="b")), write)
    assert statuses(alone) == ["201", "412"]
    assert alone[1]["response"]["outcome"]["issue"][0]["code"] == "conflict"


async def test_reads_under_a_condition_say_that_nothing_changed(client: httpx.AsyncClient) -> None:
    made = (await client.put("/r5/Patient/a", json=KNOWN | {"id": "a"})).json()
    when = made["meta"]["lastUpdated"]
    found = await send(
        client,
        "batch",
        entry("GET", "Patient/a", ifNoneMatch='W/"1"'),
        entry("GET", "Patient/a", ifNoneMatch='W/"2"'),
        entry("GET", "Patient/a", ifModifiedSince=when),
        entry("GET", "Patient/a", ifModifiedSince="2001-01-01T00:00:00Z"),
        entry("GET", "Patient/a", ifModifiedSince="yesterday"),
        entry("HEAD", "Patient/a"),
        entry("HEAD", "Patient/none"),
    )
    assert statuses(found) == ["304", "200", "304", "200", "400", "200", "404"]
    assert [number for number, each in enumerate(found) if "resource" in each] == [1, 3]
    assert found[5]["response"]["etag"] == 'W/"1"'


@pytest.mark.parametrize("way", ["alone", "batch", "transaction"])
async def test_a_conditional_delete_of_several_is_done_where_the_setting_allows_it(serve: Serve, way: str) -> None:
    async def ask(client: httpx.AsyncClient) -> str:
        if way == "alone":
            return str((await client.delete("/r5/Patient?name=muster")).status_code)
        answer = await client.post("/r5", json=bundle(way, entry("DELETE", "Patient?name=muster")))
        return (
            answer.json()["entry"][0]["response"]["status"].split()[0] if answer.is_success else str(answer.status_code)
        )

    async with serve() as client:
        for id_ in "abc":
            await client.put(f"/r5/Patient/{id_}", json=KNOWN | {"id": id_})
        assert await ask(client) == "412"
        assert await total(client, "Patient") == 3
    async with serve(conditional_delete="multiple") as client:
        assert await ask(client) == "204"
        assert await total(client, "Patient") == 0
        assert (await client.get("/r5/Patient/b")).status_code == 410
        assert await ask(client) == "204", "nothing is left to delete"


async def test_racing_transactions_with_conditional_references_agree(client: httpx.AsyncClient) -> None:
    async def one() -> int:
        sent = bundle(
            "transaction",
            entry("POST", "Patient", KNOWN, ifNoneExist=WHO),
            entry("POST", "Observation", observation(f"Patient?{WHO}")),
        )
        return (await client.post("/r5", json=sent)).status_code

    assert set(await asyncio.gather(*(one() for _ in range(20)))) == {200}
    assert await total(client, f"Patient?{WHO}") == 1
    who = (await client.get(f"/r5/Patient?{WHO}")).json()["entry"][0]["resource"]["id"]
    assert await total(client, f"Observation?subject=Patient/{who}") == 20


async def test_a_transaction_of_five_thousand_entries_links_all_of_them(client: httpx.AsyncClient) -> None:
    urn = "urn:uuid:00000000-0000-4000-8000-{:012d}".format
    entries = [entry("POST", "Patient", patient(), fullUrl=urn(n)) for n in range(1000)]
    entries += [entry("POST", "Observation", observation(urn(n % 1000))) for n in range(4000)]
    made = await send(client, "transaction", *entries)
    assert statuses(made) == ["201"] * 5000
    assert await total(client, "Patient?_summary=count") == 1000
    assert await total(client, f"Observation?subject={made[7]['fullUrl']}") == 4


def enrolment(subject: str) -> Json:
    return {
        "resourceType": "Parameters",
        "parameter": [{"name": "subject", "valueReference": {"reference": subject}}],
    }


async def test_an_operation_is_part_of_a_transaction_and_sees_what_it_writes(client: httpx.AsyncClient) -> None:
    study = {"resourceType": "ResearchStudy", "id": "s", "status": "active", "title": "A study"}
    urn = "urn:uuid:00000000-0000-4000-8000-000000000001"
    made = await send(
        client,
        "transaction",
        entry("POST", "ResearchStudy/s/$enroll", enrolment(urn)),
        entry("PUT", "ResearchStudy/s", study),
        entry("POST", "Patient", patient(), fullUrl=urn),
    )
    assert statuses(made) == ["201", "201", "201"]
    assert made[0]["resource"]["subject"]["reference"] == made[2]["response"]["location"].partition("/_history")[0]
    again = bundle(
        "transaction",
        entry("POST", "Patient", patient()),
        entry("POST", "ResearchStudy/s/$enroll", enrolment("Patient/no")),
    )
    before = await total(client, "Patient")
    refused = await client.post("/r5", json=again)
    assert refused.status_code == 422
    assert refused.json()["issue"][0]["expression"][0].startswith("Bundle.entry[1].resource")
    assert await total(client, "Patient") == before, "all or nothing"


async def test_operations_of_a_batch_stand_each_for_itself(client: httpx.AsyncClient) -> None:
    await client.put("/r5/Patient/a", json=KNOWN | {"id": "a", "meta": {"tag": [{"code": "x"}]}})
    found = await send(
        client,
        "batch",
        entry("GET", "Patient/a/$meta"),
        entry("POST", "Patient/a/$nothing", enrolment("Patient/a")),
        entry("POST", "ResearchStudy/none/$enroll", enrolment("Patient/a")),
        entry("DELETE", "Patient/a/$meta"),
    )
    assert statuses(found) == ["200", "404", "404", "405"]
    assert found[0]["resource"]["parameter"][0]["valueMeta"]["tag"] == [{"code": "x"}]


async def test_two_entries_of_one_full_url_are_refused(client: httpx.AsyncClient) -> None:
    urn = "urn:uuid:00000000-0000-4000-8000-000000000001"
    sent = bundle(
        "transaction",
        entry("POST", "Patient", patient(), fullUrl=urn),
        entry("POST", "Patient", patient(), fullUrl=urn),
    )
    answer = await client.post("/r5", json=sent)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["Bundle.entry[0].fullUrl", "Bundle.entry[1].fullUrl"]
    assert await total(client, "Patient") == 0


async def test_histories_are_read_in_a_bundle_and_see_what_it_writes(client: httpx.AsyncClient) -> None:
    await client.put("/r5/Patient/a", json=KNOWN | {"id": "a"})
    found = await send(
        client,
        "transaction",
        entry("PUT", "Patient/a", patient(id="a")),
        entry("GET", "Patient/a/_history?_count=1"),
        entry("GET", "Patient/_history"),
        entry("GET", "_history"),
        entry("HEAD", "Patient/a/_history"),
    )
    assert statuses(found) == ["200"] * 5
    assert found[1]["resource"]["entry"][0]["resource"]["meta"]["versionId"] == "2"
    assert len(found[2]["resource"]["entry"]) == 2
    assert found[3]["resource"]["type"] == "history"
    assert "resource" not in found[4]
    refused = await send(client, "batch", entry("GET", "Nothing/_history"), entry("GET", "Patient/none/_history"))
    assert statuses(refused) == ["404", "404"]


async def test_a_patch_in_a_transaction_links_to_its_other_entries(client: httpx.AsyncClient) -> None:
    await client.put("/r5/Observation/o", json=observation("Patient/old") | {"id": "o"})
    urn = "urn:uuid:00000000-0000-4000-8000-000000000001"
    replace = {
        "name": "operation",
        "part": [
            {"name": "type", "valueCode": "replace"},
            {"name": "path", "valueString": "Observation.subject"},
            {"name": "value", "valueReference": {"reference": urn}},
        ],
    }
    made = await send(
        client,
        "transaction",
        entry("PATCH", "Observation/o", {"resourceType": "Parameters", "parameter": [replace]}),
        entry("POST", "Patient", patient(), fullUrl=urn),
    )
    assert statuses(made) == ["200", "201"]
    stored = (await client.get("/r5/Observation/o")).json()
    assert stored["subject"]["reference"] == made[1]["response"]["location"].partition("/_history")[0]
