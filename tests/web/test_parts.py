"""_summary and _elements on every interaction that reads, and what becomes of a part that is written."""

from __future__ import annotations

import httpx
import pytest

from tests.web.conftest import Json

NARRATIVE = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">Anna</div>'}


def is_part(resource: Json) -> bool:
    return "SUBSETTED" in [tag["code"] for tag in resource["meta"].get("tag", ())]


@pytest.fixture
async def there(client: httpx.AsyncClient, patient: Json) -> httpx.AsyncClient:
    await client.put(
        "/r5/Organization/o", json={"resourceType": "Organization", "id": "o", "name": "O", "text": NARRATIVE}
    )
    whole = patient | {"id": "a", "text": NARRATIVE, "managingOrganization": {"reference": "Organization/o"}}
    await client.put("/r5/Patient/a", json=whole)
    return client


@pytest.mark.parametrize(
    "path",
    [
        "Patient/a?{}",
        "Patient/a/_history/1?{}",
        "Patient?_id=a&{}",
        "Patient/a/_history?{}",
        "Patient/_history?{}",
        "Patient/a/$everything?_type=Patient&{}",
    ],
)
async def test_every_reading_interaction_gives_parts(there: httpx.AsyncClient, path: str) -> None:
    async def read(asked: str) -> Json:
        answer = await there.get(f"/r5/{path.format(asked)}")
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        if body["resourceType"] == "Bundle":
            links = [link["url"] for link in body["link"] if link["relation"] == "self"]
            assert not asked or asked in links[0].replace("%5B", "[").replace("%5D", "]")
            found: Json = body["entry"][0]["resource"]
            return found
        return body

    whole = await read("")
    assert not is_part(whole)
    assert await read("_summary=false") == whole
    summary = await read("_summary=true")
    assert is_part(summary)
    assert "text" not in summary
    assert "name" in summary
    text = await read("_summary=text")
    assert set(text) == {"resourceType", "id", "meta", "text"}
    data = await read("_summary=data")
    assert set(whole) - set(data) == {"text"}
    elements = await read("_elements=birthDate,Patient.identifier")
    assert set(elements) == {"resourceType", "id", "meta", "birthDate", "identifier"}
    assert elements["meta"]["versionId"] == "1"


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("Patient/a?_summary=yes", "_summary"),
        ("Patient/a?_summary=count", "_summary"),
        ("Patient/a?_elements=nothing", "_elements"),
        ("Patient?_elements=name.family", "_elements"),
        ("Patient?_summary=some", "_summary"),
        ("Patient?_summary=text&_include=Patient:organization", "_summary"),
        ("Patient?_summary=true&_elements=name", "_elements"),
        ("Patient/a/_history?_elements=nothing", "_elements"),
        ("_history?_summary=x", "_summary"),
        ("Patient/a/$everything?_summary=count", "_summary"),
        ("Patient/a/$everything?_elements=nothing-has-this", "_elements"),
    ],
)
async def test_what_is_no_part_is_refused(there: httpx.AsyncClient, path: str, where: str) -> None:
    answer = await there.get(f"/r5/{path}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["expression"] == [where]


async def test_included_resources_are_whole_unless_their_type_is_named(there: httpx.AsyncClient) -> None:
    search = "/r5/Patient?_include=Patient:organization"
    patient, organization = (
        entry["resource"] for entry in (await there.get(f"{search}&_elements=name")).json()["entry"]
    )
    assert (is_part(patient), is_part(organization)) == (True, False)
    patient, organization = (
        entry["resource"] for entry in (await there.get(f"{search}&_elements=name,Organization.alias")).json()["entry"]
    )
    assert set(organization) == {"resourceType", "id", "meta"}
    both = [entry["resource"] for entry in (await there.get(f"{search}&_summary=true")).json()["entry"]]
    assert [is_part(each) for each in both] == [True, True]


async def test_pages_of_a_record_stay_parts(there: httpx.AsyncClient) -> None:
    url, seen = "/r5/Patient/a/$everything?_count=1&_elements=Organization.alias,Patient.name", []
    await there.put("/r5/Group/g", json={
        "resourceType": "Group", "id": "g", "type": "person", "membership": "enumerated", "name": "x",
        "member": [{"entity": {"reference": "Patient/a"}}],
    })  # fmt: skip
    while url:
        page = (await there.get(url)).json()
        seen += [(entry["resource"]["resourceType"], is_part(entry["resource"])) for entry in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert sorted(seen) == [("Group", False), ("Organization", True), ("Patient", True)]


async def test_parts_are_read_within_a_bundle_too(there: httpx.AsyncClient) -> None:
    entry = [
        {"request": {"method": "GET", "url": url}} for url in ("Patient/a?_summary=text", "Patient?_elements=name")
    ]
    answer = (await there.post("/r5", json={"resourceType": "Bundle", "type": "batch", "entry": entry})).json()
    read, search = (each["resource"] for each in answer["entry"])
    assert set(read) == {"resourceType", "id", "meta", "text"}
    assert set(search["entry"][0]["resource"]) == {"resourceType", "id", "meta", "name"}


async def test_a_part_is_no_version_to_write(there: httpx.AsyncClient) -> None:
    part = (await there.get("/r5/Patient/a?_summary=true")).json()
    answer = await there.put("/r5/Patient/a", json=part)
    assert answer.status_code == 422
    issue = answer.json()["issue"][0]
    assert (issue["code"], issue["expression"]) == ("incomplete", ["Patient.meta.tag[0]"])
    assert (await there.post("/r5/Patient", json=part)).status_code == 422
    tag = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": part["meta"]["tag"]}}]}
    assert (await there.post("/r5/Patient/a/$meta-add", json=tag)).status_code == 422
    assert (await there.get("/r5/Patient/a")).json()["meta"]["versionId"] == "1"


async def test_a_client_that_has_the_version_is_told_so(there: httpx.AsyncClient) -> None:
    answer = await there.get("/r5/Patient/a?_summary=true", headers={"If-None-Match": 'W/"1"'})
    assert answer.status_code == 304
