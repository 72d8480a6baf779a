"""Versions of one resource: written, read, superseded, deleted, created again."""

from __future__ import annotations

import asyncio

import pytest

from fhirserver.errors import Conflict, Duplicate, PreconditionFailed, TooLarge, Unprocessable
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.store.things import Entry, body, history, patient, put


async def test_a_created_resource_reads_as_sent_plus_id_and_meta(store: Store) -> None:
    sent = patient(meta={"profile": ["http://p"], "versionId": "77"}, active=True)
    written = await put(store, sent, "1")
    assert written.created
    assert written.changed
    assert sent == patient(meta={"profile": ["http://p"], "versionId": "77"}, active=True)
    read = body(await store.read("Patient", "1"))
    assert list(read) == ["resourceType", "id", "meta", "active"]
    assert read["meta"].pop("lastUpdated").endswith("Z")
    assert read == patient(id="1", meta={"versionId": "1", "profile": ["http://p"]}, active=True)


async def test_another_process_reads_the_same_bytes(store: Store, open_store: Opener) -> None:
    written = await put(store, patient(name=[{"family": "Ünal", "given": ["a", "b"]}], z=1, a=[{"b": None}]), "1")
    other = await open_store()
    assert await other.read("Patient", "1") == written.version
    assert await other.read_version("Patient", "1", 1) == written.version


async def test_nothing_is_read_where_nothing_was_written(store: Store) -> None:
    assert await store.read("Patient", "1") is None
    assert await store.read_version("Patient", "1", 1) is None
    assert await history(store, "Patient", "1", limit=10) == []
    assert await store.remove("Patient", "1") is None


@pytest.mark.parametrize("version", [0, -1, 2, 2**31, 10**30])
async def test_a_version_that_never_was_is_not_found(store: Store, version: int) -> None:
    await put(store, patient(), "1")
    assert await store.read_version("Patient", "1", version) is None


async def test_the_same_content_again_is_no_new_version(store: Store, open_store: Opener) -> None:
    first = await put(store, patient(active=True, gender="male"), "1")
    for writer in (store, await open_store()):
        again = await put(writer, {"gender": "male", "id": "1", "resourceType": "Patient", "active": True}, "1")
        assert not again.changed
        assert not again.created
        assert again.version == first.version


async def test_an_update_supersedes_and_history_keeps_every_version(store: Store, open_store: Opener) -> None:
    for number in range(1, 26):
        await put(store, patient(n=number), "1")
    other = await open_store()
    pages: list[int] = []
    before = None
    while page := await history(other, "Patient", "1", limit=7, before=before):
        pages += [v.version for v in page]
        assert [body(v)["n"] for v in page] == [v.version for v in page]
        before = page[-1].version
    assert pages == list(range(25, 0, -1))
    assert body(await other.read_version("Patient", "1", 9))["n"] == 9
    assert [v.version for v in await history(other, "Patient", "1", limit=2, before=99)] == [25, 24]
    assert await history(other, "Patient", "1", limit=0) == []


async def test_history_of_one_id_never_shows_another(store: Store) -> None:
    for id_ in ("a", "a.b", "a-1", "ab"):
        await put(store, patient(n=1), id_)
        await put(store, patient(n=2), id_)
    assert [(v.id, v.version) for v in await history(store, "Patient", "a", limit=10)] == [("a", 2), ("a", 1)]


async def test_a_deletion_is_a_version_and_the_sequence_goes_on(store: Store) -> None:
    await put(store, patient(n=1), "1", Entry(t=["|live", "n|1"]))
    gone = await store.remove("Patient", "1")
    assert gone is not None
    assert gone.version.gone
    assert gone.version.version == 2
    assert gone.version.body == b""
    again = await store.remove("Patient", "1")
    assert again is not None
    assert not again.changed
    assert again.version == gone.version
    assert await store.count("Patient", {"t": "|live"}) == 0
    read = await store.read("Patient", "1")
    assert read is not None
    assert read.gone
    back = await put(store, patient(n=1), "1", create_only=True)
    assert back.created
    assert back.version.version == 3
    assert [(v.version, v.gone) for v in await history(store, "Patient", "1", limit=9)] == [
        (3, False),
        (2, True),
        (1, False),
    ]
    stamps = [v.at for v in await history(store, "Patient", "1", limit=9)]
    assert stamps == sorted(stamps, reverse=True)


async def test_an_expected_version_that_is_not_current_is_refused_with_both_named(store: Store) -> None:
    await put(store, patient(n=1), "1")
    await put(store, patient(n=2), "1", expected=1)
    with pytest.raises(PreconditionFailed, match="is version 2, not version 1"):
        await put(store, patient(n=3), "1", expected=1)
    with pytest.raises(PreconditionFailed, match="is version 2, not version 1"):
        await store.remove("Patient", "1", expected=1)
    with pytest.raises(PreconditionFailed, match="is absent, not version 1"):
        await put(store, patient(), "2", expected=1)
    with pytest.raises(PreconditionFailed, match="absent"):
        await store.remove("Patient", "2", expected=3)


async def test_a_create_that_meets_a_resource_is_refused(store: Store) -> None:
    await put(store, patient(n=1), "1")
    with pytest.raises(Duplicate):
        await put(store, patient(n=2), "1", create_only=True)
    assert body(await store.read("Patient", "1"))["n"] == 1


