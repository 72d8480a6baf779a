"""`python -m bench.record_rates`: how many trial records a second are mapped, stored and skipped, beside the floor.

The floor is what the two heaviest libraries alone need for the same output: each record parsed (msgspec), each of its
resources, mapped beforehand, validated (fhir.resources). Mapped and floor are measured on one processor and on all. The
processor time of a record, MongoDB's too, hardly minds what else runs on the machine: two processors can store at most
2,000 divided by it a second.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from multiprocessing.pool import Pool
from pathlib import Path
from typing import Any

import msgspec
from fhir.resources import get_fhir_model_class

from bench import records
from bench.client import BenchError
from bench.servers import Running
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.settings import Settings
from fhirserver.store import embedded

MAPPED, STORED = 150, 60
"""Records a second that the project is after, on two processors."""

_WARM_FROM = 7_000_000
_COMMAND = [sys.executable, "-c", "from fhirserver.cli import main; main()", "import"]


@dataclass(frozen=True, slots=True)
class Rate:
    """Records a second of one kind of work."""

    name: str
    rate: float
    spent: str
    aim: float | None = None

    def __str__(self) -> str:
        verdict = "" if self.aim is None else f"{self.aim:>9.0f}  {'reached' if self.rate >= self.aim else 'MISSED'}"
        return f"{self.name:<34}{self.rate:>10,.1f}{self.spent:>22}{verdict}"


def main() -> int:
    """Measures and prints; 1 when something failed to import."""
    given = arguments()
    chosen = records.from_folder(given.records) if given.records else records.generate(given.number)
    if not chosen:
        print(f"bench: there is no JSON record in {given.records}", file=sys.stderr)
        return 1
    sizes = [len(_mapped(one)) for one in chosen[:50]]
    print(f"{len(chosen)} records of {sum(map(len, chosen)) / len(chosen) / 1000:.1f} KB, some", end=" ")
    print(f"{sum(sizes) / len(sizes):.0f} resources each; {os.cpu_count()} processors")
    print(f"{'':<34}{'records/s':>10}{'processor, ms':>22}{'at least':>9}", flush=True)
    rates = []
    try:
        for rate in _rates(given, chosen):
            rates.append(rate)
            print(rate, flush=True)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    if given.json:
        given.json.write_text(json.dumps({rate.name: rate.rate for rate in rates}, indent=1))
    return 0


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.record_rates", description=__doc__)
    parser.add_argument("--records", type=Path, metavar="DIR", help="records of a folder instead of generated ones")
    parser.add_argument("--number", type=int, default=400, help="records to generate (default 400)")
    parser.add_argument(
        "--workers", type=int, help="processes that import (default: as the command has it for many records)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rates to a file")
    return parser.parse_args(argv)


def _rates(given: argparse.Namespace, chosen: list[bytes]) -> Iterator[Rate]:
    floor = [(one, _mapped(one)) for one in chosen]
    yield _timed("floor: parsed and validated, one", _validate, floor)
    yield _timed("mapped, one", _map, chosen)
    del floor
    with multiprocessing.get_context("spawn").Pool() as pool:
        yield Rate("mapped, all", _pooled(pool, chosen), "", MAPPED)
    with tempfile.TemporaryDirectory(prefix="fhirserver-bench-") as name:
        settings = Settings(data_dir=Path(name) / "mongod", mongodb_uri=None)
        with embedded.running(settings, exclusive=True) as mongod:
            yield from _stored(given, chosen, Path(name), mongod)


def _stored(given: argparse.Namespace, chosen: list[bytes], folder: Path, mongod: embedded.Mongod) -> Iterator[Rate]:
    # Of few records the command by itself would start no others, and what is taken off for the start were too little.
    more = ["--workers", str(given.workers or min(8, os.cpu_count() or 1))]
    warm = _lines(folder / "warm.ndjson", records.generate(20, _WARM_FROM))
    _import(warm, mongod, more)
    # What it takes to start, and to find twenty records stored.
    start = _import(warm, mongod, more)
    path = _lines(folder / "records.ndjson", chosen)
    for name, aim in (("stored, by the import command", STORED), ("skipped, for they are stored", None)):
        took = _import(path, mongod, more)
        ours, theirs = (1000 * max(0.0, took[at] - start[at]) / len(chosen) for at in (1, 2))
        # What is gone in less than the start varies by cannot be told from it.
        rate = len(chosen) / max(0.2 * start[0], took[0] - start[0])
        yield Rate(name, rate, f"{ours:.1f} and MongoDB {theirs:.1f}", aim)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {peak:,.0f} MB")


def _lines(path: Path, chosen: Sequence[bytes]) -> Path:
    """The records as JSON lines."""
    path.write_bytes(b"\n".join(msgspec.json.encode(msgspec.json.decode(one)) for one in chosen))
    return path


def _import(path: Path, mongod: embedded.Mongod, more: Sequence[str]) -> tuple[float, float, float]:
    """Seconds that the command takes, of its processor time, and of MongoDB's."""
    environment = os.environ | {"FHIRSERVER_MONGODB_URI": mongod.uri}
    database = Running("mongod", 0, mongod.pid or 0)
    ours, theirs, began = _children(), database.processor_time(), time.perf_counter()
    done = subprocess.run([*_COMMAND, str(path), *more], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the import failed: {done.stderr.strip()[:500]}")
    return time.perf_counter() - began, _children() - ours, database.processor_time() - theirs


def _children() -> float:
    """Processor time of the processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(name: str, work: Callable[[Any], object], chosen: Sequence[Any]) -> Rate:
    for one in chosen[:5]:
        work(one)
    began, spent = time.perf_counter(), time.process_time()
    for one in chosen:
        work(one)
    ms = 1000 * (time.process_time() - spent) / len(chosen)
    return Rate(name, len(chosen) / (time.perf_counter() - began), f"{ms:.1f}")


def _pooled(pool: Pool, chosen: Sequence[bytes]) -> float:
    """Records a second mapped on all processors, once each process has made its tables."""
    pool.map(_map, chosen[: 8 * (os.cpu_count() or 1)], chunksize=4)
    began = time.perf_counter()
    for _ in pool.imap_unordered(_map, chosen, chunksize=8):
        pass
    return len(chosen) / (time.perf_counter() - began)


def _map(one: bytes) -> None:
    transaction(read(one))


def _mapped(one: bytes) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in transaction(read(one))[0]["entry"]]


@cache
def _model(kind: str) -> Any:
    return get_fhir_model_class(kind)


def _validate(pair: tuple[bytes, list[dict[str, Any]]]) -> None:
    record, resources = pair
    msgspec.json.decode(record)
    for one in resources:
        _model(one["resourceType"]).model_validate(one)


if __name__ == "__main__":
    sys.exit(main())
