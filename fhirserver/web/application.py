"""The whole web: FHIR bases first, since nearly all requests are theirs, then the page, health and whatever else.

FastAPI's own stack of middleware and patterns costs a FHIR read a tenth of its time; the bases need none of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from fhirserver import __version__
from fhirserver.errors import NotFound
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from fhirserver.web import health, page
from fhirserver.web.base import BASES, Base
from fhirserver.web.responses import refusal

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
EXPOSED = ["ETag", "Last-Modified", "Location", "Content-Location", "Warning"]


async def _nowhere(request: Request, error: Exception) -> Response:
    bases = ", ".join(f"/{name}" for name in BASES)
    return refusal(NotFound(f"There is no such address here: FHIR is at {bases}, a page for people at /."), request)


class Application(FastAPI):
    """FastAPI with the FHIR bases before it."""

    def __init__(self, settings: Settings, store: Callable[[], Store], lifespan: Lifespan) -> None:
        super().__init__(
            title="fhirserver", version=__version__, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None
        )
        self.router.routes.extend([*health.routes(store), *page.routes(store)])
        self.add_exception_handler(404, _nowhere)
        self._plain: dict[str, ASGIApp] = {
            name: Base(name, release, settings, store) for name, release in BASES.items()
        }
        self._shared: dict[str, ASGIApp] = {
            name: CORSMiddleware(
                base,
                allow_origins=settings.cors_origins,
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"],
                allow_headers=["*"],
                expose_headers=EXPOSED,
            )
            for name, base in self._plain.items()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "http":
            name = scope["path"][1:].partition("/")[0]
            if name in self._plain:
                # A browser's app sends its origin; nobody else has to pay for the rules of sharing.
                foreign = any(header == b"origin" for header, _ in scope["headers"])
                await (self._shared if foreign else self._plain)[name](scope, receive, send)
                return
        await super().__call__(scope, receive, send)
