"""What a page of fifty costs: the keys and documents that mongod examines for it, over 12,000 documents."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from shelf import Shelf, document

from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import parse
from fhirserver.store.codec import OPTIONS

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
    found = shelves("plans")
    found.put(document("R5", observation(chance, number)) for number in range(COUNT))
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
        [("code:missing", "false")],
        [("date", "ge2001")],
        [("date", "2015-05-05")],
        [("date", "gt2023-12-20")],
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
    node = parse("R5", "Observation", params, strict=True, base_urls=["http://here/r5"]).filter
    command = {"find": shelf.collection.name, "filter": to_mongo(node, "R5"), "sort": {"_id": 1}, "limit": PAGE + 1}
    explained = shelf.collection.database.command("explain", command, verbosity="executionStats", codec_options=OPTIONS)
    stats = explained["executionStats"]
    assert "COLLSCAN" not in str(explained["queryPlanner"]["winningPlan"])
    allowed = 20 * PAGE
    assert stats["totalKeysExamined"] <= allowed, stats["totalKeysExamined"]
    assert stats["totalDocsExamined"] <= allowed, stats["totalDocsExamined"]
