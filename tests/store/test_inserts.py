"""Inserts of several requests in one command: each for itself, whatever becomes of the others."""

from __future__ import annotations

import asyncio

from fhirserver.errors import Duplicate, TooLarge
from fhirserver.store import inserts
from fhirserver.store.documents import Written
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.store.things import body, history, patient, put


async def _commands(store: Store) -> int:
    status = await store._ctx.db.client.admin.command("serverStatus")
    return int(status["metrics"]["commands"]["insert"]["total"])


async def test_creates_that_come_together_share_a_command(open_store: Opener) -> None:
    store, other = await open_store(), await open_store()
    await put(store, patient(), "warm", create_only=True)
    begun = await _commands(store)
    found = await asyncio.gather(*(put(store, patient(n=n), f"n{n}", create_only=True) for n in range(100)))
    assert await _commands(store) - begun < 20
    assert all(written.created for written in found)
    assert [written.version.id for written in found] == [f"n{n}" for n in range(100)]
    assert body(await other.read("Patient", "n77"))["n"] == 77


async def test_a_create_that_comes_alone_is_sent_at_once(store: Store) -> None:
    await put(store, patient(), "warm", create_only=True)
    begun = await _commands(store)
    for n in range(5):
        await put(store, patient(n=n), f"n{n}", create_only=True)
    assert await _commands(store) - begun == 5


async def test_what_is_refused_is_refused_alone(store: Store) -> None:
    await put(store, patient(), "n3")
    await put(store, patient(), "n40")

    async def one(n: int) -> Written | type[Exception]:
        try:
            more = {"big": "x" * 17_000_000} if n == 5 else {"large": "x" * inserts.LARGE} if n == 6 else {}
            return await put(store, patient(n=n, **more), f"n{n}", create_only=True)
        except (Duplicate, TooLarge) as error:
            return type(error)

    found = await asyncio.gather(*(one(n) for n in range(60)))
    assert [n for n, each in enumerate(found) if each is Duplicate] == [3, 40]
    assert [n for n, each in enumerate(found) if each is TooLarge] == [5]
    assert await store.count("Patient", {"t": "|live"}) == 59


async def test_updates_that_come_together_keep_every_version(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(2)]
    for turn in range(3):
        await asyncio.gather(*(put(stores[n % 2], patient(n=n, turn=turn), f"n{n}") for n in range(40)))
    for n in range(40):
        versions = await history(stores[0], "Patient", f"n{n}", limit=5)
        assert [body(version)["turn"] for version in versions] == [2, 1, 0]


async def test_who_gives_up_waiting_leaves_the_others_served(store: Store) -> None:
    await put(store, patient(), "warm")
    requests = [asyncio.create_task(put(store, patient(n=n), f"n{n}", create_only=True)) for n in range(40)]
    await asyncio.sleep(0)
    for request in requests[::2]:
        request.cancel()
    found = await asyncio.gather(*requests, return_exceptions=True)
    assert all(isinstance(each, Written) for each in found[1::2])
    assert all(isinstance(each, asyncio.CancelledError) for each in found[::2])
    assert await put(store, patient(), "after", create_only=True)
    assert 22 <= await store.count("Patient", {"t": "|live"}) <= 42
