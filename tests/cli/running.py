"""A server run as a user runs it: the command, in a process of its own."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx

COMMAND = [sys.executable, "-c", "from fhirserver.cli import main; main()"]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("FHIRSERVER_")} | {
    "FHIRSERVER_MONGODB_CACHE_MB": "256"
}


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=120, env=ENVIRONMENT | environment, check=False
    )


class Running:
    """A server that says it is ready; `url` is its R5 base."""

    def __init__(self, data_dir: Path, *arguments: str) -> None:
        command = [*COMMAND, "serve", "--port", "0", "--data-dir", str(data_dir), *arguments]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=ENVIRONMENT,
            start_new_session=True,
        )
        assert self.process.stdout
        self.output = self._until_ready(self.process.stdout)
        self.log: list[str] = []
        # A server whose log nobody reads stops when the pipe is full.
        self._reader = threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True)
        self._reader.start()
        match = re.search(r"ready at (http://\S+)", self.output)
        assert match, self.output
        self.url = f"{match[1]}/r5"

    def _until_ready(self, stdout: IO[str]) -> str:
        lines: list[str] = []
        for line in stdout:
            lines.append(line)
            # Three lines to try follow the announcement.
            if len(lines) > 3 and "is ready at" in lines[-4]:
                break
        return "".join(lines)

    def _read(self, stdout: IO[str]) -> None:
        with contextlib.suppress(ValueError):  # closed meanwhile
            self.log.extend(stdout)

    def mongod(self) -> int:
        """The process id of the server's mongod."""
        return next(pid for pid in descendants(self.process.pid) if "mongod" in command_of(pid).split(" ")[0])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal and waits for the end; the exit status."""
        self.process.send_signal(how)
        return self.process.wait(30)

    def close(self) -> None:
        """Waits for the last line of a process that has ended, and closes the pipe."""
        self._reader.join(5)
        if self.process.stdout:
            self.process.stdout.close()


@contextmanager
def serving(data_dir: Path, *arguments: str) -> Iterator[Running]:
    """A server that is ended with the context."""
    server = Running(data_dir, *arguments)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.stop()
        server.close()


def command_of(pid: int) -> str:
    """The command line of a process, empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        for child in parents.get(todo.pop(), []):
            found.append(child)
            todo.append(child)
    return found


def gone(pid: int, seconds: float = 10) -> bool:
    """Whether a process ends within some seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not command_of(pid):
            return True
        time.sleep(0.05)
    return False


def client(server: Running) -> httpx.Client:
    """A client of the server."""
    return httpx.Client(base_url=server.url, headers={"Content-Type": "application/fhir+json"}, timeout=30)