async def test_a_writer_that_remembers_an_old_version_does_not_overwrite_a_newer_one(
    store: Store, open_store: Opener
) -> None:
    other = await open_store()
    await put(store, patient(n=1), "1")
    await put(other, patient(n=2), "1")
    with pytest.raises(PreconditionFailed):
        await put(store, patient(n=3), "1", expected=1)
    # 'store' remembers version 1: neither its update nor its idea of 'unchanged' may rest on that.
    assert (await put(store, patient(n=1), "1")).version.version == 3
    assert (await put(other, patient(n=2), "1")).version.version == 4
    assert [body(v)["n"] for v in await history(store, "Patient", "1", limit=9)] == [2, 1, 2, 1]


async def test_of_100_updates_that_expect_one_version_one_wins(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(4)]
    await put(stores[0], patient(n=-1), "1")
    outcomes = await asyncio.gather(
        *(put(stores[n % 4], patient(n=n), "1", expected=1) for n in range(100)), return_exceptions=True
    )
    assert sum(not isinstance(o, BaseException) for o in outcomes) == 1
    assert sum(isinstance(o, PreconditionFailed) for o in outcomes) == 99
    assert len(await history(stores[0], "Patient", "1", limit=10)) == 2


async def test_racing_creates_of_one_id_make_one_resource(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(4)]
    outcomes = await asyncio.gather(
        *(put(stores[n % 4], patient(n=n), "1", create_only=True) for n in range(40)), return_exceptions=True
    )
    won = [o for o in outcomes if not isinstance(o, BaseException)]
    assert len(won) == 1
    assert all(isinstance(o, Duplicate) for o in outcomes if isinstance(o, BaseException))
    assert await stores[0].read("Patient", "1") == won[0].version


async def test_racing_updates_without_expectation_are_all_kept_or_refused(open_store: Opener) -> None:
    stores = [await open_store() for _ in range(3)]
    outcomes = await asyncio.gather(*(put(stores[n % 3], patient(n=n), "1") for n in range(60)), return_exceptions=True)
    won = [o for o in outcomes if not isinstance(o, BaseException)]
    assert all(isinstance(o, Conflict) for o in outcomes if isinstance(o, BaseException))
    assert len(won) >= 40
    versions = await history(stores[0], "Patient", "1", limit=100)
    assert sorted(o.version.version for o in won) == list(range(1, len(won) + 1))
    assert {v.version: v for v in versions} == {o.version.version: o.version for o in won}


async def test_a_crash_between_history_and_replacement_leaves_no_trace_for_readers(
    store: Store, open_store: Opener
) -> None:
    await put(store, patient(n=1), "1")
    written = await put(store, patient(n=2), "1")
    at = written.version.at
    await store._ctx.history.insert_one(
        {"_id": "Patient/1/0000000002", "v": 2, "at": at, "gone": False, "rel": "R5", "r": body(written.version)}
    )
    other = await open_store()
    assert [v.version for v in await history(other, "Patient", "1", limit=9)] == [2, 1]
    assert (await put(other, patient(n=3), "1")).version.version == 3
    assert [v.version for v in await history(other, "Patient", "1", limit=9)] == [3, 2, 1]
    assert await store.transact(lambda tx: put(tx, patient(n=4), "1"))
    assert [body(v)["n"] for v in await history(other, "Patient", "1", limit=9)] == [4, 3, 2, 1]


async def test_many_are_read_at_once_without_the_gone_and_the_missing(store: Store, open_store: Opener) -> None:
    for id_ in ("1", "2", "3", "4"):
        await put(store, patient(n=id_), id_)
    await put(store, {"resourceType": "Observation"}, "1")
    other = await open_store()
    await other.read("Patient", "1")
    await other.read("Patient", "4")
    await put(store, patient(n="new"), "4")
    await store.remove("Patient", "3")
    refs = [
        ("Patient", "4"),
        ("Patient", "9"),
        ("Observation", "1"),
        ("Patient", "3"),
        ("Patient", "1"),
        ("Patient", "2"),
    ]
    found = await other.read_many([*refs, ("Patient", "1")])
    assert list(found) == [("Patient", "4"), ("Observation", "1"), ("Patient", "1"), ("Patient", "2")]
    assert body(found["Patient", "4"])["n"] == "new"
    assert await other.read_many([]) == {}


async def test_what_bson_cannot_hold_is_refused_and_nothing_is_written(store: Store) -> None:
    with pytest.raises(Unprocessable):
        await put(store, patient(**{"na\0me": 1}), "1")
    with pytest.raises(TooLarge):
        await put(store, patient(text="x" * 17_000_000), "1", create_only=True)
    with pytest.raises(TooLarge):
        await store.transact(lambda tx: put(tx, patient(text="x" * 17_000_000), "1"))
    assert await store.read("Patient", "1") is None


async def test_names_that_look_like_operators_are_only_names(store: Store) -> None:
    await put(store, patient(**{"$where": "sleep(1)", "a.b": {"$set": 1}, "$": ["$x"]}), "1")
    await put(store, patient(**{"$where": "sleep(2)", "a.b": {"$set": 2}}), "1")
    await store.transact(lambda tx: put(tx, patient(**{"$inc": {"v": 1}}), "1"))
    assert [body(v).get("a.b") for v in await history(store, "Patient", "1", limit=5)] == [
        None,
        {"$set": 2},
        {"$set": 1},
    ]


async def test_what_is_no_type_never_reaches_the_database(store: Store) -> None:
    with pytest.raises(ValueError, match="no resource type"):
        await store.read("system.users", "1")
