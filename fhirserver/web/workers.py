"""Metrics of several worker processes as one: each writes its own to files, whichever is asked adds them all up.

https://prometheus.github.io/client_python/multiprocess/
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
SHARED = _DIRECTORY in os.environ
"""Whether this process is one of several; the library decides that when it is imported."""


@contextmanager
def shared() -> Iterator[None]:
    """Lets the worker processes that are started within share their metrics."""
    with tempfile.TemporaryDirectory(prefix="fhirserver-metrics-") as directory:
        os.environ[_DIRECTORY] = directory
        yield


def all_workers() -> CollectorRegistry:
    """The metrics of every worker; counts of workers that died stay in, what they were busy with goes."""
    found = {int(match[1]) for file in _files() if (match := re.search(r"_(\d+)\.db$", file.name))}
    alive = {pid for pid in found if Path(f"/proc/{pid}").exists() or not Path("/proc").exists()}
    for pid in found - alive:
        mark_process_dead(pid)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    registry.register(_Processes(sorted(alive)))
    return registry


def _files() -> Iterable[Path]:
    return Path(os.environ[_DIRECTORY]).glob("*.db")


class _Processes(Collector):
    """Processor time, memory and files of all workers together; the start of the oldest."""

    def __init__(self, pids: list[int]) -> None:
        self._pids = pids

    def collect(self) -> Iterable[Metric]:
        """The sums."""
        sums: dict[str, Metric] = {}
        for pid in self._pids:
            for metric in ProcessCollector(pid=partial(int, pid), registry=None).collect():
                known = sums.setdefault(metric.name, metric)
                if known is metric:
                    continue
                combine = min if metric.name.endswith("start_time_seconds") else _add
                known.samples = [
                    own._replace(value=combine(own.value, other.value))
                    for own, other in zip(known.samples, metric.samples, strict=True)
                ]
        return sums.values()


def _add(one: float, other: float) -> float:
    return one + other
