"""Where our server spends its time under one work."""

from __future__ import annotations

import argparse
import signal
import time
from pathlib import Path

from bench import data, measure, profiling, servers
from bench.client import BenchError
from bench.client import run as send
from bench.works import WORKS

_PATIENCE_S = 30


def run(given: argparse.Namespace, folder: Path) -> None:
    """Loads the data set, profiles one round of the work and prints the functions that took most time."""
    work = next(work for work in WORKS if work.name == given.profile)
    made = data.generate(data.Sizes.scaled(given.scale))
    number = max(work.connections, round(given.requests * work.share))
    file = folder / "profile"
    with servers.mongod(folder) as uri, servers.ours(uri, folder, profile=file) as server:
        measure.load(made, server)
        send(servers.HOST, server.port, measure.take(work, made, -1, number), work.connections)
        server.signal(signal.SIGUSR1)
        timing = send(servers.HOST, server.port, measure.take(work, made, 0, number), work.connections)
        server.signal(signal.SIGUSR2)
        deadline = time.monotonic() + _PATIENCE_S
        while not file.exists():
            if time.monotonic() > deadline:
                raise BenchError("the profiled server wrote no profile")
            time.sleep(0.05)
        print(f"{work.name}: {timing.rate * work.unit:,.0f}/s under the profiler, which slows it")
        profiling.show(file)
