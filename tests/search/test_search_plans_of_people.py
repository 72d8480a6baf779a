"""What a page of names, approximate dates and exclusions costs: keys that mongod examines, over 4,000 documents."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from shelf import Shelf

from fhirserver.search.parse import parse
from fhirserver.search.richer import prepared
from fhirserver.search.richness import Richness
from fhirserver.settings import NAMED

COUNT = 4_000
PAGE = 50
RICH = Richness((), frozenset(NAMED))
STEMS = ["strand", "peters", "lind", "nils", "wester", "holm", "berg", "anders", "quist", "dahl", "acker", "ek"]
ENDS = ["son", "berg", "dahl", "feldt", "gren", "mark", "rud", "vik", "stad", "haug", "moe"]


def patient(chance: random.Random, number: int) -> dict[str, Any]:
    family = chance.choice(STEMS) + chance.choice(ENDS)
    if chance.random() < 0.3:
        family += " " + chance.choice(STEMS)
    year = chance.randint(2010, 2023)
    return {
        "resourceType": "Patient",
        "id": f"{number:06}",
        "name": [{"family": family, "given": [chance.choice(["Eva", "Anna Lena", "Knut", "Yrsa"])]}],
        "address": [{"line": [f"{chance.choice(STEMS)} street {number}"]}],
        "deceasedDateTime": f"{year}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}",
        "birthDate": f"{year - 50}" if chance.random() < 0.1 else f"{year - 50}-05-{chance.randint(1, 28):02}",
        "communication": [{"language": {"coding": [{"code": code} for code in ("a", "b")]}}] * (number % 10 == 0),
    }


@pytest.fixture(scope="module")
def people(shelves: Callable[[str], Shelf]) -> Shelf:
    chance = random.Random(3)
    found = shelves("Patient")
    found.fill("R5", (patient(chance, number) for number in range(COUNT)), RICH)
    return found


@pytest.mark.parametrize(
    ("query", "factor"),
    [
        ("name:contains=uist", 3),
        ("family:contains=xx", 3),
        ("family:contains=ek", 8),
        ("family:text=berg", 3),
        ("family:text=lindvik", 3),
        ("name:text=lena", 3),
        ("name:text=quis*", 3),
        ("phonetic:text=ekmoe", 3),
        ("family=strand", 3),
        ("death-date=ap2015", 3),
        ("death-date=ap2011-03", 3),
        ("birthdate=1970-05-05", 3),
        ("birthdate=1970", 3),
        ("language:not=a", 3),
    ],
)
def test_a_page_examines_what_it_returns(people: Shelf, query: str, factor: int) -> None:
    name, _, value = query.partition("=")
    node = prepared(parse("R5", "Patient", [(name, value)], strict=True).filter, RICH, "R5")
    keys = returned = 0
    for segment in people.plan("Patient", node):
        for ask in segment.asks(None):
            stats = people.explained(ask, PAGE + 1 - returned)["executionStats"]
            keys += stats["totalKeysExamined"]
            returned += stats["nReturned"]
        if returned > PAGE:
            break
    assert keys <= factor * returned + 140, (keys, returned)
