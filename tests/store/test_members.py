"""Groups of any size: members come back in order for every version, and one more costs the same at any size."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as options
from hypothesis import strategies as st

from fhirserver.errors import Gone, NotFound, PreconditionFailed
from fhirserver.settings import Settings
from fhirserver.store.alignment import align
from fhirserver.store.client import connect
from fhirserver.store.documents import Query
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.store.things import Entry, body, group, member, put

members_lists = st.lists(
    st.tuples(st.integers(0, 6), st.booleans()).map(lambda m: member(m[0], inactive=m[1])), max_size=8
)
actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), members_lists),
        st.tuples(st.just("add"), members_lists),
        st.tuples(st.just("remove"), st.lists(st.integers(0, 6).map(lambda n: f"Patient/{n}"), max_size=3)),
        st.tuples(st.just("set"), st.integers(0, 6)),
        st.tuples(st.just("delete"), st.none()),
    ),
    max_size=12,
)


def _members(version: Any) -> list[Any]:
    found: list[Any] = body(version).get("member", [])
    return found


@given(actions)
@options(max_examples=25, deadline=None)
def test_every_version_is_what_a_list_of_lists_says(mongodb_uri_for_models: str, steps: list[tuple[str, Any]]) -> None:
    async def run() -> None:
        chosen = Settings(database=f"test_model_{random.getrandbits(64):x}", cache_mb=0)
        store = await connect(chosen, mongodb_uri_for_models)
        try:
            await _follow(store, steps)
        finally:
            await store._ctx.db.client.drop_database(chosen.database)
            await store.close()

    asyncio.run(run())


async def _follow(store: Store, steps: list[tuple[str, Any]]) -> None:
    """Does the same to the store and to a list of versions, None for a deletion."""
    model: list[list[Any] | None] = []
    for name, value in [("put", []), *steps]:
        now = model[-1] if model else None
        match name:
            case "put":
                new: list[Any] | None = list(value)
                await put(store, group(*value), "g")
            case "delete":
                new = None
                await store.remove("Group", "g")
            case _ if now is None:
                with pytest.raises(Gone):
                    await store.add_members("g", [member(1)], release="R5")
                continue
            case "add":
                new = [*now, *value]
                await store.add_members("g", value, release="R5")
            case "remove":
                new = [m for m in now if m["entity"]["reference"] not in value]
                await store.remove_members("g", value, release="R5")
            case _:
                reference = f"Patient/{value}"
                new = [{**m, "set": True} if m["entity"]["reference"] == reference else m for m in now]
                if not any(m["entity"]["reference"] == reference for m in now):
                    with pytest.raises(NotFound):
                        await store.set_member("g", reference, lambda m: m, release="R5")
                    continue
                await store.set_member("g", reference, lambda m: {**m, "set": True}, release="R5")
        if not model or new != model[-1]:
            model.append(new)
        for number, expected in enumerate(model, 1):
            version = await store.read_version("Group", "g", number)
            assert version is not None
            assert version.gone == (expected is None)
            if expected is not None:
                assert _members(version) == expected
        current = model[-1]
        assert await store.member_count("g") == len(current or [])
        for n in range(7):
            there = any(m["entity"]["reference"] == f"Patient/{n}" for m in current or [])
            assert await store.has_member("g", f"Patient/{n}") == there
            assert await store.groups_of(f"Patient/{n}") == (["g"] if there else [])
    assert await store.read_version("Group", "g", len(model) + 1) is None


@pytest.fixture(scope="module")
def mongodb_uri_for_models(mongod: Any) -> str:
    uri: str = mongod.uri
    return uri


@given(
    st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"e"])), st.lists(st.sampled_from([b"a", b"b", b"c", b"d", b"f"]))
)
def test_an_alignment_gives_the_new_list_in_order(old: list[bytes], new: list[bytes]) -> None:
    orders = [float(i) for i in range(len(old))]
    plan = align(old, orders, new, float(len(old)))
    rows = [(orders[i], item) for i, item in enumerate(old) if i not in plan.removed]
    rows += [(order, new[i]) for i, order in plan.added]
    assert [item for _, item in sorted(rows)] == new
    assert len({order for order, _ in rows}) == len(rows)
    assert all(order < plan.next for order, _ in rows)


def test_an_alignment_moves_as_little_as_possible() -> None:
    old = [b"%d" % i for i in range(1000)]
    orders = [float(i) for i in range(1000)]
    assert align(old, orders, [*old, b"x"], 1000.0).added == [(1000, 1000.0)]
    assert align(old, orders, [b"x", *old], 1000.0).added == [(0, -1.0)]
    assert align(old, orders, old[:500] + old[501:], 1000.0).removed == [500]
    assert align(old, orders, [*old[:500], b"x", *old[500:]], 1000.0).added == [(500, 499.5)]


def test_an_alignment_numbers_anew_where_nothing_fits_between() -> None:
    close = [1.0, 1.0000000000000002, 2.0]
    plan = align([b"a", b"b", b"c"], close, [b"a", b"x", b"b", b"c"], 3.0)
    assert plan.removed == [1, 2]
    assert plan.added == [(1, 3.0), (2, 4.0), (3, 5.0)]


async def test_a_group_reads_as_sent_with_its_properties_in_order(store: Store, open_store: Opener) -> None:
    sent = {"resourceType": "Group", "type": "person", "member": [member(2), member(1), member(2)], "name": "z"}
    written = await put(store, sent, "g", Entry(t=["|live", "member|Patient/1", "type|person"]))
    other = await open_store()
    read = await other.read("Group", "g")
    assert read == written.version
    assert list(body(read)) == ["resourceType", "id", "meta", "type", "member", "name"]
    assert _members(read) == sent["member"]
    stored = await store._ctx.of("Group").find_one({"_id": "g"})
    assert stored is not None
    assert stored["r"]["member"] == []
    assert stored["t"] == ["|live", "type|person"]
    assert not (await put(other, sent, "g")).changed
    with pytest.raises(PreconditionFailed):
        await put(other, group(), "g", expected=4)


async def test_touch_and_index_change_the_rest_of_the_group(store: Store) -> None:
    await put(store, {**group(member(1)), "quantity": 1, "name": "n"}, "g", Entry(t=["|live", "name|n"]))
    added = await store.add_members(
        "g",
        [member(2)],
        release="R5",
        touch=lambda g: {**g, "quantity": g["quantity"] + 1},
        index=lambda g: Entry(t=["|live", f"quantity|{g['quantity']}", "member|Patient/2"]),
    )
    assert (added.version, added.count, added.changed) == (2, 2, True)
    read = body(await store.read("Group", "g"))
    assert (read["quantity"], read["name"], len(read["member"])) == (2, "n", 2)
    assert await store.count("Group", {"t": "quantity|2"}) == 1
    assert await store.count("Group", {"t": "member|Patient/2"}) == 0
    assert not (await store.add_members("g", [], release="R5")).changed
    assert not (await store.remove_members("g", ["Patient/77"], release="R5")).changed
    assert not (await store.set_member("g", "Patient/1", lambda m: m, release="R5")).changed


async def test_members_of_what_is_not_there_are_refused(store: Store) -> None:
    with pytest.raises(NotFound):
        await store.add_members("g", [member(1)], release="R5")
    await put(store, group(member(1)), "g")
    await store.remove("Group", "g")
    with pytest.raises(Gone):
        await store.remove_members("g", ["Patient/1"], release="R5")
    assert await store.member_count("g") == await store.member_count("none") == 0


async def test_100_concurrent_additions_are_all_there(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(3)]
    await put(stores[0], group(quantity=0), "g")
    await asyncio.gather(
        *(
            stores[n % 3].add_members(
                "g", [member(n)], release="R5", touch=lambda g: {**g, "quantity": g["quantity"] + 1}
            )
            for n in range(100)
        )
    )
    read = body(await stores[1].read("Group", "g"))
    assert read["quantity"] == len(read["member"]) == await stores[2].member_count("g") == 100
    assert {m["entity"]["reference"] for m in read["member"]} == {f"Patient/{n}" for n in range(100)}
    assert read["meta"]["versionId"] == "101"


async def test_the_groups_of_an_entity_are_listed_by_page(store: Store) -> None:
    for number in range(5):
        await put(store, group(member(1), member(1), member(number + 2)), f"g{number}")
    assert await store.groups_of("Patient/1", 3) == ["g0", "g1", "g2"]
    assert await store.groups_of("Patient/1", 3, "g2") == ["g3", "g4"]
    page = await store.find("Group", Query({"t": "|live"}))
    assert [len(_members(v)) for v in page.items] == [3] * 5


async def _cost(store: Store, marker: str) -> tuple[int, int, int]:
    """Documents and keys examined, and operations, of adding one member: what the database itself counted."""
    db = store._ctx.db
    await db.drop_collection("system.profile")
    await db.command({"profile": 2})
    await store.add_members("g", [member(marker)], release="R5", touch=lambda g: {**g, "quantity": marker})
    await db.command({"profile": 0})
    done = (
        await db["system.profile"].find({"ns": {"$not": {"$regex": "profile$"}}, "op": {"$ne": "none"}}).to_list(None)
    )
    return sum(d.get("docsExamined", 0) for d in done), sum(d.get("keysExamined", 0) for d in done), len(done)


async def test_adding_one_member_costs_the_same_at_10_and_at_100_000(store: Store) -> None:
    await put(store, group(*map(member, range(10))), "g")
    await store.add_members("g", [member("warm")], release="R5")
    small = await _cost(store, "a")
    for begin in range(0, 100_000, 20_000):
        await store.add_members("g", [member(n) for n in range(begin, begin + 20_000)], release="R5")
    large = await _cost(store, "b")
    assert small == large
    assert small[0] <= 4
    stored = await store._ctx.of("Group").find_one({"_id": "g"})
    assert len(str(stored)) < 1000
    read = await store.read("Group", "g")
    assert len(_members(read)) == 100_013
    assert _members(read)[-1] == member("b")
