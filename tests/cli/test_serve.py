"""fhirserver serve: it starts, says so, stops, and survives what happens to it."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from tests.cli.running import Running, client, gone, run, serving

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see which processes are left")


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_seeded_server_says_where_to_look_and_what_it_says_works(data_dir: Path) -> None:
    with serving(data_dir, "--seed") as server, client(server) as http:
        tries = [line.strip() for line in server.output.splitlines()[-3:]]
        assert len(tries) == 3
        studies = http.get("/ResearchStudy", params={"identifier": "NCT02083731"}).json()
        assert studies["total"] == 1
        assert http.get("/Patient?_summary=count").json()["total"] >= 12
        for line in tries:
            answer = subprocess.run(shlex.split(line), capture_output=True, check=True, timeout=30)
            body = json.loads(answer.stdout)
            assert body["resourceType"] == "ResearchSubject" or body["total"] > 0, line
        http.delete("/PlanDefinition/NCT02083731-protocol").raise_for_status()
    with serving(data_dir, "--seed") as server, client(server) as http:
        left = http.get("/PlanDefinition/NCT02083731-protocol").status_code
        assert left == 410, "the seed is loaded once, not at each start"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_server_and_mongod_and_data_are_kept(data_dir: Path, how: signal.Signals) -> None:
    with serving(data_dir) as server, client(server) as http:
        mongod = server.mongod()
        http.put("/Patient/a", json={"resourceType": "Patient", "id": "a"}).raise_for_status()
        server.stop(how)
        assert gone(mongod, 1)
    with serving(data_dir) as server, client(server) as http:
        assert http.get("/Patient/a").status_code == 200


def _write(url: str, first: int, acknowledged: list[str]) -> None:
    with httpx.Client(base_url=url, timeout=5) as http:
        for number in range(first, first + 125):
            id_ = f"p{number}"
            try:
                answer = http.put(f"/Patient/{id_}", json={"resourceType": "Patient", "id": id_, "active": True})
            except httpx.HTTPError:
                continue
            if answer.status_code == 201:
                acknowledged.append(id_)


@pytest.mark.parametrize("victim", ["server", "mongod"])
def test_a_kill_in_the_middle_of_writes_loses_nothing_acknowledged(data_dir: Path, victim: str) -> None:
    acknowledged: list[str] = []
    with serving(data_dir) as server:
        mongod = server.mongod()
        writers = [threading.Thread(target=_write, args=(server.url, 125 * n, acknowledged)) for n in range(8)]
        for writer in writers:
            writer.start()
        while len(acknowledged) < 200:
            pass
        os.kill(server.process.pid if victim == "server" else mongod, signal.SIGKILL)
        for writer in writers:
            writer.join()
        assert gone(mongod), "no mongod is left behind"
        if victim == "mongod":
            _all_there(server, acknowledged)
    with serving(data_dir) as server:
        _all_there(server, acknowledged)


def _all_there(server: Running, acknowledged: list[str]) -> None:
    with client(server) as http:
        for start in range(0, len(acknowledged), 50):
            wanted = acknowledged[start : start + 50]
            found = http.get("/Patient", params={"_id": ",".join(wanted), "_count": "50"}).json()
            assert {entry["resource"]["id"] for entry in found["entry"]} == set(wanted)


def test_a_port_that_is_taken_is_one_sentence_and_a_failure(data_dir: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        done = run("serve", "--port", str(other.getsockname()[1]), "--data-dir", str(data_dir))
    assert done.returncode != 0
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_second_server_on_a_data_directory_is_refused_and_commands_attach(data_dir: Path, tmp_path: Path) -> None:
    with serving(data_dir) as server, client(server) as http:
        second = run("serve", "--port", "0", "--data-dir", str(data_dir))
        assert second.returncode != 0
        assert "in use" in second.stderr
        assert str(server.process.pid) in second.stderr
        file = tmp_path / "patient.json"
        file.write_text('{"resourceType": "Patient", "id": "loaded"}')
        assert run("load", str(file), "--data-dir", str(data_dir)).returncode == 0
        assert http.get("/Patient/loaded").status_code == 200
        assert http.get("/Patient?_id=loaded").json()["total"] == 1
        answer = run("get", "/r5/Patient/loaded", "--data-dir", str(data_dir))
        assert '"id": "loaded"' in answer.stdout


def test_two_workers_serve_one_store(data_dir: Path) -> None:
    with serving(data_dir, "--workers", "2") as server, client(server) as http:
        for number in range(20):
            http.put(f"/Patient/p{number}", json={"resourceType": "Patient", "id": f"p{number}"}).raise_for_status()
        page = http.get("/Patient?_count=10").json()
        url = next(link["url"] for link in page["link"] if link["relation"] == "next")
        for _ in range(10):
            assert len(httpx.get(url).json()["entry"]) == 10


@pytest.mark.parametrize(
    ("arguments", "environment", "sentence"),
    [
        (("--mongodb-uri", "mongodb://user:secret@127.0.0.1:1/"), {}, "127.0.0.1:1"),
        (("--workers", "0"), {}, "workers"),
        ((), {"FHIRSERVER_PORT": "seventy"}, "FHIRSERVER_PORT"),
        ((), {"PATH": "/nowhere", "FHIRSERVER_DATA_DIR": "/proc/nothing"}, "/proc/nothing"),
    ],
)
def test_what_keeps_a_server_from_starting_is_one_sentence(
    data_dir: Path, arguments: tuple[str, ...], environment: dict[str, str], sentence: str
) -> None:
    port = () if "FHIRSERVER_PORT" in environment else ("--port", "0")
    place = () if "FHIRSERVER_DATA_DIR" in environment else ("--data-dir", str(data_dir))
    done = run("serve", *port, *place, *arguments, **environment)
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr
