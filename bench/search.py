"""`python -m bench.search`: searches over a small and a large store, what they examine and how long they take.

The aims: every single-parameter search examines at most twenty keys for each match, and takes at most twice as long in
the large store; page 1,000 takes at most half as long again as page 1; every _sort reads an index in its order.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench import search_load, search_queries, search_report, servers
from bench.client import BenchError
from bench.search_data import TYPES, Sizes
from bench.search_load import Built
from bench.search_measure import Caller, Cost, Examiner
from bench.search_queries import Query
from fhirserver.settings import Settings
from fhirserver.store import embedded

SEED = 20260301
SPARE = 12 * 2**30
"""Bytes that must be free in memory for the store to lie there."""

LONG = (
    "Observation?status=final",
    "Observation?date=ge2015-01-01",
    "Observation?code:missing=false",
    "Observation?_sort=-date",
    "Observation?status=final&_sort=date",
    "Patient?gender=female&_sort=family",
    "Patient?active=true",
    "Patient?_sort=birthdate",
)
"""Searches with matches for many pages."""

WIDE = (
    "Observation?subject:Patient.gender=female",
    "Observation?patient.active=true",
    "ResearchSubject?patient.gender=female",
    "Patient?_has:Observation:patient:status=final",
    "Patient?_has:Observation:patient:code=718-7",
    "Patient?_has:ResearchSubject:subject:study.status=active",
)
"""Chains and _has with more than a hundred thousand matches within, in a store of a million."""


@dataclass(frozen=True, slots=True)
class Row:
    """A search, its cost in the large store, and its milliseconds in both."""

    query: Query
    cost: Cost
    small_ms: float
    large_ms: float

    @property
    def ratio(self) -> float:
        """How much longer it takes in the large store."""
        return self.large_ms / self.small_ms if self.small_ms else 0.0


@dataclass(frozen=True, slots=True)
class Deep:
    """A search with many pages: the medians of the first and of the last pages that were asked for."""

    path: str
    pages: int
    first_ms: float
    last_ms: float


@dataclass(frozen=True, slots=True)
class Wide:
    """A search within which very many match: how it is answered, and the server's memory thereafter."""

    path: str
    status: int
    said: str
    milliseconds: float
    memory_mb: float


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found."""

    small: int
    large: int
    built: Built
    rows: list[Row]
    sorts: list[Row]
    deep: list[Deep]
    wide: list[Wide]


def main(argv: Sequence[str] | None = None) -> int:
    """Measures; 1 when an aim is missed, or when an answer was wrong."""
    given = arguments(argv)
    try:
        with contextlib.ExitStack() as stack:
            folder = given.data_dir or Path(stack.enter_context(_temporary()))
            settings = Settings(data_dir=folder / "mongod", mongodb_uri=None, mongodb_cache_mb=given.cache_mb)
            mongod = stack.enter_context(embedded.running(settings, exclusive=True))
            result = asyncio.run(run(given, mongod.uri, folder))
    except BenchError as error:
        print(f"bench.search: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(search_report.summary(result))
    if given.json:
        given.json.write_text(json.dumps(asdict(result), indent=1, default=str) + "\n")
    return 0 if search_report.met(result) else 1


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, help="resources of the large store (default 1,000,000)")
    parser.add_argument("--small", type=int, default=10_000, help="resources of the small store (default 10,000)")
    parser.add_argument("--seed", type=int, default=SEED, help="what the data are made from")
    parser.add_argument("--only", nargs="+", choices=TYPES, metavar="TYPE", help=f"some of: {', '.join(TYPES)}")
    parser.add_argument("--parameter", nargs="+", metavar="CODE", help="these search parameters only")
    parser.add_argument("--repeat", type=int, default=7, help="how often a search is timed")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="processes that write the stores")
    parser.add_argument("--cache-mb", type=int, default=512, help="mongod's cache, in MB (default 512)")
    parser.add_argument(
        "--data-dir", type=Path, metavar="DIR", help="where the stores are kept, and taken up again by the next run"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to a file")
    return parser.parse_args(argv)


def _temporary() -> tempfile.TemporaryDirectory[str]:
    """A folder in memory where there is plenty, so that no disk is measured."""
    memory = Path("/dev/shm")
    plenty = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free >= SPARE
    return tempfile.TemporaryDirectory(prefix="fhirserver-bench-search-", dir=memory if plenty else None)


async def run(given: argparse.Namespace, uri: str, folder: Path) -> Result:
    """Builds both stores and measures."""
    small, large = Sizes.of(given.small), Sizes.of(given.size)
    names = {size: f"search_{size}_{given.seed}" for size in (given.small, given.size)}
    built = None
    for size, sizes in ((given.small, small), (given.size, large)):
        built = await search_load.build(uri, names[size], given.seed, sizes, given.processes)
        print(search_report.building(size, sizes, built), flush=True)
    assert built is not None
    types = given.only or TYPES
    with (
        servers.ours(uri, folder, names[given.small]) as first,
        servers.ours(uri, folder, names[given.size]) as second,
        Caller(first) as near,
        Caller(second) as far,
    ):
        async with Examiner.opened(uri, names[given.size]) as examiner:
            meter = Meter(examiner, near, far, given.repeat)
            rows: list[Row] = []
            sorts: list[Row] = []
            for type_ in types:
                rows += await meter.measured(_queries(given, type_, small))
                sorts += await meter.measured(_sorts(given, type_, small))
                print(f"{type_}: {len(rows)} searches and {len(sorts)} sorts so far", flush=True)
        deep = [_deep(far, path) for path in LONG if path.split("?")[0] in types]
        wide = [_wide(far, path) for path in WIDE if path.split("?")[0] in types]
    return Result(given.small, given.size, built, rows, sorts, deep, wide)


def _queries(given: argparse.Namespace, type_: str, small: Sizes) -> list[Query]:
    found = search_queries.queries(given.seed, type_, small.counts[type_])
    return [each for each in found if not given.parameter or each.parameter in given.parameter]


def _sorts(given: argparse.Namespace, type_: str, small: Sizes) -> list[Query]:
    found = search_queries.sorts(given.seed, type_, small.counts[type_])
    return [each for each in found if not given.parameter or each.parameter in given.parameter]


class Meter:
    """Takes the cost and the milliseconds of searches, in both stores by turns."""

    def __init__(self, examiner: Examiner, near: Caller, far: Caller, repeat: int) -> None:
        self._examiner, self._near, self._far, self._repeat = examiner, near, far, repeat

    async def measured(self, queries: Sequence[Query]) -> list[Row]:
        """A row for each search that the server does; those that it refuses are refused in both."""
        found = []
        for query in queries:
            cost = await self._examiner.cost(query.path)
            if cost.refused is not None:
                found.append(Row(query, cost, 0.0, 0.0))
                continue
            row = self._timed(query, cost, self._repeat)
            if row.ratio > 2:  # A machine that was busy for a moment is asked again.
                row = self._timed(query, cost, self._repeat * 3)
            found.append(row)
        return found

    def _timed(self, query: Query, cost: Cost, repeat: int) -> Row:
        return Row(query, cost, self._near.latency(query.path, repeat), self._far.latency(query.path, repeat))


def _deep(caller: Caller, path: str) -> Deep:
    """The first five pages against those around page 1,000, or the last ones where there are fewer.

    Each as often as the other: what was served before is remembered.
    """
    pages = caller.pages(path, 1003)
    first, last = ([caller.ask(page)[2] for page in some * 3] for some in (pages[:5], pages[-5:]))
    return Deep(path, len(pages), median(first), median(last))


def _wide(caller: Caller, path: str) -> Wide:
    status, body, taken = caller.ask(f"{path}&_count=50")
    said = body["issue"][0]["diagnostics"] if status != 200 else f"{len(body.get('entry', ()))} entries"
    code = body["issue"][0]["code"] if status != 200 else ""
    return Wide(path, status, f"{code} {said}".strip(), taken, caller.memory())


if __name__ == "__main__":
    sys.exit(main())
