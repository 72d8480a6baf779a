"""The time in the store's operations: each moment once, of operations beside and within each other too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from fhirserver.errors import PreconditionFailed
from fhirserver.store.documents import Create
from fhirserver.store.store import Store, Tx
from fhirserver.store.tally import CURRENT, Tally
from tests.store.things import Entry, patient, put


@pytest.fixture
def tally() -> Iterator[Tally]:
    """A tally of what the test does from here on."""
    made = Tally()
    token = CURRENT.set(made)
    yield made
    CURRENT.reset(token)


async def test_every_operation_counts_and_takes_time(store: Store, tally: Tally) -> None:
    await put(store, patient(n=1), "1")
    written = tally.operations
    assert written >= 1
    await store.read("Patient", "1")
    await store.read("Patient", "none")
    assert tally.operations == written + 2
    assert tally.seconds > 0


async def test_a_refusal_ends_an_operation_too(store: Store, tally: Tally) -> None:
    await put(store, patient(n=1), "1")
    with pytest.raises(PreconditionFailed):
        await put(store, patient(n=2), "1", expected=7)
    before = tally.seconds
    await asyncio.sleep(0.05)
    await store.read("Patient", "1")
    assert tally.seconds - before < 0.05


async def test_what_happens_at_the_same_time_is_counted_once(store: Store, tally: Tally) -> None:
    began = time.perf_counter()
    await asyncio.gather(*(store.read("Patient", str(id_)) for id_ in range(50)))
    assert 0 < tally.seconds <= time.perf_counter() - began


async def test_of_a_transaction_the_work_between_is_not_the_databases(store: Store, tally: Tally) -> None:
    await put(store, patient(n=1), "1")
    before, began = tally.seconds, time.perf_counter()

    async def work(tx: Tx) -> None:
        await tx.read("Patient", "1")
        await asyncio.sleep(0.1)

    await store.transact(work, locks=["a"])
    assert 0 < tally.seconds - before < time.perf_counter() - began - 0.09


async def test_creates_that_share_a_transaction_are_timed_for_each(store: Store) -> None:
    async def create(number: int) -> Tally:
        tally = Tally()
        CURRENT.set(tally)
        await store.create_many([Create(patient(n=number), "Patient", f"c{number}", "R5", lambda resource: Entry())])
        return tally

    await put(store, patient(n=1), "1")
    tallies = await asyncio.gather(*(asyncio.create_task(create(number)) for number in range(8)))
    assert all(tally.operations == 1 and tally.seconds > 0 for tally in tallies)


async def test_who_asks_for_no_tally_gets_none(store: Store) -> None:
    assert CURRENT.get() is None
    await store.read("Patient", "1")
