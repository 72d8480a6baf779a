"""The history of one resource: a page costs the same however many versions there are and wherever it lies."""

from __future__ import annotations

from datetime import timedelta

from fhirserver.fhirjson import Interval
from fhirserver.store.marks import Window
from fhirserver.store.store import Store, Tx
from tests.conftest import Opener
from tests.store.things import history, member, patient, put


async def cost(store: Store, numbers: range) -> tuple[int, int, int]:
    """Keys and documents that the database examined for a page, and its operations."""
    db = store._ctx.db
    await db.drop_collection("system.profile")
    await db.command({"profile": 2})
    found = await store.versions("Patient", "1", numbers)
    await db.command({"profile": 0})
    assert [version.version for version in found] == list(numbers)
    done = await db["system.profile"].find({"ns": {"$not": {"$regex": "profile$"}}, "op": {"$ne": "none"}}).to_list()
    return sum(d.get("keysExamined", 0) for d in done), sum(d.get("docsExamined", 0) for d in done), len(done)


async def update(store: Store, turns: range) -> None:
    """Writes a version for each turn, many in a transaction: that is much faster than each on its own."""
    for begin in range(turns.start, turns.stop, 50):

        async def work(tx: Tx, some: range = turns[begin - turns.start :][:50]) -> None:
            for turn in some:
                await put(tx, patient(n=turn), "1")

        await store.transact(work)


async def test_after_1000_updates_a_page_costs_what_it_cost_before(open_store: Opener) -> None:
    writer, reader = await open_store(), await open_store(cache_mb=0)
    await update(writer, range(60))
    before = [await cost(reader, range(start, start - 20, -1)) for start in (60, 40, 20)]
    await update(writer, range(60, 1000))
    after = [await cost(reader, range(start, start - 20, -1)) for start in (1000, 500, 20)]
    ascending = [await cost(reader, range(start, start + 20)) for start in (981, 481, 1)]
    assert before == after == ascending
    keys, documents, operations = map(max, zip(*after, strict=True))
    # The head of the current version, twenty marks, twenty bodies.
    assert documents <= 41
    assert keys <= 42
    assert operations <= 4
    # The first page differs from the others by the current version, which lies apart.
    assert after[1] == after[2]


async def test_a_bound_of_time_is_found_in_few_looks(open_store: Opener) -> None:
    writer, reader = await open_store(), await open_store(cache_mb=0)
    await update(writer, range(300))
    (middle,) = await writer.versions("Patient", "1", range(150, 151))
    db = reader._ctx.db
    await db.command({"profile": 2})
    extent = await reader.extent("Patient", "1", Window(during=Interval(middle.at, middle.at + timedelta(days=1))))
    await db.command({"profile": 0})
    assert extent is not None
    assert extent.first <= 150
    assert extent.last == 300
    done = await db["system.profile"].find({"ns": {"$regex": "history$"}}).to_list()
    assert sum(d["keysExamined"] for d in done) <= len(done) <= 10


async def test_a_roster_of_many_versions_is_read_with_each_member_once(store: Store, open_store: Opener) -> None:
    await put(store, {"resourceType": "Group", "member": [member(n) for n in range(50)]}, "g")
    for number in range(50, 60):
        await store.add_members("g", [member(number)], release="R5")
        await store.remove_members("g", [f"Patient/{number - 50}"], release="R5")
    reader = await open_store()
    db = reader._ctx.db
    await db.command({"profile": 2})
    found = await history(reader, "Group", "g", limit=30)
    await db.command({"profile": 0})
    expected = [await store.read_version("Group", "g", number) for number in range(21, 0, -1)]
    assert found == expected
    done = await db["system.profile"].find({"ns": {"$regex": "members$"}}).to_list()
    assert [d["docsExamined"] for d in done] == [60]
