"""Who owns a data directory: a lock that dies with its holder, and a note that says how to reach the holder's mongod.

The lock is the truth; the note is read only while somebody holds the lock, so a note left by a crash misleads nobody.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from fhirserver.errors import StartupError

if sys.platform == "win32":
    import msvcrt

    def _lock(fd: int) -> None:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)


@dataclass(frozen=True, slots=True)
class Owner:
    """The process that owns a data directory; `uri` is empty until its mongod is ready."""

    pid: int
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to run a mongod on a data directory; it ends with `release` or with the process, however that ends."""

    directory: Path
    fd: int

    def publish(self, uri: str) -> None:
        """Says how to reach the mongod; an empty `uri` says that it is starting."""
        note = _note(self.directory)
        draft = note.with_suffix(".new")
        draft.write_text(json.dumps({"pid": os.getpid(), "uri": uri}), encoding="utf-8")
        draft.replace(note)

    def release(self) -> None:
        """Gives the directory up."""
        _note(self.directory).unlink(missing_ok=True)
        os.close(self.fd)


def prepare(directory: Path) -> Path:
    """The directory made absolute, and made if need be, for its user alone; StartupError when it cannot be used."""
    try:
        directory = directory.expanduser().resolve()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError("no permission to write there")
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StartupError(
            f"The data directory {directory} cannot be used ({reason}): choose another with --data-dir."
        ) from None
    return directory


def acquire(directory: Path) -> Lease | None:
    """The lease of `directory`, or None while another process (or another part of this one) has it."""
    # Python opens files non-inheritable, so neither mongod nor a worker keeps the lock alive after its holder.
    fd = os.open(directory / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(fd)
    except OSError:
        os.close(fd)
        return None
    return Lease(directory, fd)


def owner(directory: Path) -> Owner | None:
    """What the holder of the lease published; call it only after `acquire` gave None."""
    try:
        note = json.loads(_note(directory).read_text(encoding="utf-8"))
        return Owner(int(note["pid"]), str(note["uri"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _note(directory: Path) -> Path:
    return directory / "owner.json"
