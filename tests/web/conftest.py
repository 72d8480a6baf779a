"""The application on a real mongod, called over ASGI by a client of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from fhirserver.app import create_app
from fhirserver.settings import Settings
from fhirserver.store.embedded import Mongod

Json = dict[str, Any]
Serve = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
HEADERS = {"Accept": "application/fhir+json", "Content-Type": "application/fhir+json"}


@asynccontextmanager
async def calling(settings: Settings, uri: str, base: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server with these settings, whose addresses begin behind `base`."""
    app = create_app(settings, uri)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://test{base}", headers=HEADERS) as found,
    ):
        yield found


@pytest.fixture
def serve(settings: Settings, mongodb_uri: str) -> Serve:
    """Starts the server of this test's database with some settings changed; gives a client of it."""
    return lambda **changes: calling(settings.model_copy(update=changes), mongodb_uri)


@pytest.fixture
async def client(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an empty server."""
    async with serve() as found:
        yield found


@pytest.fixture(scope="module")
async def shared(mongod: Mongod, module_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that all tests of a module share: each of them makes resources of its own."""
    async with calling(Settings(mongodb_uri=mongod.uri, database=module_database), mongod.uri) as found:
        yield found


@pytest.fixture
def patient() -> Json:
    return {
        "resourceType": "Patient",
        "identifier": [{"system": "urn:example:mrn", "value": "0017"}],
        "name": [{"family": "Müller", "given": ["Anna"]}],
        "birthDate": "1980-02-29",
    }
