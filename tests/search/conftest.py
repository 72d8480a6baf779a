"""Collections of a real mongod in the layout that searches are made for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import AsyncMongoClient, MongoClient
from shelf import Shelf

from fhirserver.store import embedded
from fhirserver.store.cache import Cache
from fhirserver.store.codec import OPTIONS
from fhirserver.store.context import Context
from fhirserver.store.indexes import OF_A_TYPE
from fhirserver.store.locks import Queues


@pytest.fixture(scope="module")
def shelves(mongod: embedded.Mongod, module_database: str) -> Iterator[Callable[[str], Shelf]]:
    """Makes collections, each named like a type, with the indexes of the layout."""
    with asyncio.Runner() as runner, MongoClient[dict[str, Any]](mongod.uri) as client:
        database = client.get_database(module_database, codec_options=OPTIONS)
        other = AsyncMongoClient[dict[str, Any]](mongod.uri)
        context = Context(
            other.get_database(module_database, codec_options=OPTIONS), Cache(1 << 20), Queues(), 30_000, set()
        )

        def shelf(name: str) -> Shelf:
            collection = database[name]
            collection.create_indexes(OF_A_TYPE)
            return Shelf(collection, context, runner)

        yield shelf
        runner.run(other.close())
