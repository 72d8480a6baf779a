"""A private MongoDB beside the server: started, initiated, watched, restarted when it dies, and never left behind.

https://www.mongodb.com/docs/manual/reference/method/rs.initiate/
"""

from __future__ import annotations

import atexit
import contextlib
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from fhirserver.errors import StartupError
from fhirserver.settings import Settings
from fhirserver.store import datadir, memory, mongod
from fhirserver.store.supervisor import Supervisor

_POLL_S = 0.02
_INVALID_CONFIG = 93
_NOT_YET_INITIALISED = 94


@dataclass(eq=False)
class Mongod:
    """A mongod that runs: `uri` reaches it, `owned` says whether this process started it."""

    uri: str
    owned: bool
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack, repr=False)
    _supervisor: Supervisor | None = field(default=None, repr=False)

    @property
    def pid(self) -> int | None:
        """The process id of a mongod of our own; it changes when the mongod is restarted."""
        return self._supervisor.pid if self._supervisor else None

    def stop(self) -> None:
        """Ends a mongod of our own and gives the data directory up; one that was attached to goes on. Idempotent."""
        atexit.unregister(self.stop)
        self._stack.close()


@contextlib.contextmanager
def running(settings: Settings, *, exclusive: bool = False, wait_s: float = 60) -> Iterator[Mongod]:
    """`start`, and `stop` at the end."""
    server = start(settings, exclusive=exclusive, wait_s=wait_s)
    try:
        yield server
    finally:
        server.stop()


def attach(settings: Settings, *, wait_s: float = 60) -> Mongod | None:
    """The mongod that another process runs on the data directory, or None; waits up to `wait_s` while it starts."""
    directory = datadir.prepare(settings.data_dir)
    deadline = time.monotonic() + wait_s
    while True:
        lease = datadir.acquire(directory)
        if lease:
            lease.release()
            return None
        owner = datadir.owner(directory)
        if owner and owner.uri:
            return Mongod(owner.uri, owned=False)
        if time.monotonic() > deadline:
            pid = owner.pid if owner else "unknown"
            raise StartupError(f"The process that is starting on {directory} (pid {pid}) does not come up: stop it.")
        time.sleep(_POLL_S)


def start(settings: Settings, *, exclusive: bool = True, wait_s: float = 60) -> Mongod:
    """Runs a mongod on the data directory and returns once it accepts writes.

    With `exclusive` the directory must be free; without, a mongod that runs there already is attached to.
    StartupError when the directory is in use, no mongod is found, it dies, or it is not ready in `wait_s` seconds.
    """
    directory = datadir.prepare(settings.data_dir)
    lease = _lease(directory, settings, exclusive, wait_s)
    if isinstance(lease, Mongod):
        return lease
    with contextlib.ExitStack() as stack:
        stack.callback(lease.release)
        lease.publish("")
        program = mongod.find()
        place = mongod.address(directory)
        if place.scratch:
            stack.callback(shutil.rmtree, place.scratch, ignore_errors=True)
        supervisor = Supervisor(
            [program, *mongod.arguments(settings.mongodb_cache_mb or memory.PAGES.mb()), *place.bind],
            directory,
            place.uri,
        )
        stack.callback(supervisor.stop)
        supervisor.begin()
        _ready(supervisor, place, wait_s)
        lease.publish(place.uri)
        server = Mongod(place.uri, True, stack.pop_all(), supervisor)
    atexit.register(server.stop)
    return server


def _lease(directory: Path, settings: Settings, exclusive: bool, wait_s: float) -> datadir.Lease | Mongod:
    # A process that merely looks whether the directory is free holds the lock for an instant: hence not one try only.
    patience = time.monotonic() + (0.5 if exclusive else wait_s)
    while True:
        if lease := datadir.acquire(directory):
            return lease
        if not exclusive and (other := attach(settings, wait_s=wait_s)):
            return other
        if time.monotonic() > patience:
            owner = datadir.owner(directory)
            pid = owner.pid if owner else "unknown"
            raise StartupError(
                f"The data directory {directory} is in use by another server (pid {pid}): "
                "stop that one, or choose another directory with --data-dir."
            )
        time.sleep(_POLL_S)


def _ready(supervisor: Supervisor, place: mongod.Address, wait_s: float) -> None:
    """Waits until mongod is a writable primary; makes it a replica set of one on its first start."""
    deadline = time.monotonic() + wait_s

    def pause() -> None:
        if supervisor.died:
            raise StartupError(f"MongoDB could not start on {supervisor.directory}: {supervisor.last_words()}.")
        if time.monotonic() > deadline:
            raise StartupError(
                f"MongoDB was not ready within {wait_s:g} seconds on {supervisor.directory}: "
                f"see {supervisor.directory / 'mongod.log'}."
            )
        time.sleep(_POLL_S)

    # The driver looks again only every half second; a bare connect is cheaper than that wait.
    while not _listens(place.target):
        pause()
    with MongoClient[dict[str, Any]](place.uri, serverSelectionTimeoutMS=2000) as client:
        while True:
            try:
                if client.admin.command("hello").get("isWritablePrimary"):
                    return
                _initiate(client, place.member)
            except PyMongoError as error:
                if isinstance(error, OperationFailure) and error.code == _INVALID_CONFIG:
                    raise StartupError(
                        f"The data in {supervisor.directory} belong to another replica set: choose another --data-dir."
                    ) from None
            pause()


def _initiate(client: MongoClient[dict[str, Any]], member: str) -> None:
    """Initiates a replica set of one; gives it its new name when its address is another than last time."""
    try:
        config = client.admin.command("replSetGetConfig")["config"]
    except OperationFailure as error:
        if error.code != _NOT_YET_INITIALISED:
            raise
        config = {
            "_id": mongod.REPLICA_SET,
            "members": [{"_id": 0, "host": member}],
            # Nobody else votes: waiting for others' heartbeats would only delay the start.
            "settings": {"electionTimeoutMillis": 100},
        }
        with contextlib.suppress(OperationFailure):
            client.admin.command("replSetInitiate", config)
        return
    if [m["host"] for m in config["members"]] != [member]:
        config["members"] = [{**config["members"][0], "host": member}]
        config["version"] += 1
        client.admin.command("replSetReconfig", config, force=True)


def _listens(target: str | tuple[str, int]) -> bool:
    family = socket.AF_INET if isinstance(target, tuple) or sys.platform == "win32" else socket.AF_UNIX
    with socket.socket(family) as probe:
        try:
            probe.connect(target)
        except OSError:
            return False
    return True
