"""Measures files side by side: each format that is known by its own measure, and what is none is named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from fhirserver.errors import FhirError
from fhirserver.mappers.readers import read
from fidelity.formats import FORMATS
from fidelity.measured import Measured

_AT_ONCE = 4
"""Files that a process takes at a time."""

Result = tuple[list[Measured], list[tuple[str, str]]]
"""What was measured, by format; and the files that were not, with the reason."""


def measure_all(paths: list[Path], jobs: int) -> tuple[dict[str, Measured], list[tuple[str, str]]]:
    """What was measured, by format; and the files that were not, with the reason."""
    found: dict[str, Measured] = {}
    refused: list[tuple[str, str]] = []
    batches = [paths[at : at + _AT_ONCE] for at in range(0, len(paths), _AT_ONCE)]
    with _results(batches, jobs) as results, Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("measuring", total=len(paths))
        for batch, (measured, left) in zip(batches, results, strict=True):
            for one in measured:
                found.setdefault(one.format, Measured(one.format)).add(one)
            refused += left
            bar.advance(task, len(batch))
    return found, refused


@contextmanager
def _results(batches: list[list[Path]], jobs: int) -> Iterator[Iterable[Result]]:
    """What becomes of each batch, in order, as it is done."""
    if jobs < 2:
        yield map(measure_some, batches)
        return
    # Processes that begin from nothing: a copy of one that has threads may hold their locks for ever.
    with ProcessPoolExecutor(max_workers=jobs, mp_context=get_context("spawn")) as pool:
        yield pool.map(measure_some, batches)


def measure_some(paths: Sequence[Path]) -> Result:
    """The files one process measures at a time."""
    found: dict[str, Measured] = {}
    refused = []
    for path in paths:
        try:
            data = path.read_bytes()
            reading = read(data)
            measure = FORMATS.get(reading.format)
            if measure is None:
                refused.append((str(path), f"the format {reading.format} is not measured"))
                continue
            one = measure(path.stem, data, reading)
        except (FhirError, OSError) as error:
            refused.append((str(path), str(error)))
            continue
        found.setdefault(one.format, Measured(one.format)).add(one)
    return list(found.values()), refused
