"""The page at /: what this server is, and links to try."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib import resources

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fhirserver import __version__
from fhirserver.store.store import Store

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; script-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def routes(store: Callable[[], Store]) -> list[Route]:
    """The page, filled with how many studies, patients and subjects the store holds."""
    template = resources.files(__package__).joinpath("index.html").read_text()

    async def page(request: Request) -> Response:
        text = template.replace("{version}", escape(__version__))
        for name, type_ in (("studies", "ResearchStudy"), ("patients", "Patient"), ("subjects", "ResearchSubject")):
            count = await store().count(type_, {"t": "|live"}, cap=10_000)
            text = text.replace("{" + name + "}", f"{count:,}")
        return HTMLResponse(text, headers=HEADERS)

    return [Route("/", page)]
