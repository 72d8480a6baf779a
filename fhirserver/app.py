"""The composition root: settings in, an ASGI application out."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from fhirserver.interactions.tending import tending
from fhirserver.settings import Settings
from fhirserver.store.client import connect
from fhirserver.store.store import Store
from fhirserver.web.application import Application

MONGODB_URI = "FHIRSERVER_INTERNAL_MONGODB_URI"
"""Where worker processes find the address of the mongod that their parent runs."""

YOUNG_OBJECTS = 20_000
"""Objects that may be added before the youngest are searched for cycles: some tens of requests."""


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


def settle() -> None:
    """Takes what is loaded by now out of the garbage collector's rounds, and lets it go round less often.

    A request makes thousands of objects, nearly all freed by their reference counts: looking for cycles among them
    again and again would take a tenth of the time. https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 20)


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
