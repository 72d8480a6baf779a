"""The two servers: our own and the floor, each a process of its own on one mongod, ended by its process id."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.client import BenchError
from fhirserver.settings import Settings
from fhirserver.store import embedded

HOST = "127.0.0.1"
_START_S = 60
_STOP_S = 15
_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers."""

    name: str
    port: int
    pid: int
    base: str = "r5"

    def signal(self, number: int) -> None:
        """Sends the process a signal."""
        os.kill(self.pid, number)

    def processor_time(self) -> float:
        """Seconds of processor time that it and its workers used so far; 0 where the system has no /proc."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        workers = children.read_text().split() if children.exists() else []
        return sum(_processor_time(int(pid)) for pid in (self.pid, *workers))


def _processor_time(pid: int) -> float:
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    # The program's name, the second field, may hold blanks: what counts comes after its bracket.
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def mongod(folder: Path) -> Iterator[str]:
    """A mongod with the settings that `fhirserver serve` gives its own; its address."""
    with embedded.running(Settings(data_dir=folder / "mongod", mongodb_uri=None), exclusive=True) as server:
        yield server.uri


@contextmanager
def floor(uri: str, folder: Path, database: str = "floor") -> Iterator[Running]:
    """The floor."""
    port = _free_port()
    with _process("floor", [sys.executable, "-m", "bench.floor", uri, database, str(port)], port, folder) as running:
        yield running


@contextmanager
def ours(
    uri: str, folder: Path, database: str = "ours", *, profile: Path | None = None, workers: int = 1
) -> Iterator[Running]:
    """Our server as `fhirserver serve` runs it; under a profiler that writes to `profile` when one is given."""
    port = _free_port()
    program = ["-m", "bench.profiling", str(profile)] if profile else ["-c", "from fhirserver.cli import main; main()"]
    flags = ["--host", HOST, "--port", str(port), "--mongodb-uri", uri, "--database", database, "--no-seed"]
    flags += ["--workers", str(workers)]
    with _process("ours", [sys.executable, *program, "serve", *flags], port, folder) as running:
        yield running


@contextmanager
def _process(name: str, command: Sequence[str], port: int, folder: Path) -> Iterator[Running]:
    log = folder / f"{name}.log"
    # The settings of whoever runs the benchmark would make its numbers their own.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FHIRSERVER_")}
    with log.open("ab") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, cwd=_ROOT, env=environment)
    try:
        _wait(name, process, port, log)
        yield Running(name, port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Until the server answers anything at all."""
    deadline = time.monotonic() + _START_S
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            said = log.read_text(errors="replace")[-2000:]
            raise BenchError(f"{name} did not start (exit status {process.poll()}):\n{said}")
        connection = http.client.HTTPConnection(HOST, port, timeout=_START_S)
        try:
            connection.request("GET", "/r5/Patient/none")
            connection.getresponse().read()
        except OSError:
            time.sleep(0.05)
        else:
            return
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
