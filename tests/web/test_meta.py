"""$meta, $meta-add and $meta-delete: labels as sets, versions as everywhere, changes that race all done."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from tests.web.conftest import Json

RED = {"system": "urn:example:colours", "code": "red", "display": "Red"}
BLUE = {"system": "urn:example:colours", "code": "blue"}
SECRET = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
PROFILE = "http://example.org/fhir/StructureDefinition/known-to-nobody"


def sent(**meta: Any) -> Json:
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": meta}]}


def labels(answer: httpx.Response) -> Json:
    assert answer.status_code == 200, answer.text
    (only,) = answer.json()["parameter"]
    assert only["name"] == "return"
    found: Json = only["valueMeta"]
    return found


@pytest.fixture
async def there(client: httpx.AsyncClient, patient: Json) -> httpx.AsyncClient:
    await client.put("/r5/Patient/a", json=patient | {"id": "a", "meta": {"tag": [RED], "source": "urn:example:here"}})
    return client


async def test_meta_of_a_resource_is_what_a_read_shows(there: httpx.AsyncClient) -> None:
    read = (await there.get("/r5/Patient/a")).json()["meta"]
    assert labels(await there.get("/r5/Patient/a/$meta")) == read
    assert labels(await there.post("/r5/Patient/a/$meta")) == read


async def test_labels_are_added_once_and_a_change_is_a_version(there: httpx.AsyncClient) -> None:
    again = RED | {"display": "Another word for it", "version": "2"}
    added = labels(await there.post("/r5/Patient/a/$meta-add", json=sent(tag=[again, BLUE, BLUE], security=[SECRET])))
    assert (added["tag"], added["security"], added["source"]) == ([RED, BLUE], [SECRET], "urn:example:here")
    assert added["versionId"] == "2"
    read = await there.get("/r5/Patient/a")
    assert (read.json()["meta"], read.headers["etag"]) == (added, 'W/"2"')
    assert labels(await there.get("/r5/Patient/a/_history/1/$meta"))["tag"] == [RED]
    assert labels(await there.get("/r5/Patient/a/_history/2/$meta")) == added
    unchanged = labels(await there.post("/r5/Patient/a/$meta-add", json=sent(tag=[BLUE], versionId="9", source="x:y")))
    assert unchanged == added
    found = (await there.get("/r5/Patient?_tag=urn:example:colours|blue&_security=R")).json()
    assert found["total"] == 1


async def test_labels_are_deleted_by_what_identifies_them(there: httpx.AsyncClient) -> None:
    await there.post("/r5/Patient/a/$meta-add", json=sent(tag=[BLUE], profile=[PROFILE, PROFILE + "|2"]))
    left = labels(
        await there.post(
            "/r5/Patient/a/$meta-delete", json=sent(tag=[RED | {"display": "x"}, SECRET], profile=[PROFILE])
        )
    )
    assert (left["tag"], left["profile"], left["versionId"]) == ([BLUE], [PROFILE + "|2"], "3")
    assert labels(await there.post("/r5/Patient/a/$meta-delete", json=sent(tag=[RED])))["versionId"] == "3"
    bare = labels(await there.post("/r5/Patient/a/$meta-delete", json=sent(tag=[BLUE], profile=[PROFILE + "|2"])))
    assert bare.keys() == {"versionId", "lastUpdated", "source"}
    assert (await there.get("/r5/Patient?_tag=blue")).json()["total"] == 0


async def test_a_type_and_the_server_list_each_label_in_use_once(there: httpx.AsyncClient) -> None:
    for at in range(3):
        tags = [RED, {"system": "urn:example:n", "code": f"{at}|%"}]
        await there.put(f"/r5/Patient/p{at}", json={"resourceType": "Patient", "id": f"p{at}", "meta": {"tag": tags}})
    await there.put("/r5/Group/g", json={
        "resourceType": "Group", "id": "g", "type": "person", "membership": "definitional",
        "meta": {"profile": [PROFILE], "tag": [RED], "security": [SECRET]},
    })  # fmt: skip
    of_patients = labels(await there.get("/r5/Patient/$meta"))
    assert of_patients.keys() == {"tag"}
    assert sorted(tag["code"] for tag in of_patients["tag"]) == ["0|%", "1|%", "2|%", "red"]
    of_all = labels(await there.get("/r5/$meta"))
    assert (of_all["profile"], of_all["security"]) == ([PROFILE], [SECRET])
    assert len(of_all["tag"]) == 4
    await there.delete("/r5/Group/g")
    assert "profile" not in labels(await there.post("/r5/$meta"))


async def test_nothing_in_use_is_no_value(client: httpx.AsyncClient) -> None:
    assert (await client.get("/r5/Patient/$meta")).json() == {"resourceType": "Parameters"}


async def test_changes_that_race_are_all_done(there: httpx.AsyncClient) -> None:
    tags = [{"system": "urn:example:n", "code": str(at)} for at in range(12)]
    answers = await asyncio.gather(*(there.post("/r5/Patient/a/$meta-add", json=sent(tag=[tag])) for tag in tags))
    assert {answer.status_code for answer in answers} == {200}
    meta = (await there.get("/r5/Patient/a")).json()["meta"]
    assert sorted(tag["code"] for tag in meta["tag"]) == sorted(["red", *(tag["code"] for tag in tags)])
    assert meta["versionId"] == "13"


async def test_the_members_of_a_group_and_the_digits_of_a_number_stay(client: httpx.AsyncClient) -> None:
    group = {
        "resourceType": "Group", "id": "g", "type": "person", "membership": "enumerated", "quantity": 2,
        "member": [{"entity": {"reference": f"Patient/{at}"}} for at in range(2)],
    }  # fmt: skip
    observation = (
        '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00}}'
    )
    await client.put("/r5/Group/g", json=group)
    await client.put("/r5/Observation/o", content=observation)
    for place in ("Group/g", "Observation/o"):
        labels(await client.post(f"/r5/{place}/$meta-add", json=sent(tag=[RED])))
    assert (await client.get("/r5/Group/g")).json()["member"] == group["member"]
    assert '"value":1.00' in (await client.get("/r5/Observation/o")).text


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "expression"),
    [
        ("GET", "Patient/none/$meta", None, 404, None),
        ("POST", "Patient/none/$meta-add", sent(tag=[RED]), 404, None),
        ("GET", "Patient/a/_history/7/$meta", None, 404, None),
        ("POST", "Patient/a/_history/1/$meta-add", sent(tag=[RED]), 404, None),
        ("POST", "Patient/$meta-add", sent(tag=[RED]), 404, None),
        ("GET", "Patient/a/$meta-add", None, 405, None),
        ("POST", "Patient/a/$meta-add", None, 400, "Parameters.parameter"),
        ("POST", "Patient/a/$meta-add", sent(tag=[{"code": 1}]), 400, "Parameters.parameter[0].value"),
        ("POST", "Patient/a/$meta-add", {"resourceType": "Patient"}, 400, "Parameters"),
        ("GET", "Patient/a/$meta?meta=x", None, 400, "meta"),
    ],
)  # fmt: skip
async def test_what_cannot_be_done_is_refused(
    there: httpx.AsyncClient, method: str, path: str, body: Json | None, status: int, expression: str | None
) -> None:
    answer = (
        await there.request(method, f"/r5/{path}", json=body) if body else await there.request(method, f"/r5/{path}")
    )
    assert answer.status_code == status, answer.text
    issue = answer.json()["issue"][0]
    assert expression is None or issue["expression"][0].startswith(expression)
    assert (await there.get("/r5/Patient/a")).json()["meta"]["versionId"] == "1"


async def test_a_deleted_resource_has_no_labels(there: httpx.AsyncClient) -> None:
    await there.delete("/r5/Patient/a")
    assert (await there.get("/r5/Patient/a/$meta")).status_code == 410
    assert (await there.post("/r5/Patient/a/$meta-add", json=sent(tag=[BLUE]))).status_code == 410
