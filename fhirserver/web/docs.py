"""The API for people and programs: /openapi.json, and /docs, where a browser shows it and tries it out.

https://github.com/swagger-api/swagger-ui, whose files come from a package: no other server is asked for any.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.interactions import capabilities, operations
from fhirserver.interactions.in_force import seen
from fhirserver.interactions.server import BASES, Server
from fhirserver.resources.registry import RELEASES, Release, resource_types
from fhirserver.search.added import in_force
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from fhirserver.web.openapi import Service, document
from fhirserver.web.routes import ROUTES

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
FILES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "docs.css": ("fhirserver.web.page", "text/css"),
        "docs.js": ("fhirserver.web.page", "text/javascript"),
        "favicon-32x32.png": ("fastapi_swagger.resources", "image/png"),
        "swagger-ui-bundle.js": ("fastapi_swagger.resources", "text/javascript"),
        "swagger-ui.css": ("fastapi_swagger.resources", "text/css"),
    }
)
"""What the page is made of: the package that holds a file, and its media type."""


def routes(settings: Settings, store: Callable[[], Store]) -> list[Route]:
    """/openapi.json, /docs and what that is made of."""

    @lru_cache(8)
    def made(release: Release, types: tuple[str, ...], _added: capabilities.Usable) -> bytes:
        origin = (settings.base_url or "").rstrip("/")
        servers = [f"{origin}/{name}" for name, own in BASES.items() if own in (release, None)]
        statement = capabilities.statement(Server(settings, store().seen_in(release), release, servers[0]))
        rows = [(method, path, handler.__name__) for method, path, handler in ROUTES]
        return fhirjson.dumps(document(Service(release, statement, operations.OPERATIONS), rows, types, servers))

    async def openapi(request: Request) -> Response:
        release = _release(request.query_params.get("release", "R5"))
        types = _types(release, request.query_params.get("types", ""))
        with in_force(await seen(store())):
            document = await run_in_threadpool(made, release, types, capabilities.usable(release))
        return Response(document, media_type="application/json")

    async def page(request: Request) -> Response:
        headers = {**HEADERS, "Content-Security-Policy": POLICY}
        return Response(_file("fhirserver.web.page", "docs.html"), headers=headers, media_type="text/html")

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in FILES:
            raise HTTPException(404)
        package, kind = FILES[name]
        headers = {**HEADERS, "Cache-Control": "public, max-age=3600"}
        return Response(_file(package, name), headers=headers, media_type=kind)

    return [Route("/openapi.json", openapi), Route("/docs", page), Route("/docs/{name}", file)]


@lru_cache(len(FILES) + 1)
def _file(package: str, name: str) -> bytes:
    return resources.files(package).joinpath(name).read_bytes()


def _release(text: str) -> Release:
    for release in RELEASES:
        if text == release:
            return release
    raise BadRequest(f"release is one of {', '.join(sorted(RELEASES))}.", expression="release")


def _types(release: Release, text: str) -> tuple[str, ...]:
    known = resource_types(release)
    wanted = known if text == "*" else {part.strip() for part in text.split(",") if part.strip()}
    if wanted <= known:
        return tuple(sorted(wanted))
    raise BadRequest(
        f"types are resource types of FHIR {release}, separated by commas, or * for all of them.", expression="types"
    )
