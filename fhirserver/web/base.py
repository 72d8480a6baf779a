"""The FHIR bases of the web: /r5, and /fhir, which answers in the release that a client names.

https://hl7.org/fhir/R5/http.html#root
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from fhirserver.errors import FhirError, NotFound
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import Release
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from fhirserver.web.responses import refusal
from fhirserver.web.routes import routes

log = logging.getLogger("fhirserver.web")

BASES: dict[str, Release] = {"/r5": "R5", "/fhir": "R5"}


def mounts(settings: Settings, store: Callable[[], Store]) -> list[Mount]:
    """One mount a base; `store` is asked at each request, since it opens when the server starts."""
    return [Mount(path, app=Guard(_router(path, release, settings, store))) for path, release in BASES.items()]


def _router(path: str, release: Release, settings: Settings, store: Callable[[], Store]) -> Router:
    fixed = f"{settings.base_url.rstrip('/')}{path}" if settings.base_url else None
    known: dict[str, Server] = {}

    def at(request: Request) -> Server:
        origin = fixed or f"{request.scope['scheme']}://{_host(request)}{path}"
        server = known.get(origin)
        if server is None or server.store is not store():
            if len(known) > 100:
                known.clear()
            server = known[origin] = Server(settings, store(), release, origin)
        return server

    return Router(routes(at), redirect_slashes=False, default=_nowhere)


def _host(request: Request) -> str:
    host, port = request.scope.get("server") or ("localhost", None)
    header = request.headers.get("host", "")
    # A Host header that is no host name must not reach links.
    if header and all(sign.isalnum() or sign in ".-:[]_" for sign in header):
        return header
    return f"{host}:{port}" if port else str(host)


async def _nowhere(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFound("There is no such address here: see /metadata for what this server does.", code="not-found")


class Guard:
    """Turns whatever a base raises into an OperationOutcome."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        started = False

        async def watch(message: dict[str, object]) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)  # type: ignore[arg-type]
        except FhirError as error:
            answer: Response = refusal(error)
        except Exception as error:
            # The message may hold a patient's data: the log gets the place alone.
            log.error("unexpected %s in %s", type(error).__name__, _where(error))
            answer = refusal(FhirError("The server failed on this request; its log says where."))
        else:
            return
        if not started:
            await answer(scope, receive, send)


def _where(error: BaseException) -> str:
    """File and line of the innermost frames of ours, without values."""
    places = []
    frame = error.__traceback__
    while frame is not None:
        places.append(f"{frame.tb_frame.f_code.co_filename.rpartition('fhirserver')[2]}:{frame.tb_lineno}")
        frame = frame.tb_next
    return " > ".join(places[-6:])
