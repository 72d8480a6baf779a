"""Passes over a type: batches, turns, what is written meanwhile, what cannot be indexed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pymongo import MongoClient

from fhirserver import fhirjson
from fhirserver.search import defined
from fhirserver.search.added import InForce, in_force, mark
from fhirserver.search.defined import Definition, compiled
from fhirserver.search.indexing import IndexEntry, entry
from fhirserver.settings import Settings
from fhirserver.store import passes, sweeps
from fhirserver.store.passes import Pass
from fhirserver.store.store import Store
from tests.conftest import Opener

Json = dict[str, Any]
SUFFIX = {
    "url": "urn:suffix",
    "code": "suffix",
    "base": ["Patient"],
    "type": "string",
    "expression": "Patient.name.suffix",
}


def index(resource: Json) -> IndexEntry:
    return entry("R5", resource)


async def known(store: Store) -> InForce:
    """What the database's definitions come to."""
    snapshot = await store.parameters.load()
    found = compiled("R5", [Definition(each.id, each.number, each.resource) for each in snapshot.definitions])
    return defined.in_force({"R5": found}, snapshot.number, {}, {})


async def define(store: Store, id_: str = "suffix", resource: Json | None = SUFFIX) -> InForce:
    await store.transact(lambda tx: tx.parameters.register("R5", {id_: resource}))
    return await known(store)


async def put(store: Store, *ids: str, these: InForce | None = None) -> None:
    """Writes patients, indexed by what these say, or by nothing that was defined."""
    for id_ in ids:
        resource = {"resourceType": "Patient", "name": [{"suffix": ["MD"]}]}
        if these is None:
            terms = index(resource)
        else:
            with in_force(these):
                terms = index(resource)
        await store.put(resource, type="Patient", id=id_, release="R5", entry=terms)


async def only(store: Store) -> Pass:
    (found,) = await store.passes.every()
    return found


async def run(store: Store, these: InForce, make: Callable[[Json], IndexEntry] = index) -> Pass:
    """Does a pass to its end."""
    current = await only(store)
    with in_force(these):
        while current.going:
            current = await store.sweep(current, make, marks=True)
    return current


