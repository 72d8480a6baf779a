"""What a page of fifty costs: the keys and documents that mongod examines for it, over 12,000 documents."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import pytest
from shelf import Shelf, document

from fhirserver.search.parse import parse

COUNT = 12_000
PAGE = 50


def observation(chance: random.Random, number: int) -> dict[str, Any]:
    code = f"c{int(chance.paretovariate(0.7)) % 200}"
    day = f"{chance.randint(2000, 2023)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    return {
        "resourceType": "Observation",
        "id": f"{number:06}",
        "status": chance.choice(["final"] * 9 + ["amended"]),
        "code": {"coding": [{"system": "http://loinc.org", "code": code, "display": f"Display of {code}"}]},
        "subject": {"reference": f"Patient/{chance.randint(0, 999)}"},
        "effectiveDateTime": f"{day}T10:00:00Z",
        "valueQuantity": {
            "value": Decimal(chance.randint(0, 2000)) / 10,
            "unit": "mg",
            "system": "http://ucum",
            "code": "mg",
        },
        "identifier": [{"system": "http://acme.org", "value": f"n{number}"}],
    }


@pytest.fixture(scope="module")
def shelf(shelves: Callable[[str], Shelf]) -> Shelf:
    chance = random.Random(1)
    found = shelves("Plans")
    found.fill("R5", (observation(chance, number) for number in range(COUNT)))
    return found


@pytest.mark.parametrize(
    "params",
    [
        [("status", "final")],
        [("status", "amended")],
        [("identifier", "http://acme.org|n777")],
        [("identifier", "n777")],
        [("subject", "Patient/7")],
        [("subject", "7")],
        [("subject", "Patient/7,Patient/8,Patient/9")],
        [("code", "http://loinc.org|c1")],
        [("code", "c150")],
        [("code", "c1,c2,c3")],
        [("combo-code", "http://loinc.org|c2")],
        [("code", "c1"), ("status", "final")],
        [("code:text", "display of c1")],
        [("code:not", "c1")],
        [("code:not", "c1,c2")],
        [("status:not", "final")],
        [("code:missing", "false")],
        [("value-quantity:missing", "true")],
        [("date", "ge2001")],
        [("date", "2015-05-05")],
        [("date", "gt2023-12-20")],
        [("date", "ne2015-05-05")],
        [("date", "ap2015-05-05")],
        [("date", "ge2015-05-05"), ("date", "lt2015-06")],
        [("code", "c1"), ("date", "2015-05")],
        [("code", "c1"), ("date", "ge2015-05"), ("date", "lt2016")],
        [("status", "final"), ("_sort", "-date")],
        [("_sort", "date")],
        [("_sort", "-date")],
        [("_sort", "code")],
        [("_sort", "-code")],
        [("_sort", "value-quantity")],
        [("_sort", "-value-quantity")],
        [("_sort", "_lastUpdated")],
        [("_sort", "-_id")],
        [("status", "final"), ("_sort", "subject")],
        [("value-quantity", "5.5||mg")],
        [("value-quantity", "gt10|http://ucum|mg")],
        [("code-value-quantity", "http://loinc.org|c1$gt100")],
        [("_id", "000777")],
        [("_lastUpdated", "gt2010")],
        [],
    ],
    ids=lambda params: "&".join("=".join(pair) for pair in params) or "all",
)
def test_a_page_examines_few_keys(shelf: Shelf, params: list[tuple[str, str]]) -> None:
    request = parse("R5", "Observation", params, strict=True, base_urls=["http://here/r5"])
    segments = shelf.plan("Observation", request.filter, request.sort)
    keys = documents = 0
    returned = 0
    for segment in segments:
        for ask in segment.asks(None):
            explained = shelf.explained(ask, PAGE + 1 - returned)
            stats = explained["executionStats"]
            assert "COLLSCAN" not in str(explained["queryPlanner"]["winningPlan"])
            keys += stats["totalKeysExamined"]
            documents += stats["totalDocsExamined"]
        returned += stats["nReturned"]
        if returned > PAGE:
            break
    assert keys <= 3 * PAGE
    assert documents <= 3 * PAGE


@pytest.mark.parametrize(
    "query", ["status=final", "date=ge2001", "code:text=display", "_sort=-code", "code:not=c1", ""]
)
def test_a_late_page_examines_as_many_keys_as_the_first(shelf: Shelf, query: str) -> None:
    request = parse("R5", "Observation", parse_qsl(query), strict=True)
    segments = shelf.plan("Observation", request.filter, request.sort)
    found = shelf.positions(segments, PAGE, 120)
    examined = [sum(shelf.examined(ask, PAGE) for ask in segments[at].asks(after)) for at, after in found]
    assert len(examined) == 120
    assert max(examined) <= 1.5 * PAGE


def test_a_page_does_not_repeat_or_skip_while_others_write(shelf: Shelf) -> None:
    request = parse("R5", "Observation", parse_qsl("date=ge2001&_count=1"), strict=True)
    segments = shelf.plan("Observation", request.filter)
    before = shelf.ids(request.filter)
    seen: list[str] = []

    def write(number: int) -> None:
        # Behind the pages read so far, and before those to come.
        for year in ("2001", "2023"):
            made = {"id": f"new-{year}-{number}", "effectiveDateTime": f"{year}-07-01T10:00:00Z"}
            shelf.put([document("R5", observation(random.Random(number), 900_000) | made)])

    try:
        seen = shelf.paged(segments, 500, between=write)
    finally:
        shelf.collection.delete_many({"_id": {"$regex": "^new-"}})
    assert len(seen) == len(set(seen))
    assert set(before) <= set(seen)
