"""Pages of a search: complete, in order, without repetition, whatever the sort."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from typing import Any

import pytest

from fhirserver.errors import TooCostly
from fhirserver.store.documents import Page, Query
from fhirserver.store.indexes import POSTINGS
from fhirserver.store.searches import beyond
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.store.things import Entry, body, patient, put

SORTS: list[list[tuple[str, int]]] = [
    list(zip(names, directions, strict=True))
    for names in (["s.a"], ["s.a", "s.b"], ["s.b", "_id"], ["at"], ["_id"])
    for directions in itertools.product([1, -1], repeat=len(names))
]


async def _fill(store: Store) -> dict[str, dict[str, Any]]:
    chance = random.Random(7)
    keys: dict[str, dict[str, Any]] = {}
    for number in range(30):
        s: dict[str, Any] = {}
        if chance.random() < 0.7:
            s["a"] = chance.choice(["x", "y", "Z"])
        if chance.random() < 0.7:
            s["b"] = chance.choice([Decimal("1.5"), 2, Decimal("10.0"), None])
        keys[f"p{number:02d}"] = s
        await put(store, patient(n=number), f"p{number:02d}", Entry(t=["|live", f"odd|{number % 2}"], s=s))
    return keys


async def _all(store: Store, query: dict[str, Any], sort: list[tuple[str, int]], limit: int) -> list[str]:
    ids: list[str] = []
    after = None
    while True:
        page = await store.find("Patient", Query(query, sort, limit, after))
        ids += [v.id for v in page.items]
        assert len(page.items) <= limit
        if not page.more:
            return ids
        after = page.last


async def test_pages_add_up_to_the_whole_in_the_databases_own_order(store: Store) -> None:
    await _fill(store)
    for sort, limit in itertools.product(SORTS, (1, 4, 30)):
        whole = [v.id for v in (await store.find("Patient", Query({"t": "|live"}, sort, 100))).items]
        assert len(set(whole)) == 30
        assert await _all(store, {"t": "|live"}, sort, limit) == whole


async def test_a_missing_value_comes_first_ascending_and_last_descending(store: Store) -> None:
    keys = await _fill(store)
    up = await _all(store, {}, [("s.a", 1)], 4)
    missing = sorted(id_ for id_, s in keys.items() if s.get("a") is None)
    assert up[: len(missing)] == missing
    down = await _all(store, {}, [("s.a", -1)], 4)
    assert down[-len(missing) :] == missing


async def test_a_page_says_whether_there_is_more_and_where_it_ends(store: Store) -> None:
    await _fill(store)
    page = await store.find("Patient", Query({"t": "odd|1"}, [("s.a", -1)], 15, hint=POSTINGS))
    assert len(page.items) == 15
    assert not page.more
    assert page.last is not None
    assert page.last[-1] == page.items[-1].id
    assert await store.find("Patient", Query({"t": "none"})) == Page([], None, False)
    assert await store.find("Patient", Query({"t": "|live"}, limit=0)) == Page([], None, False)
    assert await store.find("Observation", Query({})) == Page([], None, False)


async def test_a_search_serves_current_versions_whatever_is_remembered(store: Store, open_store: Opener) -> None:
    await _fill(store)
    other = await open_store()
    assert len((await other.find("Patient", Query({"t": "|live"}, limit=10))).items) == 10
    await put(store, patient(n="new"), "p03")
    await store.remove("Patient", "p04")
    page = await other.find("Patient", Query({"t": "|live"}, limit=100))
    found = {v.id: body(v)["n"] for v in page.items}
    assert found["p03"] == "new"
    assert "p04" not in found
    assert len(found) == 29


async def test_a_resource_replaced_while_a_page_is_put_together_is_served_as_found(
    store: Store, open_store: Opener
) -> None:
    from fhirserver.store.documents import HEAD
    from fhirserver.store.searches import bodies

    await put(store, patient(n=1), "1")
    other = await open_store()
    heads = await other._ctx.of("Patient").find({}, HEAD).to_list(None)
    await put(store, patient(n=2), "1")
    items = await bodies(other._ctx, "Patient", heads)
    assert [body(v)["n"] for v in items] == [1]


async def test_counts_are_exact_or_capped(store: Store) -> None:
    await _fill(store)
    assert await store.count("Patient", {"t": "odd|0"}) == 15
    assert await store.count("Patient", {"t": "odd|0"}, cap=4) == 4
    assert await store.count("Patient", {"t": "odd|0"}, cap=0) == 0
    assert await store.count("Observation", {}) == 0


async def test_a_search_that_takes_too_long_is_ended(store: Store, open_store: Opener) -> None:
    await _fill(store)
    hasty = await open_store(search_timeout_s=0.001)
    numbers = {"$map": {"input": {"$range": [0, 50_000]}, "in": {"$sqrt": "$$this"}}}
    slow = {"$expr": {"$lt": [{"$sum": numbers}, 0]}}
    for call in (hasty.find("Patient", Query(slow)), hasty.count("Patient", slow)):
        with pytest.raises(TooCostly):
            await call


async def test_a_page_of_a_term_examines_no_more_than_it_shows(store: Store) -> None:
    await _fill(store)
    plan = await store._ctx.db.command(
        {
            "explain": {
                "find": "Patient",
                "filter": {"$and": [{"t": "|live"}, beyond([("_id", 1)], ("p10",))]},
                "sort": {"_id": 1},
                "limit": 6,
            },
            "verbosity": "executionStats",
        }
    )
    assert plan["executionStats"]["totalKeysExamined"] <= 7
    assert plan["executionStats"]["totalDocsExamined"] <= 6


def test_a_position_that_does_not_fit_the_sort_is_refused() -> None:
    with pytest.raises(ValueError, match="sort keys"):
        beyond([("at", 1), ("_id", 1)], ("x",))
