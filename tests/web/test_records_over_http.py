"""Real registry records over HTTP: all go in, all that comes out is valid, and once more changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.resources.models import second_opinion
from fhirserver.resources.validation import validate

RECORDS = Path(__file__).parents[3] / "shared" / "trials" / "ctgov_v2"
EVERY = 12
"""One record in twelve keeps the suite quick; the whole folder goes through `fhirserver import`."""

pytestmark = pytest.mark.skipif(not RECORDS.is_dir(), reason="no registry records at hand (../shared/trials/ctgov_v2)")


async def _import_all(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answers = []
    for path in sorted(RECORDS.glob("*.json"))[::EVERY]:
        answer = await client.post("/r5/ResearchStudy/$import-record", content=path.read_bytes())
        assert answer.status_code == 200, (path.name, answer.text[:1000])
        answers += [entry["response"] for entry in answer.json()["entry"][:-1]]
    return answers


async def test_records_go_in_and_out_valid_and_in_again_without_a_version(client: httpx.AsyncClient) -> None:
    first = await _import_all(client)
    assert {answer["etag"] for answer in first} == {'W/"1"'}
    checked = 0
    for type_ in sorted({answer["location"].partition("/")[0] for answer in first}):
        url = f"http://test/r5/{type_}?_count=500"
        while url:
            page = fhirjson.loads((await client.get(url)).content)
            for entry in page["entry"]:
                resource = entry["resource"]
                assert not [*second_opinion("R5", resource), *validate("R5", resource)], entry["fullUrl"]
                checked += 1
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert checked == sum(answer["status"] == "201 Created" for answer in first)
    second = await _import_all(client)
    assert {(answer["status"], answer["etag"]) for answer in second} == {("200 OK", 'W/"1"')}
