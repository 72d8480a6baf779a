"""Records of other formats over HTTP: stored, the same again unchanged, valid by the server's own judgement."""

from pathlib import Path

import pytest

CASES = Path(__file__).parents[1] / "cases"
RECORDS = [
    ("mappers_record.xml", "application/xml", "ResearchStudy/NCT09999991"),
    ("mappers_record.xml", "text/xml; charset=utf-8", "ResearchStudy/NCT09999991"),
    ("mappers_usdm.json", "application/json", "ResearchStudy/NCT09999991"),
    ("mappers_ctis.json", "application/json", "ResearchStudy/2023-599999-11-00"),
    ("mappers_euctr.json", "application/json", "ResearchStudy/2018-000001-11-BE"),
    ("mappers_isrctn.json", "application/json", "ResearchStudy/ISRCTN99999991"),
]


async def imported(client, name, kind):
    return await client.post(
        "/r5/ResearchStudy/$import-record", content=(CASES / name).read_bytes(), headers={"Content-Type": kind}
    )


@pytest.mark.parametrize(("name", "kind", "study"), RECORDS)
async def test_a_record_is_stored_and_again_unchanged(client, name, kind, study):
    first = await imported(client, name, kind)
    assert first.status_code == 200, first.text
    assert (await client.get(f"/r5/{study}")).status_code == 200
    locations = [entry["response"].get("location") for entry in first.json()["entry"][:-1]]
    again = await imported(client, name, kind)
    assert [entry["response"].get("location") for entry in again.json()["entry"][:-1]] == locations


@pytest.mark.parametrize(("name", "kind", "study"), [RECORDS[0], *RECORDS[2:]])
async def test_every_resource_is_valid_by_our_own_check(client, name, kind, study):
    answer = await imported(client, name, kind)
    for entry in answer.json()["entry"][:-1]:
        location = entry["response"]["location"].partition("/_history")[0]
        outcome = (await client.get(f"/r5/{location}/$validate")).json()
        bad = [issue for issue in outcome["issue"] if issue["severity"] in ("error", "fatal")]
        assert not bad, (location, bad)


async def test_a_document_type_is_a_400(client):
    bomb = b'<!DOCTYPE a [<!ENTITY b "c">]><clinical_study>&b;</clinical_study>'
    answer = await client.post(
        "/r5/ResearchStudy/$import-record", content=bomb, headers={"Content-Type": "application/xml"}
    )
    assert answer.status_code == 400
    assert "document type" in answer.json()["issue"][0]["diagnostics"]
