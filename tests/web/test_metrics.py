"""/metrics: requests, their time, the database's share, the cache and the process, under labels of closed sets."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from fhirserver.app import create_app
from fhirserver.interactions.server import BASES
from fhirserver.resources.registry import resource_types
from fhirserver.settings import Settings
from fhirserver.web.ledger import LATER_S
from fhirserver.web.naming import ADDRESSES, INTERACTIONS
from fhirserver.web.routes import ROUTES
from tests.cli.running import command_of, descendants, gone, serving

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def samples(client: httpx.AsyncClient) -> Samples:
    """Every sample by its name and labels."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return parsed(answer.text)


def parsed(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


async def test_requests_are_counted_by_interaction_type_and_status(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.get("/r5/Patient/none")
    await client.put("/r5/Patient/a", json={"resourceType": "Patient", "id": "a"})
    await client.get("/r5/metadata")
    await client.get("/nowhere")
    found = await samples(client)
    total = "fhirserver_requests_total"
    assert value(found, total, interaction="read", type="Patient", status="404") == 3
    assert value(found, total, interaction="update", type="Patient", status="201") == 1
    assert value(found, total, interaction="capabilities", type="", status="200") == 1
    assert value(found, total, interaction="none", type="", status="404") == 1


async def test_time_is_counted_whole_and_in_the_database(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.post("/r5/Patient", json={"resourceType": "Patient"})
    await client.get("/r5/metadata")
    found = await samples(client)
    assert value(found, "fhirserver_request_seconds_count", interaction="create") == 3
    assert value(found, "fhirserver_request_seconds_bucket", interaction="create", le="+Inf") == 3
    whole = value(found, "fhirserver_request_seconds_sum", interaction="create")
    assert 0 < value(found, "fhirserver_database_seconds_total", interaction="create") < whole
    assert value(found, "fhirserver_database_operations_total", interaction="create") >= 3
    assert value(found, "fhirserver_database_operations_total", interaction="capabilities") == 0
    assert value(found, "fhirserver_response_bytes_total", interaction="create") > 300


async def test_a_transaction_is_timed_by_what_it_asks_of_the_database(client: httpx.AsyncClient) -> None:
    entries = [
        {"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}} for _ in range(20)
    ]
    await client.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    found = await samples(client)
    seconds = value(found, "fhirserver_database_seconds_total", interaction="transaction")
    assert 0 < seconds < value(found, "fhirserver_request_seconds_sum", interaction="transaction")


async def test_the_cache_is_counted(client: httpx.AsyncClient) -> None:
    await client.put("/r5/Patient/a", json={"resourceType": "Patient", "id": "a"})
    before = await samples(client)
    for _ in range(4):
        await client.get("/r5/Patient/a")
    after = await samples(client)
    assert value(after, "fhirserver_cache_hits_total") - value(before, "fhirserver_cache_hits_total") == 4
    assert value(after, "fhirserver_cache_versions") == 1
    assert value(after, "fhirserver_cache_bytes") > 100


async def test_the_build_the_process_and_what_is_under_way_are_there(client: httpx.AsyncClient) -> None:
    found = await samples(client)
    assert value(found, "fhirserver_requests_in_flight") == 1, "the one that asks"
    assert value(found, "process_resident_memory_bytes") > 1e6
    [build] = [dict(labels) for name, labels in found if name == "fhirserver_build_info"]
    assert build.keys() == {"version", "python"}


async def test_labels_are_closed_sets_whatever_clients_send(client: httpx.AsyncClient) -> None:
    for at in range(30):
        await client.get(f"/r5/Invented{at}/1")
        await client.get(f"/r5/Patient/${at}")
        await client.get(f"/invented{at}")
        await client.request(f"M{at}", "/r5/Patient/1")
    found = await samples(client)
    seen = [dict(labels) for name, labels in found if name == "fhirserver_requests_total"]
    assert {labels["type"] for labels in seen} <= resource_types("R5") | {"", "other"}
    assert len(seen) < 8


def test_every_handler_and_address_has_a_name() -> None:
    assert {handler.__name__ for _, _, handler, *_ in ROUTES} <= INTERACTIONS.keys()
    assert not ADDRESSES.keys() & BASES.keys()


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/openmetrics-text; version=1.0.0", "application/openmetrics-text"),
        ("text/plain;version=x;escaping=y", "text/plain"),
        ("application/openmetrics-text; version=nonsense; escaping=?", "application/openmetrics-text"),
    ],
)
async def test_the_format_is_the_collectors_choice(client: httpx.AsyncClient, accept: str, kind: str) -> None:
    answer = await client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["Content-Type"].startswith(kind)
    assert "fhirserver_build_info" in answer.text


@pytest.fixture
async def without(settings: Settings, mongodb_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings.model_copy(update={"metrics": False}), mongodb_uri)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as found,
    ):
        yield found


async def test_a_server_without_metrics_answers_as_if_it_had_never_heard_of_them(without: httpx.AsyncClient) -> None:
    assert (await without.get("/r5/Patient/none")).status_code == 404
    assert (await without.get("/metrics")).status_code == 404


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_several_workers_are_counted_together_whichever_answers(tmp_path: Path) -> None:
    # A connection for each request, so that both workers get some.
    closing = httpx.Client(headers={"Connection": "close"}, timeout=30)
    with serving(tmp_path / "data", "--workers", "2") as server, closing as client:
        metrics = f"{server.url.removesuffix('/r5')}/metrics"
        for at in range(30):
            client.get(f"{server.url}/Patient/p{at}", headers={"X-Request-Id": f"w{at}"})

        def reads(found: Samples) -> float:
            return value(found, "fhirserver_requests_total", interaction="read", type="Patient", status="404")

        # The other worker tells of its last requests a moment later, and late on a busy machine.
        patience = time.monotonic() + 20
        while reads(parsed(client.get(metrics).text)) < 30 and time.monotonic() < patience:
            time.sleep(LATER_S)
        for _ in range(5):
            time.sleep(2 * LATER_S)
            found = parsed(client.get(metrics).text)
            assert reads(found) == 30
            assert value(found, "fhirserver_requests_in_flight") == 1
            assert value(found, "fhirserver_build_info", **_build(found)) == 1
            assert value(found, "process_resident_memory_bytes") > 50e6
        workers = [pid for pid in descendants(server.process.pid) if "spawn_main" in command_of(pid)]
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        assert gone(workers[0])
        assert reads(parsed(client.get(metrics).text)) == 30, "what a worker counted outlives it"
    lines = [json.loads(line) for line in server.log if line.startswith("{")]
    assert {line["request_id"] for line in lines if line["interaction"] == "read"} == {f"w{at}" for at in range(30)}


def _build(found: Samples) -> dict[str, str]:
    return next(dict(labels) for name, labels in found if name == "fhirserver_build_info")
