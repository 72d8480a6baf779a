"""Numbers come back digit by digit."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as options
from hypothesis import strategies as st
from pymongo import MongoClient

from fhirserver import fhirjson
from fhirserver.errors import Unprocessable
from fhirserver.store.codec import OPTIONS, from_decimal128, storable, to_decimal128
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.store.things import body, patient, put

exact = st.builds(
    lambda sign, digits, exponent: Decimal((sign, tuple(int(d) for d in str(digits)), exponent)),
    st.integers(0, 1),
    st.integers(0, 10**34 - 1),
    st.integers(-6176, 6111),
)
numbers = st.one_of(exact, st.decimals(-(10**30), 10**30, places=3), st.integers(-(10**33), 10**33))
EXAMPLES = ["1.00", "1E+3", "0.000168", "0", "0.0", "-0.00", "123456789012345678.12", "9" * 34, "1E-6176", "9E+6111"]


def same(a: Any, b: Any) -> bool:
    return Decimal(a).as_tuple() == Decimal(b).as_tuple()


@pytest.mark.parametrize("text", EXAMPLES)
def test_a_number_keeps_its_digits_and_exponent(text: str) -> None:
    there = to_decimal128(Decimal(text))
    assert same(there.to_decimal(), Decimal(text))
    assert same(from_decimal128(there), Decimal(text))


@given(exact)
def test_every_number_that_fits_is_kept(number: Decimal) -> None:
    assert same(from_decimal128(to_decimal128(number)), number)
    assert same(to_decimal128(number).to_decimal(), number)


@pytest.mark.parametrize("text", ["1" * 35, "0." + "1" * 35, "1E+6112", "0E+7000", "1E-6177", "NaN", "Infinity"])
def test_what_does_not_fit_is_refused_never_rounded(text: str) -> None:
    with pytest.raises(Unprocessable, match="cannot be stored exactly"):
        to_decimal128(Decimal(text))


@given(st.lists(numbers, max_size=8))
@options(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_numbers_survive_a_real_mongod(mongodb_uri: str, database: str, values: list[Any]) -> None:
    with MongoClient(mongodb_uri) as client:
        collection = client.get_database(database, codec_options=OPTIONS)["numbers"]
        key = collection.insert_one({"r": storable({"a": values, "b": [{"c": v} for v in values]})}).inserted_id
        found = collection.find_one({"_id": key})
    assert found is not None
    assert all(same(a, b) for a, b in zip(found["r"]["a"], values, strict=True))
    assert fhirjson.canonical(found["r"]) == fhirjson.canonical({"a": values, "b": [{"c": v} for v in values]})


async def test_a_resource_keeps_its_numbers(store: Store, open_store: Opener) -> None:
    sent = {f"n{i}": Decimal(text) for i, text in enumerate(EXAMPLES)} | {"wide": 2**70, "list": [[-(2**64)]]}
    await put(store, patient(**sent), "1")
    for reader in (store, await open_store()):
        version = await reader.read("Patient", "1")
        got = body(version)
        assert all(same(got[name], value) for name, value in sent.items() if name != "list")
    assert not (await put(await open_store(), patient(**sent), "1")).changed
    assert (await put(store, patient(**{**sent, "n0": Decimal("1.0")}), "1")).changed


async def test_a_number_that_cannot_be_stored_writes_nothing(store: Store) -> None:
    for write in (
        put(store, patient(n=Decimal("1" * 35)), "1"),
        store.transact(lambda tx: put(tx, patient(n=[{"m": 10**40}]), "1")),
    ):
        with pytest.raises(Unprocessable, match="cannot be stored exactly"):
            await write
    assert await store.read("Patient", "1") is None
