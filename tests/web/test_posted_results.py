"""A study's posted results on the server: stored once, found, withdrawn, and exported whole."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhirserver.fhirjson import dumps, loads

RECORD = loads((Path(__file__).parents[1] / "cases" / "mappers_results_record.json").read_bytes())
ID = "NCT99999907"
REPORT = f"EvidenceReport/{ID}-results"


async def imported(client: httpx.AsyncClient, record: Any = RECORD) -> list[str]:
    """The statuses of the entries."""
    answer = await client.post("/r5/ResearchStudy/$import-record", content=dumps(record))
    assert answer.status_code == 200, answer.text[:2000]
    return [entry["response"]["status"][:3] for entry in answer.json()["entry"] if "response" in entry]


@pytest.fixture
async def client(client: httpx.AsyncClient) -> httpx.AsyncClient:
    await imported(client)
    return client


async def test_they_come_back_whole(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/r5/ResearchStudy/{ID}/$export-record", headers={"Accept": "*/*"})
    assert loads(answer.content) == RECORD


async def test_importing_them_again_changes_nothing(client: httpx.AsyncClient) -> None:
    again = copy.deepcopy(RECORD)
    again["resultsSection"] = dict(reversed(again["resultsSection"].items()))
    statuses = await imported(client, again)
    # The record's bytes are others: their Provenance alone is new, and the study names them as its source.
    assert statuses.count("201") == 1
    for path in (REPORT, f"Evidence/{ID}-result-hours-slept-og000", f"Group/{ID}-group-warm-milk"):
        assert (await client.get(f"/r5/{path}")).headers["etag"] == 'W/"1"'


async def test_an_outcome_that_is_no_longer_posted_is_retired(client: httpx.AsyncClient) -> None:
    shorter = copy.deepcopy(RECORD)
    del shorter["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"][1]
    await imported(client, shorter)
    gone = (await client.get(f"/r5/Evidence/{ID}-result-naps-og000")).json()
    assert gone["status"] == "retired"
    stays = (await client.get(f"/r5/Evidence/{ID}-result-hours-slept-og000")).json()
    assert stays["status"] == "active"
    answer = await client.get(f"/r5/ResearchStudy/{ID}/$export-record", headers={"Accept": "*/*"})
    assert loads(answer.content)["resultsSection"] == shorter["resultsSection"]


async def test_they_are_found(client: httpx.AsyncClient) -> None:
    for query, count in (
        ("Evidence?title=hours%20slept", 4),
        ("EvidenceVariable?title=naps", 1),
        ("EvidenceReport?status=active", 1),
        ("ResearchStudy?classifier=https://www.nlm.nih.gov/mesh|D012893", 1),
    ):
        found = (await client.get(f"/r5/{query}")).json()
        assert len(found.get("entry", ())) == count, json.dumps(found)[:500]


async def test_what_was_stored_is_valid(client: httpx.AsyncClient) -> None:
    for path in (REPORT, f"Evidence/{ID}-result-hours-slept-analysis-1", f"EvidenceVariable/{ID}-other-events"):
        body = (await client.get(f"/r5/{path}")).content
        answer = await client.post(f"/r5/{path.split('/')[0]}/$validate", content=body)
        issues = answer.json()["issue"]
        assert not [issue for issue in issues if issue["severity"] in ("error", "fatal")], issues
