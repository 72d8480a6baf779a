"""The composition root: settings in, an ASGI application out."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from fhirserver import __version__
from fhirserver.settings import Settings
from fhirserver.store.client import connect
from fhirserver.store.store import Store
from fhirserver.web import base, health, page

MONGODB_URI = "FHIRSERVER_INTERNAL_MONGODB_URI"
"""Where worker processes find the address of the mongod that their parent runs."""


def create_app(settings: Settings, uri: str) -> FastAPI:
    """The application on the MongoDB at `uri`; it connects when it starts and closes when it stops."""
    opened: list[Store] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = await connect(settings, uri)
        opened.append(store)
        app.state.started = datetime.now(UTC)
        try:
            yield
        finally:
            opened.clear()
            await store.close()

    app = FastAPI(
        title="fhirserver", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
    )

    def store() -> Store:
        return opened[0]

    app.router.routes.extend(health.routes(store))
    app.router.routes.extend(page.routes(store))
    for mount in base.mounts(settings, store):
        app.router.routes.append(mount)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
            allow_headers=["*"],
            expose_headers=["ETag", "Last-Modified", "Location", "Content-Location", "Warning"],
        )
    return app


def from_environment() -> FastAPI:
    """The application of a worker process: uvicorn calls it by name."""
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    return create_app(Settings(), os.environ[MONGODB_URI])


def _leave_with(parent: int) -> None:
    """Ends a worker whose parent was killed: the database went with it, and the port must become free."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
