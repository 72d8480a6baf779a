"""Creates of several requests in one transaction: each request all or nothing, whatever the others are."""

from __future__ import annotations

import asyncio

import pytest

from fhirserver.errors import Duplicate, TooLarge
from fhirserver.store import combining
from fhirserver.store.documents import Create, Written
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.store.things import Entry, body, history, patient, put


def _three(name: str, **content: object) -> list[Create]:
    kinds = ("Patient", "Observation", "Condition")
    return [
        Create({"resourceType": kind, **content}, kind, f"{name}-{kind}", "R5", lambda resource: Entry())
        for kind in kinds
    ]


async def _count(store: Store) -> list[int]:
    return [await store.count(kind, {"t": "|live"}) for kind in ("Patient", "Observation", "Condition")]


async def test_requests_that_come_together_are_all_written(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(2)]
    found = await asyncio.gather(*(stores[n % 2].create_many(_three(f"n{n}", n=n)) for n in range(60)))
    assert all(len(written) == 3 and all(one.created for one in written) for written in found)
    assert [written[0].version.id for written in found] == [f"n{n}-Patient" for n in range(60)]
    assert await _count(stores[0]) == [60, 60, 60]
    assert body(await stores[1].read("Observation", "n7-Observation"))["n"] == 7
    assert len(await history(stores[0], "Patient", "n7-Patient", limit=5)) == 1


@pytest.mark.parametrize("at_once", [1, 2])
async def test_who_comes_the_moment_a_transaction_ends_is_written_too(
    open_store: Opener, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(combining, "AT_ONCE", at_once)
    store = await open_store()

    async def several(name: str) -> None:
        for turn in range(5):
            await store.create_many(_three(f"{name}-{turn}"))

    async with asyncio.timeout(30):
        await asyncio.gather(*(several(f"n{number}") for number in range(at_once)))
    assert await _count(store) == [5 * at_once] * 3


async def test_one_that_cannot_be_written_fails_alone_and_whole(store: Store) -> None:
    await put(store, patient(), "n3-Patient")

    async def one(n: int) -> list[Written] | type[Exception]:
        try:
            return await store.create_many(_three(f"n{n}", n=n, **({"big": "x" * 17_000_000} if n == 5 else {})))
        except (Duplicate, TooLarge) as error:
            return type(error)

    found = await asyncio.gather(*(one(n) for n in range(10)))
    assert found[3] is Duplicate
    assert found[5] is TooLarge
    assert sum(isinstance(each, list) for each in found) == 8
    assert await _count(store) == [9, 8, 8]


async def test_who_gives_up_waiting_leaves_the_others_served(store: Store) -> None:
    requests = [asyncio.create_task(store.create_many(_three(f"n{n}"))) for n in range(20)]
    await asyncio.sleep(0)
    for request in requests[::2]:
        request.cancel()
    found = await asyncio.gather(*requests, return_exceptions=True)
    assert all(isinstance(each, list) for each in found[1::2])
    assert all(isinstance(each, asyncio.CancelledError) for each in found[::2])
    patients, observations, conditions = await _count(store)
    assert 10 <= patients <= 20
    assert patients == observations == conditions


async def test_what_arrives_alone_is_written_at_once_and_what_arrives_together_shares(open_store: Opener) -> None:
    store = await open_store()
    await store.create_many(_three("warm"))
    begun = await _transactions(store)
    await store.create_many(_three("alone"))
    assert await _transactions(store) - begun == 1
    begun = await _transactions(store)
    await asyncio.gather(*(store.create_many(_three(f"n{n}")) for n in range(64)))
    assert await _transactions(store) - begun < 16


async def test_few_do_not_wait_for_many(store: Store) -> None:
    await store.create_many(_three("warm"))
    many = asyncio.create_task(store.create_many([each for n in range(1_000) for each in _three(f"many-{n}")]))
    await asyncio.sleep(0.05)
    await store.create_many(_three("few"))
    assert not many.done()
    assert len(await many) == 3_000


async def _transactions(store: Store) -> int:
    status = await store._ctx.db.client.admin.command("serverStatus")
    return int(status["transactions"]["totalCommitted"])
