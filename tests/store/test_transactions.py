"""Several writes that happen all or not at all, and locks that serialise them across processes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fhirserver.errors import Conflict, Duplicate, PreconditionFailed
from fhirserver.store import transactions
from fhirserver.store.documents import Put
from fhirserver.store.store import Store, Tx
from tests.conftest import Opener
from tests.store.things import Entry, body, group, history, member, patient, put


def _put(resource: dict[str, Any], id: str, **options: Any) -> Put:
    return Put(resource, resource["resourceType"], id, "R5", Entry(), **options)


async def test_100_increments_under_a_lock_end_at_100(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(4)]
    await put(stores[0], patient(n=0), "1")

    async def increment(tx: Tx) -> None:
        n = body(await tx.read("Patient", "1"))["n"]
        await put(tx, patient(n=n + 1), "1")

    await asyncio.gather(*(stores[n % 4].transact(increment, locks=["counter"]) for n in range(100)))
    assert body(await stores[1].read("Patient", "1"))["n"] == 100
    assert len(await history(stores[1], "Patient", "1", limit=200)) == 101


async def test_who_looks_before_writing_elsewhere_needs_a_common_lock_and_gets_it(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(3)]

    async def create_unless_there(tx: Tx, id_: str) -> bool:
        if await tx.count("Patient", {"t": "identifier|x"}, cap=1):
            return False
        await put(tx, patient(), id_, Entry(t=["|live", "identifier|x"]), create_only=True)
        return True

    made = await asyncio.gather(
        *(
            stores[n % 3].transact(lambda tx, n=n: create_unless_there(tx, f"p{n}"), locks=["Patient?x"])
            for n in range(30)
        )
    )
    assert sum(made) == 1
    assert await stores[0].count("Patient", {"t": "identifier|x"}) == 1


async def test_locks_taken_in_any_order_do_not_block_each_other_for_good(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(2)]
    await stores[0].ensure("Patient")
    orders = [["a", "b", "c"], ["c", "b", "a"], ["b", "a"], ["c"]]
    await asyncio.wait_for(
        asyncio.gather(
            *(
                stores[n % 2].transact(lambda tx, n=n: put(tx, patient(n=n), f"p{n}"), locks=orders[n % 4])
                for n in range(40)
            )
        ),
        25,
    )
    assert await stores[0].count("Patient", {}) == 40


async def test_a_failure_undoes_everything_and_nothing_of_it_is_remembered(store: Store, open_store: Opener) -> None:
    await put(store, patient(n=1), "1")
    await put(store, group(member(1)), "g")

    async def half(tx: Tx) -> None:
        await put(tx, patient(n=2), "1")
        await put(tx, patient(n=2), "2", create_only=True)
        await tx.add_members("g", [member(2)], release="R5")
        assert body(await tx.read("Patient", "1"))["n"] == 2
        assert len(body(await tx.read("Group", "g"))["member"]) == 2
        raise LookupError

    with pytest.raises(LookupError):
        await store.transact(half)
    for reader in (store, await open_store()):
        assert body(await reader.read("Patient", "1"))["n"] == 1
        assert await reader.read_version("Patient", "1", 2) is None
        assert await reader.read("Patient", "2") is None
        assert len(body(await reader.read("Group", "g"))["member"]) == 1
        assert len(await history(reader, "Patient", "1", limit=9)) == 1
    await put(store, patient(n="other"), "1")
    assert body(await store.read_version("Patient", "1", 2))["n"] == "other"


async def test_others_see_nothing_until_the_commit(store: Store, open_store: Opener) -> None:
    await put(store, patient(n=1), "1")
    other = await open_store()

    async def look(tx: Tx) -> None:
        await put(tx, patient(n=2), "1")
        for reader in (store, other):
            assert body(await reader.read("Patient", "1"))["n"] == 1

    await store.transact(look)
    for reader in (store, other):
        assert body(await reader.read("Patient", "1"))["n"] == 2


async def test_many_resources_of_many_types_are_written_at_once(store: Store) -> None:
    await put(store, patient(n=1), "old")
    await put(store, patient(n=1), "same")
    await put(store, patient(n=1), "gone")
    await store.remove("Patient", "gone")
    items = [
        _put(patient(n=2), "old", expected=1),
        _put(patient(n=1), "same"),
        _put({"resourceType": "Observation"}, "new", create_only=True),
        _put(group(member(1), member(2)), "g"),
        _put(patient(n=2), "gone", create_only=True),
        _put(patient(n=0), "fresh"),
    ]
    written = await store.put_many(items)
    assert [(w.version.id, w.version.version, w.created, w.changed) for w in written] == [
        ("old", 2, False, True),
        ("same", 1, False, False),
        ("new", 1, True, True),
        ("g", 1, True, True),
        ("gone", 3, True, True),
        ("fresh", 1, True, True),
    ]
    again = await store.put_many([_put(patient(n=2), "old"), items[1], items[3], items[5]])
    assert not any(w.changed for w in again)


async def test_one_refusal_refuses_all(store: Store) -> None:
    await put(store, patient(n=1), "1")
    with pytest.raises(PreconditionFailed):
        await store.put_many([_put(patient(), "a"), _put(patient(n=2), "1", expected=7)])
    with pytest.raises(Duplicate):
        await store.put_many([_put(patient(), "a"), _put(patient(n=2), "1", create_only=True)])
    with pytest.raises(ValueError, match="twice"):
        await store.put_many([_put(patient(), "a"), _put(patient(), "a")])
    assert await store.read("Patient", "a") is None


async def test_a_deletion_belongs_to_its_transaction(store: Store) -> None:
    await put(store, patient(n=1), "1")
    await put(store, group(member(1)), "g")

    async def both(tx: Tx) -> None:
        assert await tx.remove("Patient", "nobody") is None
        await tx.remove("Patient", "1", expected=1)
        await tx.remove("Group", "g")
        again = await tx.remove("Patient", "1")
        assert again is not None
        assert not again.changed

    await store.transact(both)
    assert await store.read_many([("Patient", "1"), ("Group", "g")]) == {}
    assert await store.groups_of("Patient/1") == []


async def test_a_plain_write_and_a_transaction_on_one_resource_lose_nothing(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(2)]
    await put(stores[0], patient(n=0), "1")
    outcomes = await asyncio.gather(
        *(put(stores[0], patient(a=n), "1") for n in range(20)),
        *(stores[1].transact(lambda tx, n=n: put(tx, patient(b=n), "1")) for n in range(20)),
        return_exceptions=True,
    )
    assert all(isinstance(o, Conflict) for o in outcomes if isinstance(o, BaseException))
    won = [o.version for o in outcomes if not isinstance(o, BaseException)]
    versions = await history(stores[0], "Patient", "1", limit=99)
    assert [v.version for v in versions] == list(range(len(won) + 1, 0, -1))
    assert {v.version: v.body for v in versions[:-1]} == {v.version: v.body for v in won}


async def test_a_transaction_that_others_keep_preventing_ends_in_a_conflict(store: Store, open_store: Opener) -> None:
    await put(store, patient(n=0), "1")
    other = await open_store()

    async def late(ctx: Any) -> None:
        tx = Tx(ctx)
        await tx.read("Patient", "1")
        await put(other, patient(n=(await other.read("Patient", "1")).version), "1")  # type: ignore[union-attr]
        await put(tx, patient(b=1), "1")

    with pytest.raises(Conflict, match="Other clients kept changing"):
        await transactions.transact(store._ctx, late, patience_s=0.2)


async def test_a_cancelled_transaction_leaves_no_lock_behind(store: Store) -> None:
    await store.ensure("Patient")
    started = asyncio.Event()

    async def hang(tx: Tx) -> None:
        await put(tx, patient(), "1")
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(store.transact(hang, locks=["a"]))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(store.transact(lambda tx: put(tx, patient(), "2"), locks=["a"]), 5)
    assert await store.read("Patient", "1") is None
    assert store._ctx.queues._locks == {}


async def test_a_transaction_reads_what_it_wrote_versions_included(store: Store, open_store: Opener) -> None:
    await put(store, patient(n=1), "1")

    async def work(tx: Tx) -> list[int]:
        assert body(await tx.read("Patient", "1"))["n"] == 1
        assert await tx.read("Patient", "2") is None
        await put(tx, patient(n=2), "1")
        await put(tx, patient(n=3), "1")
        await put(tx, patient(n=9), "2")
        assert body(await tx.read("Patient", "2"))["n"] == 9
        assert body((await tx.read_many([("Patient", "1")]))["Patient", "1"])["n"] == 3
        await tx.remove("Patient", "1")
        assert body(await tx.read_version("Patient", "1", 2))["n"] == 2
        await put(tx, patient(n=5), "1")
        return [version.version for version in await history(tx, "Patient", "1", limit=9)]

    assert await store.transact(work) == [5, 4, 3, 2, 1]
    found = await history(await open_store(), "Patient", "1", limit=9)
    assert [None if version.gone else body(version)["n"] for version in found] == [5, None, 3, 2, 1]


async def test_a_fresh_group_without_members_takes_some_later(store: Store, open_store: Opener) -> None:
    await store.ensure("Group")
    await store.put_many([_put(group(title="a"), "a", create_only=True), _put(group(member(1)), "b", create_only=True)])
    assert await store.member_count("a") == 0
    await store.add_members("a", [member(2)], release="R5")
    other = await open_store()
    assert body(await other.read("Group", "a"))["member"] == [member(2)]
    assert "member" not in body(await other.read_version("Group", "a", 1))
    with pytest.raises(Duplicate):
        await store.put_many([_put(group(title="again"), "a", create_only=True)])
