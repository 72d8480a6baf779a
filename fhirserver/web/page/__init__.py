"""The page at /: what this server is, and links to try."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from importlib import resources

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from fhirserver import __version__
from fhirserver.search.ast import Missing
from fhirserver.search.mongo import LIVE, to_mongo
from fhirserver.store.store import Store

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; connect-src 'self'; script-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}

COUNTED = (
    # Sites are studies too, which are part of another.
    ("studies", "ResearchStudy", to_mongo(Missing("ResearchStudy", "part-of", "reference", True), "R5")),
    ("patients", "Patient", LIVE),
    ("subjects", "ResearchSubject", LIVE),
)


def routes(store: Callable[[], Store]) -> list[Route]:
    """The page, filled with how many studies, patients and subjects the store holds."""
    template = resources.files(__package__).joinpath("index.html").read_text()

    async def page(request: Request) -> Response:
        text = template.replace("{version}", escape(__version__))
        for name, type_, which in COUNTED:
            count = await store().count(type_, which, cap=10_000)
            text = text.replace("{" + name + "}", f"{count:,}")
        return HTMLResponse(text, headers=HEADERS)

    return [Route("/", page)]
