"""The composition root: settings in, an ASGI application out."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from fhirserver.garbage import settle
from fhirserver.interactions.tending import tending
from fhirserver.settings import Settings
from fhirserver.store.client import connect
from fhirserver.store.store import Store
from fhirserver.web.application import Application

MONGODB_URI = "FHIRSERVER_INTERNAL_MONGODB_URI"
"""Where worker processes find the address of the mongod that their parent runs."""


def create_app(settings: Settings, uri: str) -> Application:
    """The application on the MongoDB at `uri`; it connects when it starts and closes when it stops."""
    opened: list[Store] = []

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        store = await connect(settings, uri)
        opened.append(store)
        try:
            async with tending(settings, store):
                yield
        finally:
            opened.clear()
            await store.close()

    return Application(settings, lambda: opened[0], lifespan)


def from_environment() -> Application:
    """The application of a worker process: uvicorn calls it by name."""
    settle()
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    return create_app(Settings(), os.environ[MONGODB_URI])


def _leave_with(parent: int) -> None:
    """Ends a worker whose parent was killed: the database went with it, and the port must become free."""
    while os.getppid() == parent:
        time.sleep(1)
    os.kill(os.getpid(), signal.SIGTERM)
