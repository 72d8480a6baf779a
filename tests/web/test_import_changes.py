"""What an import changes in what is stored: told element by element, and withdrawn things retired."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhirserver.interactions.import_changes import differences

RECORD = Path(__file__).parents[2] / "seed" / "trials" / "NCT02083731.json"


def told(before: dict[str, Any], after: dict[str, Any]) -> list[tuple[str, str, str | None, str | None]]:
    return [(one.element, one.kind, one.before, one.after) for one in differences(before, after)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"title": "A"}, {"title": "A"}, []),
        ({"title": "A", "meta": {"versionId": "1"}, "text": {"div": "x"}}, {"title": "A"}, []),
        ({"title": "A"}, {"title": "B"}, [("title", "changed", "A", "B")]),
        ({}, {"title": "B"}, [("title", "added", None, "B")]),
        ({"period": {"start": "2014"}}, {"period": {"end": "2015"}}, [
            ("period.start", "removed", "2014", None), ("period.end", "added", None, "2015"),
        ]),
        ({"keyword": [{"text": "a"}, {"text": "b"}]}, {"keyword": [{"text": "b"}]}, [
            ("keyword[0]", "removed", "a", None),
        ]),
        ({"keyword": [{"text": "a"}]}, {"keyword": [{"text": "a"}, {"text": "a"}]}, [
            ("keyword", "changed", "1 items", "2 items, in another order or number"),
        ]),
        (
            {"comparisonGroup": [{"linkId": "a", "name": "A"}, {"linkId": "b", "name": "B"}]},
            {"comparisonGroup": [{"linkId": "b", "name": "C"}]},
            [("comparisonGroup[0].name", "changed", "B", "C"), ("comparisonGroup[0]", "removed", "A", None)],
        ),
        (
            {"note": [{"name": "x", "a": 1}, {"name": "x", "a": 2}]},
            {"note": [{"name": "x", "a": 3}, {"name": "x", "a": 4}]},
            [
                ("note[0].a", "changed", "2", "3"),
                ("note[1]", "added", None, "x"),
                ("note[0]", "removed", "x", None),
            ],
        ),
    ],
)  # fmt: skip
def test_differences_name_the_element_and_both_readings(
    before: dict[str, Any], after: dict[str, Any], expected: list[Any]
) -> None:
    assert told(before, after) == expected


async def post(client: httpx.AsyncClient, record: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.post("/r5/ResearchStudy/$import-record", content=json.dumps(record).encode())
    assert answer.status_code == 200, answer.text[:500]
    issues: list[dict[str, Any]] = answer.json()["entry"][-1]["resource"]["issue"]
    return [issue for issue in issues if issue.get("details", {}).get("text") == "changed"]


async def test_the_answer_names_what_changed_and_what_was_retired(client: httpx.AsyncClient) -> None:
    record = json.loads(RECORD.read_text().replace("NCT02083731", "NCT93000001"))
    assert not await post(client, record)
    assert not await post(client, record)
    # What somebody else made under such a name is theirs.
    theirs = {"resourceType": "ActivityDefinition", "id": "NCT93000001-of-the-ward", "status": "active"}
    assert (await client.put("/r5/ActivityDefinition/NCT93000001-of-the-ward", json=theirs)).status_code == 201
    given = record["protocolSection"]["armsInterventionsModule"]["interventions"][0]
    given["name"] = "Another name"
    labels = record["protocolSection"]["armsInterventionsModule"]["armGroups"][0]
    labels["interventionNames"] = [f"{given['type'].capitalize()}: Another name"]
    said = [issue["diagnostics"] for issue in await post(client, record)]
    assert any(one.startswith("ResearchStudy/NCT93000001 changed: ") and "comparisonGroup" in one for one in said)
    retired = [one.partition(" ")[0] for one in said if "no longer in the record" in one]
    assert retired
    for name in retired:
        assert (await client.get(f"/r5/{name}")).json()["status"] == "retired"
        assert (await client.get(f"/r5/{name}/_history/1")).json()["status"] == "active"
    assert (await client.get("/r5/ActivityDefinition/NCT93000001-of-the-ward")).json()["status"] == "active"


async def test_a_study_says_which_record_it_came_from(client: httpx.AsyncClient) -> None:
    record = json.loads(RECORD.read_text().replace("NCT02083731", "NCT93000002"))
    await post(client, record)
    source = (await client.get("/r5/ResearchStudy/NCT93000002")).json()["meta"]["source"]
    assert source.startswith("nih:sha-256;")
    found = await client.get("/r5/ResearchStudy", params={"_source": source})
    assert [entry["resource"]["id"] for entry in found.json()["entry"]] == ["NCT93000002"]
