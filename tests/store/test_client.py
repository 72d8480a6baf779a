"""Opening the store: what is wrong is said in one sentence, without the password."""

from __future__ import annotations

import asyncio
import gc
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhirserver.errors import StartupError
from fhirserver.settings import Settings
from fhirserver.store import mongod as program
from fhirserver.store.client import connect, host_of
from fhirserver.store.store import Store
from tests.store.things import put


@pytest.fixture
def standalone(tmp_path: Path) -> Iterator[str]:
    path = tmp_path / "mongod.sock"
    process = subprocess.Popen(
        [program.find(), "--dbpath", ".", "--bind_ip", "./mongod.sock", "--unixSocketPrefix", ".", "--logpath", "log"],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    yield f"mongodb://{str(path).replace('/', '%2F')}"
    process.kill()
    process.wait()


async def test_a_standalone_server_is_refused_with_the_remedy(settings: Settings, standalone: str) -> None:
    with pytest.raises(StartupError, match=r"standalone.*--replSet.*rs\.initiate"):
        await connect(settings, standalone)


async def test_an_unreachable_server_is_named_without_its_password(settings: Settings) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        began = time.monotonic()
        with pytest.raises(StartupError, match=rf"127\.0\.0\.1:{port} cannot be reached") as caught:
            await connect(settings, f"mongodb://user:hunter2@127.0.0.1:{port}/?replicaSet=x")
    assert time.monotonic() - began < 8
    assert "hunter2" not in str(caught.value)
    assert "user" not in str(caught.value)
    await asyncio.sleep(0)
    with warnings.catch_warnings():
        # The driver leaves a socket open when it is closed in the middle of connecting.
        warnings.simplefilter("ignore", ResourceWarning)
        del caught
        gc.collect()


@pytest.mark.parametrize(
    "uri", ["http://x", "mongodb://", "mongodb://u:hunter2@h:port", "", "mongodb://h/?replicaSet="]
)
async def test_an_address_that_is_none_is_refused(settings: Settings, uri: str) -> None:
    with pytest.raises(StartupError, match=r"not understood|cannot be") as caught:
        await connect(settings, uri)
    assert "hunter2" not in str(caught.value)


async def test_a_database_name_that_is_none_is_refused(settings: Settings, mongodb_uri: str) -> None:
    with pytest.raises(StartupError, match="no name for a database"):
        await connect(settings.model_copy(update={"database": "a b/c"}), mongodb_uri)


@pytest.mark.parametrize(("number", "words"), [(99, "newer version"), (0, "cannot migrate"), ("?", "not one of this")])
async def test_another_layout_is_refused(
    store: Store, settings: Settings, mongodb_uri: str, number: object, words: str
) -> None:
    await store._ctx.db["meta"].update_one({"_id": "layout"}, {"$set": {"number": number}})
    with pytest.raises(StartupError, match=words):
        await connect(settings, mongodb_uri)


async def test_opening_twice_is_no_different(store: Store, settings: Settings, mongodb_uri: str) -> None:
    again = await connect(settings, mongodb_uri)
    await again.ping()
    await again.close()


def test_the_host_is_named_alone() -> None:
    assert host_of("mongodb://u:p@a:1,b:2/db?x=y") == "a:1,b:2"
    assert host_of("mongodb+srv://u:p@cluster.example") == "cluster.example"
    assert host_of("mongodb://%2Ftmp%2Fm.sock") == "/tmp/m.sock"
    assert host_of("mongodb://a?x=u@b") == "a"


async def test_a_database_of_the_first_layout_is_brought_up_to_date(
    store: Store, settings: Settings, mongodb_uri: str
) -> None:
    enrolment = {
        "resourceType": "ResearchSubject",
        "study": {"reference": "ResearchStudy/s"},
        "subject": {"reference": "Patient/p"},
        "consent": [{"reference": "Consent/c"}],
    }
    for number in range(2):
        await put(store, enrolment | {"n": number}, "rs")
    db = store._ctx.db
    await db["history"].update_many({}, {"$unset": {"ty": 1, "id": 1}})
    await db["meta"].update_one({"_id": "layout"}, {"$set": {"number": 1}})
    again = await connect(settings, mongodb_uri)
    found = await again.ids("ResearchSubject", {"t": "|refers|Consent/c"}, 2)
    old = await db["history"].find_one({}, {"ty": 1, "id": 1, "_id": 0})
    await again.close()
    assert found == ["rs"]
    assert old == {"ty": "ResearchSubject", "id": "rs"}
