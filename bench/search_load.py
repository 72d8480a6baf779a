"""A store for searches written straight into MongoDB, with the index entries that the server itself would make.

Over HTTP a million resources take an hour; here they take minutes, and the indexes are built when all are there, so
that their time is known.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pymongo import MongoClient
from pymongo.database import Database

from bench import search_data
from bench.client import BenchError
from bench.search_data import TYPES, Sizes
from fhirserver.interactions.indexed import indexed
from fhirserver.settings import Settings
from fhirserver.store import indexes
from fhirserver.store.client import connect
from fhirserver.store.codec import OPTIONS, encoded
from fhirserver.store.documents import document, stamped

CHUNK = 2000
_MARK = "bench"


@dataclass(frozen=True, slots=True)
class Built:
    """What the building of a store took: seconds by type to write and to index, and bytes by type and index."""

    write_s: dict[str, float]
    index_s: dict[str, float]
    index_bytes: dict[str, dict[str, int]]
    data_bytes: dict[str, int]


async def build(uri: str, database: str, seed: int, sizes: Sizes, processes: int) -> Built:
    """Writes the store of these sizes, then builds its indexes. What is in the database already is taken if it fits."""
    with MongoClient[dict[str, Any]](uri) as client:
        db = client[database]
        mark = {"_id": _MARK, "seed": seed, "layout": indexes.LAYOUT, "counts": dict(sizes.counts)}
        found = db["meta"].find_one({"_id": _MARK})
        if found is not None and {name: found.get(name) for name in mark} == mark:
            return _measured(db, found["write_s"], found["index_s"])
        client.drop_database(database)
        write_s = {type_: _write(uri, database, seed, type_, sizes.counts[type_], processes) for type_ in TYPES}
        index_s = await _index(uri, database)
        db["meta"].insert_one(mark | {"write_s": write_s, "index_s": index_s})
        return _measured(db, write_s, index_s)


def _write(uri: str, database: str, seed: int, type_: str, count: int, processes: int) -> float:
    began = time.perf_counter()
    jobs = [(uri, database, seed, type_, start, min(start + CHUNK, count)) for start in range(0, count, CHUNK)]
    if processes < 2 or len(jobs) < 2:
        for job in jobs:
            _chunk(job)
    else:
        with multiprocessing.get_context("spawn").Pool(processes) as pool:
            for _ in pool.imap_unordered(_chunk, jobs):
                pass
    with MongoClient[dict[str, Any]](uri) as client:
        there = client[database][type_].estimated_document_count()
    if there != count:
        raise BenchError(f"{there} of {count} resources of type {type_} were written")
    return time.perf_counter() - began


_clients: dict[str, MongoClient[Any]] = {}


def _chunk(job: tuple[str, str, int, str, int, int]) -> None:
    """Writes some resources of a type; a process keeps its client."""
    uri, database, seed, type_, start, end = job
    if uri not in _clients:
        _clients[uri] = MongoClient(uri, w=1, journal=False)
    db = _clients[uri].get_database(database, codec_options=OPTIONS)
    db[type_].insert_many(_documents(seed, type_, start, end), ordered=False)


def _documents(seed: int, type_: str, start: int, end: int) -> Iterator[Any]:
    settings = Settings(mongodb_uri=None)
    for number in range(start, end):
        id_, at = search_data.id_of(seed, type_, number), search_data.written(type_, number)
        resource = stamped(search_data.made(seed, type_, number), type_, id_, 1, at)
        entry = indexed(settings, "R5", resource)
        yield encoded(document(id_, 1, at, "R5", resource, entry, None, "POST"))


async def _index(uri: str, database: str) -> dict[str, float]:
    """Builds the indexes of each type as the server does, and what else it makes at its start."""
    store = await connect(Settings(mongodb_uri=uri, database=database), uri)
    taken = {}
    try:
        for type_ in TYPES:
            began = time.perf_counter()
            await store.ensure(type_)
            taken[type_] = time.perf_counter() - began
    finally:
        await store.close()
    return taken


def _measured(db: Database[dict[str, Any]], write_s: dict[str, float], index_s: dict[str, float]) -> Built:
    db.client.admin.command("fsync")  # Before a checkpoint the sizes of files say little.
    stats = {type_: db.command("collStats", type_) for type_ in TYPES}
    return Built(
        write_s,
        index_s,
        {type_: dict(found["indexSizes"]) for type_, found in stats.items()},
        {type_: int(found["storageSize"]) for type_, found in stats.items()},
    )
