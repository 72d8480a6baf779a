"""The whole web: FHIR bases first, since nearly all requests are theirs, then the page, health and whatever else.

FastAPI's own stack of middleware and patterns costs a FHIR read a tenth of its time; the bases need none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fhirserver import __version__
from fhirserver.errors import FhirError, MethodNotAllowed, NotFound
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from fhirserver.store.tally import CURRENT
from fhirserver.web import docs, health, page
from fhirserver.web.base import BASES, Base, failed
from fhirserver.web.logs import log_request
from fhirserver.web.metrics import Metrics
from fhirserver.web.naming import ADDRESSES
from fhirserver.web.record import RECORD, Record
from fhirserver.web.responses import refusal
from fhirserver.web.sharing import Sharing

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Application(FastAPI):
    """FastAPI with the FHIR bases before it, and every request on record."""

    def __init__(self, settings: Settings, store: Callable[[], Store], lifespan: Lifespan) -> None:
        super().__init__(
            title="fhirserver", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
        )
        self._metrics = Metrics(lambda: store().cache) if settings.metrics else None
        self.router.routes.extend([*health.routes(store), *page.routes(store), *docs.routes(settings, store)])
        if self._metrics:
            self.router.routes.extend(self._metrics.routes())
        self.add_middleware(GZipMiddleware, minimum_size=1024)
        self.add_exception_handler(HTTPException, _not_here)
        self.add_exception_handler(FhirError, _refused)
        self.add_exception_handler(Exception, _failed)
        self._plain: dict[str, ASGIApp] = {
            name: Base(name, release, settings, store) for name, release in BASES.items()
        }
        self._shared: dict[str, ASGIApp] = {name: Sharing(base, settings) for name, base in self._plain.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, counts it and writes its line into the log."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        record = Record(scope, send)
        tokens = RECORD.set(record), CURRENT.set(record.tally)
        metrics = self._metrics
        if metrics:
            metrics.in_flight.inc()
        try:
            await self._answer(record, scope, receive)
        except BaseException:
            record.status = 500
            raise
        finally:
            seconds = record.seconds
            if metrics:
                metrics.in_flight.dec()
                metrics.observe(record, seconds)
            log_request(record, seconds)
            RECORD.reset(tokens[0])
            CURRENT.reset(tokens[1])

    async def _answer(self, record: Record, scope: Scope, receive: Receive) -> None:
        name = scope["path"][1:].partition("/")[0]
        if name in self._plain:
            if record.origin:
                await self._shared[name](scope, receive, record.send)
            else:
                # Only browsers' apps send their origin: nobody else has to pay for the rules of sharing. But caches
                # must not give an app what others got, for it lacks the permission to be read.
                record.add_header(b"vary", b"Origin")
                await self._plain[name](scope, receive, record.send)
            return
        record.interaction = ADDRESSES.get(name, record.interaction)
        try:
            await super().__call__(scope, receive, record.send)
        except Exception:
            # Starlette raises again what it has answered, for servers to log with its message.
            if not record.complete:
                raise


async def _not_here(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException) and error.status_code == 405:
        allowed = dict(error.headers or {})
        return refusal(
            MethodNotAllowed(f"This address takes {allowed.get('Allow', 'another method')}.", headers=allowed), request
        )
    bases = ", ".join(f"/{name}" for name in BASES)
    return refusal(NotFound(f"There is no such address here: FHIR is at {bases}, a page for people at /."), request)


async def _refused(request: Request, error: Exception) -> Response:
    return refusal(error, request) if isinstance(error, FhirError) else failed(error)


async def _failed(request: Request, error: Exception) -> Response:
    return failed(error)
