"""The links of a page: itself, the first one and the next.

https://hl7.org/fhir/R5/http.html#paging
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from fhirserver.resources.bundle import Link

CURSOR = "_cursor"
Params = Sequence[tuple[str, str]]


def query_of(params: Params) -> str:
    """?name=value&… of what was understood; empty for nothing."""
    return "?" + "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in params) if params else ""


def links(place: str, query: str, token: str | None, following: str | None) -> list[Link]:
    """The links of the page at `token` of what `place` and `query` ask for; `following` is the next page's token."""
    found = [Link("self", _at(place, query, token) if token is not None else place + query)]
    if token is not None or following is not None:
        found.append(Link("first", place + query))
    if following is not None:
        found.append(Link("next", _at(place, query, following)))
    return found


def _at(place: str, query: str, token: str) -> str:
    return f"{place}{query}{'&' if query else '?'}{CURSOR}={token}"


def _quoted(text: str) -> str:
    return quote(text, safe=":/,.-_~*$")
