"""Collections of a real mongod in the layout that searches are made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pymongo import MongoClient
from shelf import INDEXES, Shelf

from fhirserver.store import embedded
from fhirserver.store.codec import OPTIONS


@pytest.fixture(scope="module")
def shelves(mongod: embedded.Mongod, module_database: str) -> Iterator[Callable[[str], Shelf]]:
    """Makes collections by name, each with the indexes of the layout."""
    with MongoClient[dict[str, Any]](mongod.uri) as client:
        database = client.get_database(module_database, codec_options=OPTIONS)

        def shelf(name: str) -> Shelf:
            collection = database[name]
            for keys in INDEXES:
                collection.create_index(keys)
            return Shelf(collection)

        yield shelf