async def found(store: Store) -> list[str]:
    return sorted(await store.ids("Patient", {"t": "suffix|md"}, 1000))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two."""
    monkeypatch.setattr(sweeps, "BATCH", 2)


async def test_a_pass_goes_batch_by_batch_and_is_resumed_by_another_process(store: Store, open_store: Opener) -> None:
    await put(store, *"abcde")
    these = await define(store)
    await store.passes.ask("R5", ["Patient"], these.number, whole=False)
    with in_force(these):
        current = await store.sweep(await only(store), index, marks=True)
    assert current.going
    assert (current.going.seen, current.going.at, current.done) == (2, "b", 0)
    assert await found(store) == ["a", "b"]
    other = await open_store()
    ended = await run(other, these)
    assert ended.job
    assert (ended.job.seen, ended.job.written, ended.done) == (5, 5, these.number)
    assert ended == await only(store)
    assert await found(store) == [*"abcde"]


async def test_what_is_indexed_already_is_passed_over_unless_all_is_asked_for(store: Store) -> None:
    these = await define(store)
    await put(store, "a", "b", these=these)
    await put(store, "c")
    await store.passes.ask("R5", ["Patient"], these.number, whole=False)
    ended = await run(store, these)
    assert ended.job
    assert (ended.job.seen, ended.job.written) == (3, 1)
    await store.passes.ask("R5", ["Patient"], these.number, whole=True)
    ended = await run(store, these)
    assert ended.job
    assert (ended.job.seen, ended.job.written) == (3, 3)


async def test_a_later_change_leaves_what_knew_more_alone(store: Store) -> None:
    first = await define(store)
    await put(store, "a", "b", these=first)
    second = await define(store, "prefix", SUFFIX | {"code": "prefix", "expression": "Patient.name.prefix"})
    await put(store, "c", these=second)
    await store.passes.ask("R5", ["Patient"], first.number, whole=False)
    assert (await run(store, second)).job.written == 0
    await store.passes.ask("R5", ["Patient"], second.number, whole=False)
    assert (await run(store, second)).job.written == 2


async def test_what_a_process_wrote_that_knew_nothing_yet_is_found_when_the_pass_ends(store: Store) -> None:
    await put(store, "m", "n")
    these = await define(store)
    await store.passes.ask("R5", ["Patient"], these.number, whole=False)
    with in_force(these):
        current = await store.sweep(await only(store), index, marks=True)
    # Behind the place that the pass has come to, by a writer that has not heard of the parameter.
    await put(store, "a", "b", "c")
    with in_force(these):
        while current.going:
            current = await store.sweep(current, index, marks=True)
    assert await found(store) == [*"abcmn"]
    assert current.unsettled


async def test_what_was_still_being_written_is_found_when_the_pass_is_settled(store: Store) -> None:
    these = await define(store)
    await store.passes.ask("R5", ["Patient"], these.number, whole=False)
    ended = await run(store, these)
    await put(store, "a", "b", "c")
    assert await found(store) == []
    with in_force(these):
        settled = await store.settle(ended, index)
    assert await found(store) == [*"abc"]
    assert settled.job
    assert settled.job.settled
    assert not settled.unsettled


async def test_a_write_in_between_is_never_undone(store: Store, settings: Settings, mongodb_uri: str) -> None:
    await put(store, "a")
    these = await define(store)
    await store.passes.ask("R5", ["Patient"], these.number, whole=False)
    newer = {"v": 2, "t": ["|live", "suffix|jr", mark(these.number)]}

    def overtaken(resource: Json) -> IndexEntry:
        """Terms of what was read, which another process changes before they are written."""
        with MongoClient[Json](mongodb_uri) as client:
            client[settings.database]["Patient"].update_one({"_id": "a"}, {"$set": newer})
        return index(resource)

    ended = await run(store, these, overtaken)
    assert ended.job
    assert ended.job.written == 0
    assert await found(store) == []
    assert await store.ids("Patient", {"t": "suffix|jr"}, 10) == ["a"]


async def test_a_resource_that_cannot_be_indexed_is_named_and_the_parameter_stays_put_off(store: Store) -> None:
    await put(store, "a", "b", "c")
    these = await define(store)
    await store.passes.ask("R5", ["Patient"], these.number, whole=False)
    made: list[Json] = []

    def failing(resource: Json) -> IndexEntry:
        made.append(resource)
        if len(made) == 2:
            raise ValueError("a reason that may hold a patient's data")
        return index(resource)

    ended = await run(store, these, failing)
    assert ended.job
    assert (ended.done, ended.job.failed, ended.job.errors) == (0, 1, ("Patient/b: ValueError",))
    await store.passes.ask("R5", ["Patient"], these.number, whole=False)
    assert (await run(store, these)).done == these.number
    assert await found(store) == [*"abc"]


async def test_one_works_at_a_time_and_another_takes_over_from_one_that_is_gone(
    store: Store, open_store: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = await open_store()
    assert await store.passes.turn("one")
    assert not await other.passes.turn("other")
    assert await store.passes.turn("one")
    await other.passes.leave("other")  # it is not its own
    assert not await other.passes.turn("other")
    await store.passes.leave("one")
    assert await other.passes.turn("other")
    monkeypatch.setattr(passes, "LEASE_S", -1)
    assert await other.passes.turn("other")
    assert await store.passes.turn("one")


async def test_asking_again_for_what_goes_on_changes_nothing_but_all_is_more(store: Store) -> None:
    await put(store, "a", "b", "c")
    await store.passes.ask("R5", ["Patient"], 1, whole=False)
    first = await only(store)
    await store.passes.ask("R5", ["Patient"], 1, whole=False)
    assert await only(store) == first
    await store.passes.ask("R5", ["Patient"], 1, whole=True)
    second = await only(store)
    assert second.going
    assert second.going.all
    await store.passes.ask("R5", ["Patient"], 1, whole=False)
    assert await only(store) == second
    # The process that still works on the first has to notice.
    assert await store.sweep(first, index, marks=False) == second


async def test_two_processes_that_ask_at_once_make_one_pass(store: Store, open_store: Opener) -> None:
    other = await open_store()
    await asyncio.gather(*(each.passes.ask("R5", ["Patient", "Group"], 1, whole=False) for each in (store, other)))
    assert [each.type for each in await store.passes.every()] == ["Group", "Patient"]


async def test_definitions_have_the_number_of_the_change_that_made_them(store: Store, open_store: Opener) -> None:
    other = await open_store()
    assert await store.parameters.load() == await other.parameters.load()
    assert (await store.parameters.load()).definitions == ()
    await define(store)
    first = await other.parameters.load()
    await define(store)  # the same again
    assert await other.parameters.load() == first
    await define(store, "prefix", SUFFIX | {"code": "prefix"})
    second = await other.parameters.load()
    assert [each.number for each in second.definitions] == [2, 1]
    assert second.revision > first.revision
    await define(store, "suffix", None)
    await define(store, "suffix")
    assert [each.number for each in (await other.parameters.load()).definitions] == [2, 4]
    assert mark(9) < mark(10) < mark(100)


async def test_deleted_resources_are_left_alone(store: Store) -> None:
    await put(store, "a", "b")
    await store.remove("Patient", "a")
    these = await define(store)
    await store.passes.ask("R5", ["Patient"], these.number, whole=True)
    ended = await run(store, these)
    assert ended.job
    assert (ended.job.seen, ended.job.written) == (2, 1)
    assert await found(store) == ["b"]


async def test_times_are_told_to_the_millisecond(store: Store) -> None:
    await store.passes.ask("R5", ["Patient"], 1, whole=True)
    begun = await store.sweep(await only(store), index, marks=False)
    assert begun == await only(store)
    assert begun.job
    assert begun.job.ended
    assert fhirjson.now() - begun.job.ended < timedelta(minutes=1)
