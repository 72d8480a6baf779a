"""The FHIR bases of the web: /r5 and /r4, and /fhir, which speaks the release that a client names.

https://hl7.org/fhir/R5/http.html#root, https://hl7.org/fhir/R5/versioning.html#mt-version
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from fhirserver.errors import FhirError
from fhirserver.interactions.in_force import seen
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import Release
from fhirserver.search.added import in_force
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from fhirserver.web.dispatch import allowed, dispatch
from fhirserver.web.headers import settle
from fhirserver.web.logs import place
from fhirserver.web.negotiation import accept, asked_release
from fhirserver.web.patching import ACCEPT_PATCH
from fhirserver.web.record import current, name_request
from fhirserver.web.responses import refusal

log = logging.getLogger("fhirserver.web")


class Base:
    """One FHIR base as an ASGI application; whatever goes wrong in it is answered by an OperationOutcome."""

    def __init__(self, name: str, release: Release | None, settings: Settings, store: Callable[[], Store]) -> None:
        self._path = f"/{name}"
        self._fixed_to = release
        self._settings = settings
        self._store = store
        self._fixed = settings.base_url.rstrip("/") if settings.base_url else None
        self._servers: dict[tuple[str, Release], Server] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        request = Request(scope, receive)
        try:
            answer = await self._answer(request)
        except ClientDisconnect:
            return  # nobody is left to answer; what was not sent whole was not done
        except FhirError as error:
            answer = refusal(error, request)
        except Exception as error:
            answer = failed(error)
        try:
            await answer(scope, receive, send)
        except Exception as error:
            record = current()
            if record is None or record.started:
                raise
            await failed(error)(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        settle(request.scope)
        path = request.scope["path"][len(self._path) :]
        release = self._fixed_to or asked_release(request)
        if request.method == "OPTIONS":
            methods = allowed(path, release)
            formats = {"Accept-Patch": ACCEPT_PATCH} if "PATCH" in methods and "$" not in path else {}
            return Response(status_code=204, headers={"Allow": methods, **formats})
        accept(request, release)
        handler, request.scope["path_params"] = dispatch(request.method, path, release)
        name_request(request, handler.__name__, release)
        server = self._server(request, release)
        these = await seen(server.store)
        if not these.by_type:
            return await handler(request, server)
        with in_force(these):
            return await handler(request, server)

    def _server(self, request: Request, release: Release) -> Server:
        """The server as this request addresses it, which its links are to name."""
        origin = self._fixed or f"{request.scope['scheme']}://{_host(request)}"
        store = self._store().seen_in(release)
        server = self._servers.get((origin, release))
        if server is None or server.store is not store:
            if len(self._servers) > 100:
                self._servers.clear()
            server = Server(self._settings, store, release, origin + self._path)
            self._servers[origin, release] = server
        return server


def _host(request: Request) -> str:
    header = request.headers.get("host", "")
    # A Host header that is no host name must not reach links.
    if header and all(sign.isalnum() or sign in ".-:[]_" for sign in header):
        return header
    host, port = request.scope.get("server") or ("localhost", None)
    return f"{host}:{port}" if port else str(host)


def failed(error: Exception) -> Response:
    """The answer to what nobody foresaw: the log gets its place alone, for its message may hold a patient's data."""
    log.error("unexpected %s in %s", type(error).__name__, place(error))
    return refusal(FhirError("The server failed on this request; its log says where."))
