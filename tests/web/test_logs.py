"""Logs: a line a request, of closed words and numbers; whatever clients send stays out of it."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import logging.config
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from fhirserver.app import create_app
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from fhirserver.web.application import Application
from fhirserver.web.ledger import LATER_S
from fhirserver.web.logs import configuration

NAME = "Zaphodson"
BIRTH = "1912-06-23"
NUMBER = "MRN-778899"
SECRETS = (NAME, BIRTH, NUMBER)
PATIENT = {
    "resourceType": "Patient",
    "id": NUMBER,
    "identifier": [{"value": NUMBER}],
    "name": [{"family": NAME}],
    "birthDate": BIRTH,
}

Log = Callable[[], Awaitable[list[dict[str, Any]]]]


@pytest.fixture
def written(settings: Settings) -> Iterator[io.StringIO]:
    """What the server writes to its log, everything included."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    named = [logging.getLogger(name) for name in ("fhirserver", "pymongo", "asyncio", "uvicorn")]
    levels = [each.level for each in named]
    logging.config.dictConfig(configuration(settings.model_copy(update={"log_level": "debug", "log_format": "json"})))
    sink = io.StringIO()
    [handler] = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(sink)
    yield sink
    root.handlers[:] = handlers
    root.setLevel(level)
    for each, before in zip(named, levels, strict=True):
        each.setLevel(before)


@pytest.fixture
def log(written: io.StringIO) -> Log:
    """The lines so far, those of the last requests too."""

    async def lines() -> list[dict[str, Any]]:
        await asyncio.sleep(2 * LATER_S)
        return [json.loads(line) for line in written.getvalue().splitlines()]

    return lines


async def test_a_request_is_one_line_of_what_it_was_and_took(client: httpx.AsyncClient, log: Log) -> None:
    answer = await client.post("/r5/Patient", json=PATIENT, headers={"X-Request-Id": "r-1"})
    await client.get(f"/r5/Patient/{answer.json()['id']}", headers={"X-Request-Id": "r-2"})
    create, read = await log()
    assert list(create) == [
        "time",
        "level",
        "logger",
        "message",
        "request_id",
        "interaction",
        "type",
        "status",
        "ms",
        "database_ms",
        "bytes",
        "release",
    ]
    assert (create["interaction"], create["type"], create["status"]) == ("create", "Patient", 201)
    assert (create["level"], create["request_id"], create["release"]) == ("info", "r-1", "R5")
    assert create["bytes"] == len(answer.content)
    assert 0 < create["database_ms"] < create["ms"]
    assert (read["interaction"], read["status"], read["request_id"]) == ("read", 200, "r-2")


@pytest.mark.parametrize(
    ("method", "path", "interaction", "type"),
    [
        ("GET", "/r5/metadata", "capabilities", None),
        ("GET", "/r5/Patient?name=a", "search-type", "Patient"),
        ("POST", "/r5/Patient/_search", "search-type", "Patient"),
        ("GET", "/r5/Patient/a/_history/1", "vread", "Patient"),
        ("GET", "/r5/Patient/a/_history", "history-instance", "Patient"),
        ("GET", "/r5/Patient/_history", "history-type", "Patient"),
        ("GET", "/r5/_history", "history-system", None),
        ("PUT", "/r5/Patient/a", "update", "Patient"),
        ("DELETE", "/r5/Patient?name=a", "delete", "Patient"),
        ("POST", "/r5/ResearchStudy/a/$enroll", "$enroll", "ResearchStudy"),
        ("GET", f"/r5/Patient/${NAME}", "$other", "Patient"),
        ("GET", f"/r5/{NAME}/1", "read", "other"),
        ("OPTIONS", "/r5/Patient", "options", None),
        ("GET", f"/r5/a/b/c/d/{NAME}", "none", None),
        ("GET", f"/{NAME}", "none", None),
        ("GET", "/", "page", None),
        ("GET", "/health/live", "health", None),
        ("GET", "/metrics", "metrics", None),
        ("GET", "/openapi.json", "openapi", None),
    ],
)
async def test_a_request_has_the_name_of_its_interaction(
    client: httpx.AsyncClient, log: Log, method: str, path: str, interaction: str, type: str | None
) -> None:
    await client.request(method, path)
    line = (await log())[-1]
    assert (line["interaction"], line["type"]) == (interaction, type)


@pytest.mark.parametrize("kind", ["batch", "transaction"])
async def test_a_bundle_is_called_what_it_is(client: httpx.AsyncClient, log: Log, kind: str) -> None:
    await client.post("/r5", json={"resourceType": "Bundle", "type": kind})
    assert (await log())[-1]["interaction"] == kind


REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/r5/Patient", {"json": PATIENT}),
    ("PUT", f"/r5/Patient/{NUMBER}", {"json": PATIENT}),
    ("GET", f"/r5/Patient/{NUMBER}", {}),
    ("GET", f"/r5/Patient?name={NAME}&birthdate={BIRTH}&identifier={NUMBER}", {}),
    ("GET", f"/r5/Patient?{NAME}={NUMBER}", {"headers": {"Prefer": "handling=strict"}}),
    ("GET", f"/r5/Patient?birthdate={NAME}", {}),
    ("POST", "/r5/Patient/_search", {"data": {"name": NAME}}),
    ("POST", "/r5/Patient", {"content": f'{{"resourceType": "Patient", "name": "{NAME}'}),
    ("POST", "/r5/Patient", {"content": f'{{"resourceType": "{NAME}"}}'}),
    ("POST", "/r5/Patient", {"json": PATIENT | {NAME: NUMBER}}),
    ("POST", "/r5/Patient", {"json": PATIENT | {"gender": NAME, "birthDate": f"{BIRTH}x"}}),
    ("POST", "/r5", {"json": {"resourceType": "Bundle", "type": "transaction", "entry": [{"resource": PATIENT}]}}),
    ("POST", "/r5", {"json": {"resourceType": "Bundle", "type": NAME}}),
    ("GET", f"/r5/{NAME}/{NUMBER}", {}),
    ("GET", f"/r5/Patient/{NUMBER}/_history/{BIRTH}", {}),
    ("GET", f"/r5/Patient/{NUMBER}/${NAME}", {}),
    ("GET", f"/{NAME}/{NUMBER}", {}),
    (NAME.upper(), "/r5/Patient/1", {}),
    ("GET", "/r5/Patient/1", {"headers": {"X-Request-Id": f"{NAME}, {NUMBER}", "Authorization": f"Bearer {NUMBER}"}}),
    ("GET", "/r5/Patient/1", {"headers": {"Accept": NAME, "Host": NAME, "User-Agent": NAME, "Cookie": NAME}}),
    ("PUT", "/r5/Patient/1", {"json": PATIENT, "headers": {"If-Match": NUMBER}}),
    ("POST", "/r5/Patient", {"json": PATIENT, "headers": {"If-None-Exist": f"identifier={NUMBER}&{NAME}=1"}}),
    ("POST", "/r5/Patient", {"content": NAME, "headers": {"Content-Type": NUMBER}}),
    ("POST", "/r5/ResearchStudy/x/$enroll", {"json": PATIENT}),
    ("POST", "/r5/ResearchStudy/$import-record", {"content": NAME}),
    ("GET", f"/openapi.json?types={NAME}", {}),
]


async def test_nothing_a_client_sends_is_in_the_log(client: httpx.AsyncClient, written: io.StringIO) -> None:
    for method, path, more in REQUESTS:
        answer = await client.request(method, path, **more)
        assert answer.status_code < 500, path
    await asyncio.sleep(2 * LATER_S)
    assert len(written.getvalue().splitlines()) == len(REQUESTS)
    for secret in SECRETS:
        assert secret.lower() not in written.getvalue().lower()


@asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.mark.parametrize("path", ["/r5/Patient/1", "/"])
async def test_an_unexpected_error_is_logged_by_its_place_alone(settings: Settings, log: Log, path: str) -> None:
    def broken() -> Store:
        raise RuntimeError(f"{NAME} was born on {BIRTH}")

    app = Application(settings.model_copy(update={"metrics": False}), broken, _life)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get(path, headers={"X-Request-Id": "e-1"})
    assert answer.status_code == 500
    assert answer.json()["issue"][0]["code"] == "exception"
    error, request = await log()
    assert error["request_id"] == request["request_id"] == "e-1"
    assert error["message"].startswith("unexpected RuntimeError in ")
    assert "test_logs.py:" in error["message"]
    assert (error["level"], request["level"], request["status"]) == ("error", "error", 500)
    for secret in SECRETS:
        assert secret not in json.dumps([error, request, answer.json()])


async def test_a_client_that_leaves_is_told_from_one_that_was_answered(
    settings: Settings, store: Store, log: Log
) -> None:
    app = Application(settings.model_copy(update={"metrics": False}), lambda: store, _life)
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/r5/Patient",
        "query_string": b"",
        "scheme": "http",
        "headers": [(b"host", b"test"), (b"content-type", b"application/fhir+json")],
    }

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: object) -> None:
        raise AssertionError("nobody is left to answer")

    await app(scope, receive, send)
    [line] = await log()
    assert (line["interaction"], line["status"], line["bytes"]) == ("create", 499, 0)


def test_what_others_log_loses_what_they_filled_in(written: io.StringIO) -> None:
    try:
        raise ValueError(NAME)
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
        logging.getLogger("asyncio").error(f"Task exception was never retrieved\nfuture: {NAME}", exc_info=True)
    logging.getLogger("pymongo.command").warning("command %s", NAME)
    logging.getLogger("pymongo.command").debug("command %s", NAME)
    logging.getLogger("somebody").warning({"name": 1})
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert [line["message"] for line in lines] == [
        "Exception in ASGI application",
        "Task exception was never retrieved",
        "command %s",
        "dict",
    ]
    assert (lines[0]["error"], lines[0]["place"].partition(":")[0]) == ("ValueError", "test_logs.py")
    assert NAME not in written.getvalue()


async def test_health_and_metrics_are_logged_for_debugging_only(
    settings: Settings, mongodb_uri: str, written: io.StringIO
) -> None:
    logging.getLogger("fhirserver").setLevel("INFO")
    app = create_app(settings, mongodb_uri)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        await client.get("/health/live")
        await client.get("/metrics")
        await client.get("/r5/Patient/none")
        await asyncio.sleep(2 * LATER_S)
    assert written.getvalue().count("\n") == 1


async def test_a_person_reads_a_short_line(client: httpx.AsyncClient, written: io.StringIO, settings: Settings) -> None:
    logging.config.dictConfig(configuration(settings.model_copy(update={"log_format": "text"})))
    [handler] = logging.getLogger().handlers
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(written)
    await client.get("/r5/Patient/none", headers={"X-Request-Id": "t-1"})
    await asyncio.sleep(2 * LATER_S)
    assert " info    read Patient 404  request_id=t-1 ms=" in written.getvalue()
