"""The whole web: FHIR bases first, since nearly all requests are theirs, then the page, health and whatever else.

FastAPI's own stack of middleware and patterns costs a FHIR read a tenth of its time; the bases need none of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI
from fastapi.middleware.gzip import GZipMiddleware
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fhirserver import __version__
from fhirserver.errors import FhirError, MethodNotAllowed, NotFound
from fhirserver.interactions.server import BASES
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from fhirserver.store.tally import CURRENT
from fhirserver.web import docs, health, page
from fhirserver.web.base import Base, failed
from fhirserver.web.ledger import Ledger
from fhirserver.web.metrics import Metrics
from fhirserver.web.naming import ADDRESSES
from fhirserver.web.record import Record
from fhirserver.web.responses import refusal
from fhirserver.web.sharing import Sharing

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class Application(FastAPI):
    """FastAPI with the FHIR bases before it, and every request on record."""

    def __init__(self, settings: Settings, store: Callable[[], Store], lifespan: Lifespan) -> None:
        super().__init__(
            title="fhirserver",
            version=__version__,
            lifespan=self._recorded(lifespan),
            docs_url=None,
            redoc_url=None,
            openapi_url=None,
        )
        metrics = Metrics(lambda: store().cache) if settings.metrics else None
        self._ledger = Ledger(metrics)
        self.router.routes.extend([*health.routes(store), *page.routes(store), *docs.routes(settings, store)])
        if metrics:
            self.router.routes.extend(metrics.routes(self._ledger.write))
        self.add_middleware(GZipMiddleware, minimum_size=1024)
        self.add_exception_handler(HTTPException, _not_here)
        self.add_exception_handler(FhirError, _refused)
        self.add_exception_handler(Exception, _failed)
        self._plain: dict[str, ASGIApp] = {
            name: Base(name, release, settings, store) for name, release in BASES.items()
        }
        self._shared: dict[str, ASGIApp] = {name: Sharing(base, settings) for name, base in self._plain.items()}

    def _recorded(self, lifespan: Lifespan) -> Lifespan:
        @asynccontextmanager
        async def recorded(app: FastAPI) -> AsyncIterator[None]:
            async with lifespan(app):
                try:
                    yield
                finally:
                    self._ledger.write()

        return recorded

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request, counts it and writes its line into the log."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        record = Record(scope, send)
        token = CURRENT.set(record)
        self._ledger.opened()
        name = scope["path"][1:].partition("/")[0]
        base = (self._shared if record.origin else self._plain).get(name)
        try:
            if base is not None:
                await base(scope, receive, record.send)
            else:
                record.name = ADDRESSES.get(name, record.name)
                await self._besides(record, scope, receive)
        except BaseException:
            record.status = 500
            raise
        finally:
            self._ledger.closed(record)
            CURRENT.reset(token)

    async def _besides(self, record: Record, scope: Scope, receive: Receive) -> None:
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
