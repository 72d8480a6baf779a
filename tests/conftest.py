"""One real mongod for the whole run (one for each worker under pytest-xdist), a fresh database wherever asked for."""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from fhirserver.settings import Settings
from fhirserver.store import embedded
from fhirserver.store.client import connect
from fhirserver.store.store import Store

SettingsMaker = Callable[..., Settings]
Opener = Callable[..., Awaitable[Store]]


def _quick_disk() -> str | None:
    """Memory for files, where there is plenty: most of the run would be spent waiting for a disk to confirm a journal.

    Tests of what outlives a kill have data directories of their own, on disk.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 8 * 2**30:
        return str(memory)
    return None


@pytest.fixture(scope="session")
def mongod() -> Iterator[embedded.Mongod]:
    """The mongod of this run; its data are gone afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="fhirserver-tests-", dir=_quick_disk()))
    try:
        with embedded.running(Settings(data_dir=directory, mongodb_cache_mb=256), exclusive=True) as server:
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def mongodb_uri(mongod: embedded.Mongod) -> str:
    return mongod.uri


def _database(mongod: embedded.Mongod) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    yield name
    with MongoClient(mongod.uri) as client:
        client.drop_database(name)


@pytest.fixture
def database(mongod: embedded.Mongod) -> Iterator[str]:
    """The name of a database of this test alone."""
    yield from _database(mongod)


@pytest.fixture(scope="module")
def module_database(mongod: embedded.Mongod) -> Iterator[str]:
    """The name of a database of this module alone."""
    yield from _database(mongod)


@pytest.fixture
def settings(mongodb_uri: str, database: str) -> Settings:
    """Settings that lead to the database of this test."""
    return Settings(mongodb_uri=mongodb_uri, database=database)


@pytest.fixture
async def open_store(settings: Settings, mongodb_uri: str) -> AsyncIterator[Opener]:
    """Opens stores on the database of this test, each with a client and a cache of its own, as processes have them."""
    opened: list[Store] = []

    async def opener(**changes: object) -> Store:
        store = await connect(settings.model_copy(update=changes), mongodb_uri)
        opened.append(store)
        return store

    yield opener
    for store in opened:
        await store.close()


@pytest.fixture
async def store(open_store: Opener) -> Store:
    """A store on the database of this test."""
    return await open_store()
