"""What a page of places, words and parts of strings costs: keys and documents examined, over 4,000 documents."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from shelf import Shelf

from fhirserver.search.parse import parse
from fhirserver.search.richer import prepared
from fhirserver.search.richness import Richness

COUNT = 4_000
PAGE = 50
RICH = Richness({"*"}, {"*"})
SYLLABLES = [
    *("an", "ber", "ka", "mul", "ler", "son", "ri", "to", "mar", "vel", "da", "nie", "sa", "pe", "ter", "go", "lo"),
    *("wei", "chen", "li", "krz", "yst", "of", "hav"),
]


def location(chance: random.Random, number: int) -> dict[str, Any]:
    def word() -> str:
        return "".join(chance.choice(SYLLABLES) for _ in range(chance.randint(2, 4)))

    return {
        "resourceType": "Location",
        "id": f"{number:05}",
        "name": f"{word()} {word()}",
        "description": " ".join([*(word() for _ in range(8)), chance.choice(["clinic", "ward"]), "of the hospital"]),
        "type": [{"coding": [{"code": "x", "display": f"{word()} {chance.choice(['ward', 'room'])}"}]}],
        "position": {
            "latitude": Decimal(chance.randint(470000, 550000)) / 10_000,
            "longitude": Decimal(chance.randint(60000, 150000)) / 10_000,
        },
    }


@pytest.fixture(scope="module")
def places(shelves: Callable[[str], Shelf]) -> Shelf:
    chance = random.Random(2)
    found = shelves("Location")
    found.fill("R5", (location(chance, number) for number in range(COUNT)), RICH)
    return found


@pytest.mark.parametrize(
    ("name", "value", "factor"),
    [
        ("near", "51|10|20|km", 20),
        ("near", "51|10|100|km", 20),
        ("near", "51|10|400|km", 5),
        ("near", "0|0|100|km", 1),
        ("name:contains", "krzyst", 5),
        ("name:contains", "berka", 20),
        ("name:contains", "zzz", 1),
        ("name:text", "krzyst*", 5),
        ("_content", "hospital", 3),
        ("_content", "clinic", 3),
        ("_content", "NOT clinic", 5),
        ("_content", '"clinic of the hospital"', 10),
        ("_content", "krzyst*", 5),
        ("_content", "nothing", 1),
        ("type:text-advanced", "room", 5),
        ("type:text-advanced", "nothing", 1),
    ],
)
def test_a_page_examines_what_it_returns(places: Shelf, name: str, value: str, factor: int) -> None:
    node = prepared(parse("R5", "Location", [(name, value)], strict=True).filter, RICH, "R5")
    keys = documents = returned = 0
    for segment in places.plan("Location", node):
        for ask in segment.asks(None):
            stats = places.explained(ask, PAGE + 1 - returned)["executionStats"]
            keys += stats["totalKeysExamined"]
            documents += stats["totalDocsExamined"]
            returned += stats["nReturned"]
        if returned > PAGE:
            break
    # Each of up to 32 cells and each end of an index costs a key.
    assert max(keys, documents) <= factor * returned + 40, (keys, documents, returned)
