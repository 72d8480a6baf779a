"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fhirserver.errors import FhirError
from fhirserver.store.store import Store


def routes(store: Callable[[], Store]) -> list[Route]:
    """/health/live and /health/ready: 200, or 503 while the database does not answer."""

    async def live(request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def ready(request: Request) -> Response:
        try:
            await store().ping()
        except FhirError as error:
            return JSONResponse({"status": "waiting for MongoDB", "detail": str(error)}, 503)
        return JSONResponse({"status": "ready"})

    return [Route("/health/live", live), Route("/health/ready", ready)]
