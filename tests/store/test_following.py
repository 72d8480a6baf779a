"""What a search within a search asks for is read in a stream, and no further than its limit."""

from __future__ import annotations

import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
from pymongo import MongoClient

from fhirserver.store.members import OPEN
from fhirserver.store.store import Store

MANY = 8_000
NOW = datetime(2024, 1, 1, tzinfo=UTC)


@pytest.fixture
def filled(mongodb_uri: str, database: str) -> None:
    """A list, a Group and Observations that lead to thousands of patients."""
    entries = [{"item": {"reference": f"Patient/p{n}"}} for n in range(MANY)]
    with MongoClient(mongodb_uri) as client:
        db = client[database]
        db["Observation"].insert_many(
            [
                {"_id": f"o{n}", "t": ["|live", "code|a", f"patient|Patient/p{n}", f"url|http://u/{n}"]}
                for n in range(MANY)
            ]
        )
        db["members"].insert_many(
            [{"g": "g", "e": f"Patient/p{n}", "from": 1, "to": OPEN, "m": {"entity": {}}} for n in range(MANY)]
        )
        db["members"].insert_many([{"g": f"g{n}", "e": "Patient/all", "from": 1, "to": OPEN} for n in range(MANY)])
        db["List"].insert_one({"_id": "l", "gone": False, "r": {"entry": entries}})


Asked = Callable[[Store, int], Awaitable[list[str]]]
ASKED: dict[str, Asked] = {
    "ids": lambda store, limit: store.ids("Observation", {"t": "|live"}, limit),
    "referred": lambda store, limit: store.referred("Observation", {"t": "|live"}, ["patient|Patient/"], limit),
    "canonicals": lambda store, limit: store.canonicals("Observation", {"t": "|live"}, ["url|"], limit),
    "held": lambda store, limit: store.held(["g"], ["Patient/"], limit),
    "active": lambda store, limit: store.held(["g"], ["Patient/"], limit, NOW),
    "holding": lambda store, limit: store.holding(["Patient/all"], limit),
    "entries": lambda store, limit: store.entries("List", "l", "entry", "item", ["Patient/"], limit, NOW),
}


async def test_a_stream_ends_at_its_limit_and_gives_each_once(store: Store, filled: None) -> None:
    for name, asked in ASKED.items():
        assert len(set(await asked(store, 10))) == 10, name
        peaks = []
        for limit in (100, 10 * MANY):
            tracemalloc.start()
            try:
                found = await asked(store, limit)
                peaks.append(tracemalloc.get_traced_memory()[1])
            finally:
                tracemalloc.stop()
            assert len(found) == len(set(found)) == min(limit, MANY), name
        assert peaks[0] < 1_500_000, name
