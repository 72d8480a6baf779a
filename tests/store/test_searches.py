"""Pages of a search: complete, in order, without repetition, whatever the sort."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

import pytest

from fhirserver.errors import TooCostly
from fhirserver.search.asks import Ask
from fhirserver.search.kinds.terms import Span
from fhirserver.search.scans import Leap, Points, Scan
from fhirserver.search.segments import Gathered, Keyed, Ordered, Placed, Segment, Window
from fhirserver.store import leaps, searches
from fhirserver.store.context import Context
from fhirserver.store.documents import Page, Query
from fhirserver.store.leaps import Leaps
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.store.things import Entry, body, patient, put

LIVE = {"t": "|live"}
SEGMENTS: dict[str, tuple[Segment, ...]] = {
    "places": (Placed(LIVE),),
    "the main date": (Placed(LIVE, direction=1),),
    "the main date descending": (Placed(LIVE, direction=-1),),
    "a part of the main date": (Placed(LIVE, (Window(1, "a", "c"), Window(2, None, "b"), Window(3, "b")), -1),),
    "ids": (Keyed(LIVE, (("_id", 1),)),),
    "instants descending": (Keyed(LIVE, (("at", -1), ("_id", -1))),),
    "one key": (Placed({**LIVE, "s.a": None}), Ordered({}, "a", 1)),
    "one key descending": (Ordered({}, "a", -1), Placed({**LIVE, "s.a": None})),
    "several keys": (Gathered(LIVE, ((("a",), False), (("b", "a"), True), (("_lastUpdated",), True))),),
    "terms": (Scan({}, Span("t", "", "n|", "n}")),),
    "two spans of terms": (
        Scan({}, Span("t", "", "n|2", "n|3")),
        Scan({}, Span("t", "", "n|5", "n|5", upto=True), (Span("t", "", "n|2", "n|3"),)),
    ),
    "many terms": (Points({"gone": False}, tuple(f"n|{number}" for number in range(2, 9))),),
    "terms that a pattern finds": (Leap({"gone": False}, Span("t", "", "n|", "n}"), re.compile("[3-5]")),),
    "ranges": (Scan({}, Span("x", "r", 2, 7, after=True)),),
    "open ranges": (Scan({}, Span("x", "r", None, None)),),
}


async def _fill(store: Store) -> dict[str, dict[str, str]]:
    chance = random.Random(7)
    keys: dict[str, dict[str, str]] = {}
    for number in range(30):
        s: dict[str, str] = {}
        if chance.random() < 0.7:
            s["a"] = chance.choice(["x", "y", "Z"])
            if chance.random() < 0.3:
                s["a-"] = "z"
        if chance.random() < 0.7:
            s["b"] = chance.choice(["1", "2"])
        id_ = f"p{number:02d}"
        keys[id_] = s
        terms = [f"n|{chance.randint(1, 9)}" for _ in range(3)]
        x = [{"k": "r", "lo": chance.randint(0, 9), "hi": 9} for _ in range(chance.randint(0, 3))]
        entry = Entry(["|live", f"odd|{number % 2}", *terms], x, s, w=chance.randint(0, 3), o=chance.choice("abc"))
        await put(store, patient(n=number), id_, entry)
    return keys


async def _all(store: Store, segments: Sequence[Segment], limit: int) -> list[str]:
    ids: list[str] = []
    after = None
    while True:
        page = await store.page("Patient", segments, limit, after)
        ids += [v.id for v in page.items]
        assert len(page.items) <= limit
        if not page.more:
            return ids
        after = page.last


@pytest.mark.parametrize("name", list(SEGMENTS))
async def test_pages_add_up_to_the_whole_in_its_order(store: Store, name: str) -> None:
    await _fill(store)
    whole = [v.id for v in (await store.page("Patient", SEGMENTS[name], 100)).items]
    assert whole
    assert len(set(whole)) == len(whole)
    for limit in (1, 4, 30):
        assert await _all(store, SEGMENTS[name], limit) == whole


async def test_results_descend_by_the_highest_key_and_ascend_by_the_lowest(store: Store) -> None:
    keys = await _fill(store)
    up = [keys[id_].get("a", "") for id_ in await _all(store, SEGMENTS["one key"], 4)]
    assert up == sorted(up)
    found = await _all(store, SEGMENTS["one key descending"], 4)
    down = [keys[id_].get("a-") or keys[id_].get("a", "") for id_ in found]
    assert down == sorted(down, reverse=True)


async def test_a_page_says_whether_there_is_more_and_where_it_ends(store: Store) -> None:
    await _fill(store)
    page = await store.find("Patient", Query({"t": "odd|1"}, [("at", -1)], 15))
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


@pytest.mark.parametrize("position", [(), ("p01",), (1, "p01"), (0, "x")])
async def test_a_position_of_another_search_is_refused(store: Store, position: tuple[Any, ...]) -> None:
    await _fill(store)
    with pytest.raises(ValueError, match=r"position|argument"):
        await store.page("Patient", SEGMENTS["instants descending"], 5, position)


async def test_terms_are_sought_one_by_one_where_they_are_few_or_a_scan_would_be_long(
    store: Store, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        await put(store, patient(n=number), f"p{number}", Entry(["|live", f"u|{number % 6}"], o=f"{number:02}"))
    leap = Leap({}, Span("t", "", "u|", "u}"), re.compile("[24]"))
    scan = Scan({"t": {"$in": ["u|2", "u|4"]}}, Span("t", "", "u|", "u}"))
    monkeypatch.setattr(searches, "FEW_LEAPS", 3)
    scanned = await store.page("Patient", (leap, scan), 1)
    assert (await _all(store, (leap, scan), 1)) == ["p2", "p8", "p4", "p10"]
    assert (scanned.last or ())[0] == 1
    large = await open_store(max_scanned=5)
    sought = await large.page("Patient", (leap, scan), 1)
    assert (await _all(large, (leap, scan), 1)) == ["p2", "p8", "p4", "p10"]
    assert (sought.last or (1,))[0] == 0
    monkeypatch.setattr(searches, "MOST_LEAPS", 5)
    with pytest.raises(TooCostly, match="more than 5 different values"):
        await (await open_store(max_scanned=5)).page("Patient", (leap, scan), 1)
    assert await store.size("Patient") == 12


@pytest.mark.parametrize("new", [0, 1, searches.NEW_LEAPS - 1, searches.NEW_LEAPS, 30])
async def test_terms_are_remembered_and_new_ones_found(
    store: Store, open_store: Opener, monkeypatch: pytest.MonkeyPatch, new: int
) -> None:
    async def made(numbers: range) -> None:
        for number in numbers:
            await put(store, patient(n=number), f"p{number:02}", Entry(["|live", f"u|{number:02}"], o=f"{number:02}"))

    await made(range(0, 40, 2))
    leap = Leap({}, Span("t", "", "u|", "u}"), re.compile("."))
    searching = await open_store()
    assert len(await _all(searching, (leap,), 50)) == 20
    await made(range(1, 2 * new, 2))
    await store.remove("Patient", "p04")
    asked: list[Ask] = []
    rows_of = searches.rows_of

    async def counted(ctx: Context, type: str, ask: Ask, limit: int) -> list[dict[str, Any]]:
        asked.append(ask)
        return await rows_of(ctx, type, ask, limit)

    monkeypatch.setattr(searches, "rows_of", counted)
    expected = sorted({*range(0, 40, 2), *range(1, 2 * new, 2)} - {4})
    assert await _all(searching, (leap,), 100) == [f"p{number:02}" for number in expected]
    if new < searches.NEW_LEAPS:
        assert len(asked) == new + 2
    assert await _all(searching, (leap,), 100) == await _all(await open_store(), (leap,), 100)


def test_of_the_terms_that_were_sought_the_latest_and_not_the_many_are_remembered() -> None:
    remembered, spans = Leaps(), [Span("t", "", str(number), "~") for number in range(leaps.MOST_SPANS + 2)]
    for span in spans:
        remembered.remember(("Patient", span), ["a"])
    assert [bool(remembered.known(("Patient", span))) for span in spans] == [False] * 2 + [True] * leaps.MOST_SPANS
    remembered.remember(("Patient", spans[-1]), ["a"] * (leaps.MOST_TERMS + 1))
    assert remembered.known(("Patient", spans[-1])) == []
