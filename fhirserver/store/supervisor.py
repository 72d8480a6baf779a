"""Keeps one mongod running: a thread that starts it, waits for its end, and starts it again unless told to stop."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from fhirserver.store import launcher, mongod

_log = logging.getLogger("fhirserver.store")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
_LIVED_LONG_S = 30.0
_STOP_S = 20.0
_LOG_LIMIT = 16 * 1024 * 1024


class Supervisor(threading.Thread):
    """Runs `command` in `directory` until `stop`.

    The thread that starts a process must live as long as it: Linux sends the death signal when the thread is gone.
    """

    def __init__(self, command: list[str], directory: Path, uri: str) -> None:
        super().__init__(name="mongod-supervisor", daemon=True)
        self.directory = directory
        self.died = False
        self._command = command
        self._uri = uri
        self._process: subprocess.Popen[bytes] | None = None
        self._spawned = threading.Event()
        self._stopping = threading.Event()
        self._log_from = 0

    @property
    def pid(self) -> int | None:
        """The process id of the running mongod (of its guard where the kernel does not guard)."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def begin(self) -> None:
        """Starts the thread and returns once the process exists."""
        self.start()
        self._spawned.wait()

    def run(self) -> None:
        """Starts mongod again and again, ever more slowly while it keeps dying."""
        pause = _FIRST_PAUSE_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._process = self._spawn()
            except OSError as error:
                _log.error("mongod cannot be run: %s", error)
                self._process = None
            self._spawned.set()
            if self._process:
                self._process.wait()
                self._close_pipe()
            if self._stopping.is_set():
                return
            self.died = True
            if time.monotonic() - began > _LIVED_LONG_S:
                pause = _FIRST_PAUSE_S
            _log.warning("mongod ended by itself; it is started again in %.1f s", pause)
            self._stopping.wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE_S)

    def stop(self) -> None:
        """Shuts mongod down in good order, or kills it when it does not end within 20 seconds."""
        self._stopping.set()
        process = self._process
        if process and process.poll() is None:
            self._ask_to_shut_down()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_S)
            if process.poll() is None:
                process.kill()
                self._close_pipe()
        if self.is_alive():
            self.join(_STOP_S)

    def last_words(self) -> str:
        """Why the mongod died, from what it wrote since its first start."""
        words = ""
        with contextlib.suppress(OSError), (self.directory / "mongod.log").open("rb") as log:
            log.seek(self._log_from)
            words = log.read(1_000_000).decode("utf-8", "replace")
        if not words.strip():
            with contextlib.suppress(OSError):
                words = (self.directory / "mongod.out").read_text("utf-8", "replace")
        return mongod.last_words(words)

    def _spawn(self) -> subprocess.Popen[bytes]:
        log = self.directory / "mongod.log"
        with contextlib.suppress(OSError):
            size = log.stat().st_size
            if size > _LOG_LIMIT:
                log.replace(log.with_suffix(".log.1"))
                size = 0
            self._log_from = self._log_from if self.died else size
        # A session of its own: Ctrl-C goes to the whole foreground group, and the server must end before its store.
        with (self.directory / "mongod.out").open("wb") as out:
            return subprocess.Popen(  # noqa: S603
                [sys.executable, "-I", "-S", launcher.__file__, str(os.getpid()), *self._command],
                cwd=self.directory,
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _ask_to_shut_down(self) -> None:
        # The command, not a signal: it takes "at once" for an answer and works the same on every system.
        with (
            contextlib.suppress(PyMongoError),
            MongoClient[dict[str, Any]](self._uri, serverSelectionTimeoutMS=2000, socketTimeoutMS=2000) as client,
        ):
            client.admin.command("shutdown", force=True, timeoutSecs=0)
            return
        # A dropped connection is how a shutdown answers; a mongod that is still starting needs the signal.
        if self._process and sys.platform != "win32":
            self._process.terminate()

    def _close_pipe(self) -> None:
        if self._process and self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
