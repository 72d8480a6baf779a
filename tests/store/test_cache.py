"""The byte cache: bounded, and never a source of anything but what was written."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from fhirserver.store.cache import Cache
from fhirserver.store.documents import Version
from tests.conftest import Opener
from tests.store.things import body, patient, put


def _version(id: int, number: int, size: int) -> Version:
    return Version("Patient", str(id), number, datetime.now(UTC), False, "R5", b"x" * size)


operations = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 5), st.integers(0, 4000), st.booleans()), max_size=60)


@given(st.integers(0, 12_000), operations)
def test_the_limit_holds_and_only_what_was_put_comes_out(limit: int, steps: list[tuple[int, int, int, bool]]) -> None:
    cache = Cache(limit)
    put_in: dict[tuple[int, int], Version] = {}
    for id_, number, size, writes in steps:
        if writes:
            cache.put(put_in.setdefault((id_, number), _version(id_, number, size)))
        else:
            found = cache.get("Patient", str(id_), number)
            assert found is None or found == put_in[id_, number]
        newest = cache.newest("Patient", str(id_))
        assert newest is None or newest == put_in[id_, newest.version]
        assert sum(len(v.body) for v in cache._versions.values()) <= cache.size <= limit
        assert set(cache._newest) <= {key[:2] for key in cache._versions}


def test_the_least_recently_used_goes_first() -> None:
    cache = Cache(5000)
    for id_ in range(3):
        cache.put(_version(id_, 1, 1000))
    cache.get("Patient", "0", 1)
    cache.put(_version(3, 1, 1000))
    assert [id_ for id_ in range(4) if cache.get("Patient", str(id_), 1)] == [0, 2, 3]


def test_what_is_larger_than_the_limit_displaces_nothing() -> None:
    cache = Cache(5000)
    cache.put(_version(1, 1, 100))
    cache.put(_version(2, 1, 6000))
    assert len(cache) == 1


async def test_a_store_without_a_cache_works_the_same(open_store: Opener) -> None:
    store = await open_store(cache_mb=0)
    await put(store, patient(n=1), "1")
    await put(store, patient(n=2), "1")
    assert body(await store.read("Patient", "1"))["n"] == 2
    assert body(await store.read_version("Patient", "1", 1))["n"] == 1
    assert len(store._ctx.cache) == 0
