"""X-Request-Id on every answer, the client's where it is an id; who may read answers in a browser."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from fhirserver.app import create_app
from fhirserver.settings import Settings
from fhirserver.web.sharing import EXPOSED

OURS = re.compile("[0-9a-f]{16}-[0-9a-f]+")
APP = "https://app.example.org"
PLACES = [
    "/r5/Patient/none",
    "/r5/metadata",
    "/r5/Nothing",
    "/nowhere",
    "/",
    "/health/live",
    "/metrics",
    "/r5/a/b/c/d/e",
]


@pytest.mark.parametrize("path", PLACES)
async def test_every_answer_has_an_id_of_its_own(client: httpx.AsyncClient, path: str) -> None:
    first, second = [(await client.get(path)).headers["X-Request-Id"] for _ in range(2)]
    assert OURS.fullmatch(first)
    assert first != second


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("origin", [{}, {"Origin": APP}])
async def test_the_id_of_a_client_comes_back(client: httpx.AsyncClient, path: str, origin: dict[str, str]) -> None:
    answer = await client.get(path, headers={"X-Request-Id": "run-17:step.3", **origin})
    assert answer.headers["X-Request-Id"] == "run-17:step.3"
    assert "X-Correlation-Id" not in answer.headers


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        ("Mrs Anna Miller, ward 7", True),
        ("x" * 65, True),
        ("<script>", True),
        ("x" * 201, False),
        ("", False),
        ("Müller".encode().decode("latin-1"), False),
        ("a\tb", False),
    ],
)
async def test_what_is_no_id_is_replaced_and_goes_back_as_far_as_a_header_holds_it(
    client: httpx.AsyncClient, given: str, returned: bool
) -> None:
    answer = await client.get("/r5/Patient/none", headers={"X-Request-Id": given.encode("latin-1")})
    assert OURS.fullmatch(answer.headers["X-Request-Id"])
    assert answer.headers.get("X-Correlation-Id") == (given if returned else None)


async def test_two_ids_are_none(client: httpx.AsyncClient) -> None:
    answer = await client.get("/r5/Patient/none", headers=[("X-Request-Id", "a"), ("X-Request-Id", "b")])
    assert OURS.fullmatch(answer.headers["X-Request-Id"])


async def test_a_writer_gets_the_id_too_also_with_a_refusal(client: httpx.AsyncClient) -> None:
    for body in ('{"resourceType": "Patient"}', "{", ""):
        answer = await client.post("/r5/Patient", content=body, headers={"X-Request-Id": "w1"})
        assert answer.headers["X-Request-Id"] == "w1"


# --- browsers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_a_smart_app_is_allowed_its_methods_and_headers(client: httpx.AsyncClient, method: str) -> None:
    wanted = "authorization,content-type,if-match,if-none-exist,if-none-match,prefer,x-request-id"
    answer = await client.options(
        "/r5/Patient/1",
        headers={
            "Origin": APP,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": wanted,
            "X-Request-Id": "p1",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert set(wanted.split(",")) <= {h.strip() for h in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert answer.headers["X-Request-Id"] == "p1"


async def test_a_script_may_read_what_a_client_needs(client: httpx.AsyncClient) -> None:
    answer = await client.get("/r5/Patient/none", headers={"Origin": APP})
    exposed = {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")}
    assert exposed == set(EXPOSED)
    assert {"ETag", "Last-Modified", "Location", "Content-Location", "Warning", "X-Request-Id"} <= exposed
    assert "Origin" in answer.headers["Vary"]


@pytest.fixture
async def choosy(settings: Settings, mongodb_uri: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that is shared with one app alone."""
    app = create_app(settings.model_copy(update={"cors_origins": [APP]}), mongodb_uri)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as found,
    ):
        yield found


@pytest.mark.parametrize(
    ("origin", "allowed"), [(APP, APP), ("https://elsewhere.example", None), (None, None), ("null", None)]
)
async def test_an_answer_names_the_origin_it_is_for_and_caches_keep_it_apart(
    choosy: httpx.AsyncClient, origin: str | None, allowed: str | None
) -> None:
    answer = await choosy.get("/r5/Patient/none", headers={"Origin": origin} if origin else {})
    assert answer.headers.get("Access-Control-Allow-Origin") == allowed
    assert "Origin" in answer.headers["Vary"]


async def test_an_origin_that_is_not_listed_is_refused_with_an_outcome(choosy: httpx.AsyncClient) -> None:
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "PUT"}
    answer = await choosy.options("/r5/Patient/1", headers=asked)
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.json()["issue"][0]["code"] == "forbidden"
    assert "cors_origins" in answer.json()["issue"][0]["diagnostics"]
