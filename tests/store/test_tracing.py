"""What a traced store asks of MongoDB is noted, all of it and nothing else, and explained as it was asked."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from fhirserver.store.store import Store
from fhirserver.store.tracing import Asked
from tests.conftest import Opener
from tests.store.things import Entry, group, member, patient, put


@pytest.fixture
async def filled(store: Store) -> Store:
    for number in range(20):
        half = Decimal(number) / 2
        await put(store, patient(n=half), f"p{number}", Entry(t=["|live", f"odd|{number % 2}"]))
    await put(store, group(member(1), type="person"), "g")
    return store


async def test_each_question_is_noted_with_its_time(filled: Store) -> None:
    async with filled.traced() as (traced, trace):
        assert len(await traced.ids("Patient", {"t": "odd|1"}, 100)) == 10
        assert await traced.count("Patient", {"t": "odd|0"}) == 10
        assert await traced.groups_of("Patient/1") == ["g"]
    assert [(asked.collection, next(iter(asked.command))) for asked in trace.asked] == [
        ("Patient", "find"),
        ("Patient", "aggregate"),
        ("members", "aggregate"),
    ]
    assert all(asked.milliseconds and asked.milliseconds > 0 for asked in trace.asked)
    assert trace.asked[0].command["filter"] == {"t": "odd|1"}
    assert not {"lsid", "$db", "readConcern", "maxTimeMS"} & trace.asked[0].command.keys()


async def test_a_traced_store_remembers_nothing_and_leaves_no_trace(filled: Store) -> None:
    await filled.read("Patient", "p1")
    for _ in range(2):
        async with filled.traced() as (traced, trace):
            assert await traced.secret() == await filled.secret()
            found = await traced.read_many([("Patient", "p1")])
        assert len(found) == 1
        assert [asked.collection for asked in trace.asked] == ["Patient"]
    with pytest.raises(ValueError, match="not traced again"):
        async with filled.traced() as (traced, _), traced.traced():
            pass


async def test_questions_of_others_are_not_noted(filled: Store) -> None:
    async with filled.traced() as (traced, trace):
        await asyncio.gather(traced.ids("Patient", {"t": "odd|1"}, 5), filled.ids("Patient", {"t": "odd|0"}, 5))
    assert [asked.command["filter"] for asked in trace.asked] == [{"t": "odd|1"}]


async def test_what_is_examined_is_told(filled: Store) -> None:
    async with filled.traced() as (traced, trace):
        await traced.ids("Patient", {"t": "odd|1"}, 4)
        await traced.ids("Patient", {"r.n": {"$gte": Decimal("5.0")}}, 100)
    found, slow = [await filled.explain(asked) for asked in trace.asked]
    assert (found.keys, found.returned) == (4, 4)
    assert "IXSCAN postings" in found.plan
    assert slow.returned == 10
    assert (slow.documents, slow.plan.count("COLLSCAN")) == (20, 1)


async def test_what_takes_too_long_is_planned_all_the_same(open_store: Opener, filled: Store) -> None:
    hurried = await open_store(search_timeout_s=0.001)
    script = {
        "$expr": {"$gt": [{"$reduce": {"input": {"$range": [0, 300_000]}, "initialValue": 0, "in": "$$this"}}, -1]}
    }
    told = await hurried.explain(Asked("Patient", {"find": "Patient", "filter": script}))
    assert (told.keys, told.documents, told.returned) == (None, None, None)
    assert told.plan


async def test_questions_over_several_collections_are_told_as_one(filled: Store) -> None:
    union = {"$unionWith": {"coll": "Group", "pipeline": [{"$match": {"t": "|live"}}]}}
    command = {"aggregate": "Patient", "pipeline": [{"$match": {"t": "odd|1"}}, union], "cursor": {}}
    told = await filled.explain(Asked("Patient", command))
    assert told.keys == 11
    assert told.plan == "2 times FETCH(IXSCAN postings)"
