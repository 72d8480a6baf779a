"""The history of types: one order over current and superseded versions, whole and without repetition in pages."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.fhirjson import Interval
from fhirserver.search import order, presence
from fhirserver.search.indexing import entry
from fhirserver.search.segments import Ordered, Placed
from fhirserver.settings import Settings
from fhirserver.store import changes, marks
from fhirserver.store.changes import Ask
from fhirserver.store.client import connect
from fhirserver.store.documents import Version
from fhirserver.store.embedded import Mongod
from fhirserver.store.indexes import LAYOUT
from fhirserver.store.marks import Window
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.store.things import Entry, body, group, member, patient, put

TYPES = ["Basic", "Group", "Patient"]
START = datetime(2024, 2, 1, tzinfo=UTC)
Place = tuple[datetime, str, str, int]


@dataclass(frozen=True)
class Life:
    """A resource by the instants of its versions in ticks; `gone` are deletions, `torn` what a crashed write leaves."""

    type: str
    id: str
    ticks: tuple[int, ...]
    gone: frozenset[int]
    torn: bool

    def places(self) -> list[Place]:
        return [(tick(t), self.type, self.id, number) for number, t in enumerate(self.ticks, 1)]


def tick(number: int) -> datetime:
    return START + timedelta(milliseconds=number)


lives = st.lists(
    st.builds(
        Life,
        st.sampled_from(TYPES),
        st.sampled_from(["a", "a-1", "a.1", "a0", "b"]),
        st.lists(st.integers(0, 6), min_size=1, max_size=5).map(lambda ticks: tuple(sorted(ticks))),
        st.frozensets(st.integers(1, 5)),
        st.booleans(),
    ),
    max_size=12,
    unique_by=lambda life: (life.type, life.id),
)
instants = st.none() | st.integers(-1, 7).map(tick)
periods = st.none() | st.tuples(st.integers(-1, 7), st.integers(1, 4)).map(
    lambda pair: Interval(tick(pair[0]), tick(pair[0] + pair[1]))
)


@pytest.fixture(scope="module")
async def bare(mongod: Mongod, module_database: str) -> Any:
    """A store whose documents the tests lay down themselves; it remembers nothing."""
    store = await connect(Settings(mongodb_uri=mongod.uri, database=module_database, cache_mb=0), mongod.uri)
    for type_ in TYPES:
        await store.ensure(type_)
    yield store
    await store.close()


async def lay(store: Store, all_lives: Sequence[Life]) -> None:
    db = store._ctx.db
    for name in (*TYPES, "history"):
        await db[name].delete_many({})
    for life in all_lives:
        documents = [
            {"v": number, "at": tick(t), "gone": number in life.gone, "rel": "R5"}
            | ({} if number in life.gone else {"r": {"resourceType": life.type, "id": life.id, "n": number}})
            for number, t in enumerate(life.ticks, 1)
        ]
        await db[life.type].insert_one({"_id": life.id, **documents[-1]})
        old = documents if life.torn else documents[:-1]
        named = [
            {"_id": f"{life.type}/{life.id}/{made['v']:010}", "ty": life.type, "id": life.id, **made} for made in old
        ]
        if named:
            await db["history"].insert_many(named)


def expected(all_lives: Sequence[Life], types: Sequence[str], ask: Ask) -> list[Place]:
    """What the specification says, version by version."""
    found = []
    for life in all_lives:
        if life.type not in types:
            continue
        places = life.places()
        for place, until in zip(places, [*(p[0] for p in places[1:]), datetime.max.replace(tzinfo=UTC)], strict=True):
            since, during = ask.window.since, ask.window.during
            if since is not None and place[0] < since:
                continue
            if during is not None and not (place[0] < during.high and until > during.low):
                continue
            found.append(place)
    return sorted(found, reverse=ask.descending)


def place(version: Version) -> Place:
    return version.at, version.type, version.id, version.version


async def pages(store: Store, types: Sequence[str], ask: Ask) -> list[list[Version]]:
    found: list[list[Version]] = []
    for _ in range(200):
        page = await store.changes(types, ask)
        found.append(page.items)
        if not page.more:
            return found
        ask = replace(ask, after=page.last)
    raise AssertionError("the pages do not end")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lives,
    st.sampled_from([TYPES, ["Patient"], ["Patient", "Basic"]]),
    instants,
    periods,
    st.booleans(),
    st.integers(1, 4),
    st.integers(1, 20),
    st.integers(1, 3),
)
async def test_pages_hold_every_version_of_the_window_once_in_order(
    bare: Store,
    monkeypatch: pytest.MonkeyPatch,
    all_lives: list[Life],
    types: list[str],
    since: datetime | None,
    during: Interval | None,
    descending: bool,
    limit: int,
    look: int,
    few: int,
) -> None:
    monkeypatch.setattr(changes, "LOOK", look)
    monkeypatch.setattr(changes, "FEW", few)
    await lay(bare, all_lives)
    ask = Ask(Window(since, during), descending, limit)
    found = await pages(bare, types, ask)
    assert all(len(page) <= limit for page in found)
    assert [place(version) for page in found for version in page] == expected(all_lives, types, ask)
    for version in (version for page in found for version in page):
        life = next(life for life in all_lives if (life.type, life.id) == (version.type, version.id))
        assert version.gone == (version.version in life.gone)
        assert version.gone or body(version)["n"] == version.version


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives.filter(bool), instants, periods)
async def test_the_extent_of_one_resource_is_that_of_its_types_history(
    bare: Store, all_lives: list[Life], since: datetime | None, during: Interval | None
) -> None:
    await lay(bare, all_lives)
    for life in all_lives:
        ask = Ask(Window(since, during), descending=False)
        wanted = [number for _, _, id_, number in expected([life], TYPES, ask) if id_ == life.id]
        extent = await bare.extent(life.type, life.id, ask.window)
        assert extent is not None
        assert list(range(extent.first, extent.last + 1)) == wanted
        for numbers in (range(extent.first, extent.last + 1), range(extent.last, extent.first - 1, -1)):
            found = await bare.versions(life.type, life.id, numbers)
            assert [version.version for version in found] == list(numbers)


@pytest.mark.parametrize("descending", [True, False])
async def test_what_was_there_at_the_first_page_is_met_once_while_others_write(
    open_store: Opener, descending: bool
) -> None:
    reader, writer = await open_store(cache_mb=0), await open_store()
    there: set[tuple[str, int]] = set()
    for number in range(40):
        for turn in range(2):
            written = await put(writer, patient(n=turn), str(number))
            there.add((written.version.id, written.version.version))
    done = asyncio.Event()

    async def write() -> None:
        turn = 2
        while not done.is_set():
            for number in range(0, 40, 3):
                await put(writer, patient(n=turn), str(number))
            turn += 1

    task = asyncio.create_task(write())
    met: list[tuple[str, int]] = []
    ask = Ask(descending=descending, limit=7)
    while True:
        page = await reader.changes(["Patient"], ask)
        met += [(version.id, version.version) for version in page.items]
        if not page.more or len(met) > 400:
            break
        ask = replace(ask, after=page.last)
    done.set()
    await task
    assert len(set(met)) == len(met)
    assert there <= set(met)


async def test_what_is_superseded_during_a_look_is_not_missed(open_store: Opener) -> None:
    reader, writer = await open_store(), await open_store()
    for number in range(30):
        await put(writer, patient(n=0), str(number))
    # What lies between makes the look take its time.
    await reader.ensure("Basic")
    await reader._ctx.db["Basic"].insert_many([current for current, _ in many("Basic", 3000)])
    done = asyncio.Event()

    async def write(share: int) -> None:
        turn = 1
        while not done.is_set():
            for number in range(share, 30, 3):
                await put(writer, patient(n=turn), str(number))
            turn += 1

    tasks = [asyncio.create_task(write(share)) for share in range(3)]
    for _ in range(8):
        seen: dict[str, list[int]] = {}
        for version in (await reader.changes(["Basic", "Patient"], Ask(limit=20_000))).items:
            if version.type == "Patient":
                seen.setdefault(version.id, []).append(version.version)
        assert len(seen) == 30
        assert all(numbers == list(range(len(numbers), 0, -1)) for numbers in seen.values())
    done.set()
    await asyncio.gather(*tasks)


async def test_a_group_is_shown_with_the_members_of_each_version(store: Store, open_store: Opener) -> None:
    await put(store, group(member(1), member(2)), "g")
    await store.add_members("g", [member(3)], release="R5")
    await store.remove_members("g", ["Patient/1"], release="R5")
    await put(store, group(member(9)), "h")
    await store.remove("Group", "g")
    reader = await open_store()
    found = (await reader.changes(["Group"], Ask())).items
    shown = {
        (version.id, version.version): [one["entity"]["reference"][8:] for one in body(version)["member"]]
        for version in found
        if not version.gone
    }
    assert shown == {("g", 1): ["1", "2"], ("g", 2): ["1", "2", "3"], ("g", 3): ["2", "3"], ("h", 1): ["9"]}
    assert [(version.version, version.origin) for version in found if version.id == "g"][-1] == (1, "PUT")
    assert [version.origin for version in found if version.id == "g"] == [None, None, None, "PUT"]
    assert found == (await store.changes(["Group"], Ask())).items


async def test_a_page_ends_early_when_its_versions_are_large(
    store: Store, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(marks, "PAGE_BYTES", 30_000)
    for number in range(6):
        await put(store, patient(text=str(number) * 12_000), "1")
    await put(store, group(*map(member, range(500))), "g")
    reader = await open_store()
    found = await pages(reader, ["Group", "Patient"], Ask())
    assert [len(page) for page in found] == [1, 2, 2, 2]
    assert len(await reader.versions("Patient", "1", range(6, 0, -1))) == 2
    assert len(await reader.versions("Patient", "1", range(1, 2))) == 1


async def test_a_transaction_sees_its_own_versions(store: Store) -> None:
    await put(store, patient(n=1), "1")

    async def work(tx: Any) -> list[tuple[str, int]]:
        await put(tx, patient(n=2), "1")
        await put(tx, patient(n=1), "2")
        page = await tx.changes(["Basic", "Patient"], Ask())
        return [(version.id, version.version) for version in page.items]

    assert sorted(await store.transact(work)) == [("1", 1), ("1", 2), ("2", 1)]


async def test_what_has_no_lens_is_apart_in_each_release_and_what_has_one_is_the_same_in_all(store: Store) -> None:
    older = store.seen_in("R4")
    await put(store, {"resourceType": "Encounter"}, "1")
    await older.put({"resourceType": "Encounter"}, type="Encounter", id="1", release="R4", entry=Entry())
    await older.put({"resourceType": "Encounter", "x": 1}, type="Encounter", id="1", release="R4", entry=Entry())
    await put(store, patient(), "1")
    seen = {}
    for name, each in (("R5", store), ("R4", older)):
        found = (await each.changes(["Encounter", "Patient"], Ask(descending=False))).items
        seen[name] = [(version.type, version.version, version.release) for version in found]
        assert await each.types() == ["Encounter", "Patient"]
    assert seen["R5"] == [("Encounter", 1, "R5"), ("Patient", 1, "R5")]
    assert seen["R4"] == [("Encounter", 1, "R4"), ("Encounter", 2, "R4"), ("Patient", 1, "R5")]
    assert (await store.changes([], Ask())).items == []
    current = await older.read("Encounter", "1")
    before = await older.read_version("Encounter", "1", 1)
    assert current is not None
    assert before is not None
    assert (current.type, current.version, before.version) == ("Encounter", 2, 1)
    assert fhirjson.loads(current.body)["resourceType"] == "Encounter"
    assert await older.remove("Encounter", "1") is not None
    there = await store.read("Encounter", "1")
    assert there is not None
    assert not there.gone


async def test_layout_1_is_read_and_found_after_its_migration(
    store: Store, settings: Settings, mongodb_uri: str
) -> None:
    for turn in range(3):
        await put(store, patient(n=turn), "a.b-1", create_only=turn == 0)
    await put(store, patient(n=1), "z")
    db = store._ctx.db
    await db["history"].drop_indexes()
    await db["history"].update_many({}, {"$unset": {"ty": "", "id": "", "by": ""}})
    await db["Patient"].update_many({}, {"$unset": {"by": ""}})
    await db["meta"].update_one({"_id": "layout"}, {"$set": {"number": 1}})
    again = await connect(settings, mongodb_uri)
    found = (await again.changes(["Patient"], Ask())).items
    assert [(version.id, version.version, version.origin) for version in found] == [
        ("z", 1, None),
        ("a.b-1", 3, None),
        ("a.b-1", 2, None),
        ("a.b-1", 1, None),
    ]
    assert (await db["meta"].find_one({"_id": "layout"}) or {})["number"] == LAYOUT
    await again.close()


async def test_layout_2_is_searched_after_its_migration(store: Store, settings: Settings, mongodb_uri: str) -> None:
    sent = patient(name=[{"family": "Berg"}], birthDate="1980-05-05", active=True)
    for turn in range(2):
        await put(store, sent | {"language": f"x-{turn}"}, "1")
    await put(store, sent, "2")
    await store.remove("Patient", "2")
    db = store._ctx.db
    await db["Patient"].drop_indexes()
    await db["Patient"].create_index([("t", 1), ("_id", 1)], name="postings")
    await db["Patient"].create_index([("x.k", 1), ("x.lo", 1), ("x.hi", 1)], name="ranges")
    await db["Patient"].update_many(
        {"gone": False}, {"$unset": {"w": "", "o": ""}, "$set": {"t": ["|live"], "x": [], "s": {}}}
    )
    await db["meta"].update_one({"_id": "layout"}, {"$set": {"number": 2}})
    again = await connect(settings, mongodb_uri)
    page = await again.page("Patient", (Placed({"t": "family|berg"}),), 5)
    assert [version.id for version in page.items] == ["1"]
    there = presence.terms("R5", "Patient", "birthdate", missing=False)
    page = await again.page("Patient", (Placed({"t": {"$in": there}}), Ordered({}, "family", -1)), 5)
    assert [version.version for version in page.items] == [2, 2]
    assert set(await db["Patient"].index_information()) == {"_id_", "postings", "ranges", "sorts", "changes"}
    assert await again.count("Patient", {"t": "|live"}) == 1
    await again.close()


async def test_layout_3_is_searched_by_parts_after_its_migration(
    store: Store, settings: Settings, mongodb_uri: str
) -> None:
    strings = {"name": ["van der berg", "eva"], "name:exact": ["van der Berg", "Eva"], "address": ["oslo"]}
    await put(store, patient(), "1", Entry(["|live"], f=strings | {"address:exact": ["Oslo"]}))
    db = store._ctx.db
    await db["meta"].update_one({"_id": "layout"}, {"$set": {"number": 3}})
    again = await connect(settings, mongodb_uri)
    for term, found in (("|3|erg", 1), ("|3|va ", 1), ("name:word|der", 1), ("|3|osl", 0)):
        assert await again.count("Patient", {"t": term}) == found, term
    await again.close()


async def test_layout_3_is_searched_by_what_r4_calls_a_parameter_after_its_migration(
    store: Store, settings: Settings, mongodb_uri: str
) -> None:
    subject = {"resourceType": "ResearchSubject", "status": "active", "progress": [state("candidate")]}
    await put(store, subject, "1", Entry(["|live", "kept|x"]))
    db = store._ctx.db
    await db["meta"].update_one({"_id": "layout"}, {"$set": {"number": 3}})
    again = await connect(settings, mongodb_uri)
    for term in ("|live", "kept|x", "R4-status|candidate", "|has|R4-status|1"):
        assert await again.count("ResearchSubject", {"t": term}) == 1, term
    assert await again.count("ResearchSubject", {"s.R4-status": {"$gt": ""}}) == 1
    assert await again.count("ResearchSubject", {"t": "status|active"}) == 0
    await again.close()


async def test_layout_4_lies_in_the_order_of_its_dates_after_its_migration(
    store: Store, settings: Settings, mongodb_uri: str
) -> None:
    dates = {"1": "2020-03-05T10:00:00Z", "2": "2020-03-05", "3": "2020-03", "4": "2020", "5": None}
    for id_, date in dates.items():
        observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
        found = observation | ({"effectiveDateTime": date} if date else {})
        await put(store, found, id_, entry("R5", found))
    db = store._ctx.db
    classes = {each["_id"]: each["w"] async for each in db["Observation"].find()}
    assert [classes[id_] for id_ in dates] == [order.MOMENTS, order.DAYS, order.MONTHS, order.YEARS, order.NONE]
    earlier = {order.MOMENTS: 1, order.DAYS: 1, order.MONTHS: 2, order.YEARS: 2, order.NONE: 0}
    for id_, class_ in classes.items():
        await db["Observation"].update_one({"_id": id_}, {"$set": {"w": earlier[class_]}})
    await db["meta"].update_one({"_id": "layout"}, {"$set": {"number": 4}})
    again = await connect(settings, mongodb_uri)
    assert {each["_id"]: each["w"] async for each in db["Observation"].find()} == classes
    await again.close()


def state(code: str) -> dict[str, Any]:
    system = "http://terminology.hl7.org/CodeSystem/research-subject-state"
    kind = {"coding": [{"system": f"{system}-type", "code": "Enrollment"}]}
    return {"type": kind, "subjectState": {"coding": [{"system": system, "code": code}]}, "startDate": "2024-01-02"}


# --- what a page costs --------------------------------------------------------------------------------------------


async def cost(store: Store, types: Sequence[str], ask: Ask) -> tuple[int, int, int]:
    """Keys and documents that the database examined for a page, and its operations."""
    db = store._ctx.db
    await db.drop_collection("system.profile")
    await db.command({"profile": 2})
    page = await store.changes(types, ask)
    await db.command({"profile": 0})
    assert len(page.items) == ask.limit
    done = await db["system.profile"].find({"ns": {"$not": {"$regex": "profile$"}}, "op": {"$ne": "none"}}).to_list()
    return sum(d.get("keysExamined", 0) for d in done), sum(d.get("docsExamined", 0) for d in done), len(done)


def many(type_: str, count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Resources of one type with a superseded version each, many at every instant."""
    for number in range(count):
        name = f"{number:06}"
        made = {"gone": False, "rel": "R5", "r": {"resourceType": type_, "id": name}}
        old = {"_id": f"{type_}/{name}/0000000001", "ty": type_, "id": name, "v": 1, "at": tick(number // 50)}
        yield {"_id": name, "v": 2, "at": tick(number // 50 + 30), **made}, old | made


@pytest.mark.parametrize("descending", [True, False])
async def test_a_page_costs_the_same_first_and_last_in_a_small_store_and_in_a_large_one(
    open_store: Opener, descending: bool
) -> None:
    store = await open_store(cache_mb=0)
    db = store._ctx.db
    costs: dict[str, set[tuple[int, int, int]]] = {"type": set(), "system": set()}
    for size in (400, 4000):
        for type_ in TYPES:
            await store.ensure(type_)
            await db[type_].delete_many({})
            pairs = list(many(type_, size))
            await db[type_].insert_many([current for current, _ in pairs])
            await db["history"].delete_many({"ty": type_})
            await db["history"].insert_many([old for _, old in pairs])
        ask = Ask(Window(since=tick(0)), descending, limit=20)
        near, far = (tick(2), tick(size // 50)) if not descending else (tick(size // 50), tick(2))
        for after in (None, (near, "Group", "000123", 1), (far, "Group", "000007", 1)):
            costs["type"].add(await cost(store, ["Group"], replace(ask, after=after)))
            costs["system"].add(await cost(store, TYPES, replace(ask, after=after)))
    # Of each source 21 keys are looked at, of 42 of these the first are taken, and the bodies of 20 are read by id.
    keys, documents, operations = map(max, zip(*costs["type"], strict=True))
    assert keys <= 2 * 21 + 2 * 20 + 4
    assert documents <= 2 * 21 + 20 + 4
    assert operations <= 3
    keys, documents, operations = map(max, zip(*costs["system"], strict=True))
    assert keys <= 3 * 2 * (8 + 21) + 2 * 20 + 12
    assert documents <= 3 * 2 * (8 + 21) + 20 + 12
    assert operations <= 2 + 4


async def test_what_was_current_long_ago_is_looked_for_in_pages_that_look_at_few(open_store: Opener) -> None:
    store = await open_store(cache_mb=0)
    made = [
        {"_id": f"Patient/1/{v:010}", "ty": "Patient", "id": "1", "v": v, "at": tick(v), "gone": False, "rel": "R5",
         "r": {"resourceType": "Patient", "id": "1"}}
        for v in range(1, 3000)
    ]  # fmt: skip
    await store.ensure("Patient")
    await store._ctx.db["history"].insert_many(made)
    current = {key: value for key, value in made[-1].items() if key not in ("ty", "id")}
    await store._ctx.db["Patient"].insert_one(current | {"_id": "1", "v": 3000, "at": tick(3000)})
    ask = Ask(Window(during=Interval(tick(2999), tick(3001))), descending=True)
    sizes = [len(page) for page in await pages(store, ["Patient"], ask)]
    assert sum(sizes) == 2
    assert len(sizes) == 3000 // changes.LOOK + 1
