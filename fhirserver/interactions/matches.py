"""The matches of a search on one type, page by page, and how many there are.

https://hl7.org/fhir/R5/http.html#paging
"""

from __future__ import annotations

from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.interactions import ranking
from fhirserver.interactions.paging import CURSOR
from fhirserver.interactions.server import Reader, Server
from fhirserver.search.ast import Node
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import SearchRequest
from fhirserver.search.plan import Search, plan
from fhirserver.store.documents import Page


async def page(
    server: Server, reader: Reader, request: SearchRequest, node: Node, count: int, after: tuple[Any, ...] | None
) -> Page:
    """A page of at most `count` matches of `node`, the resolved tree of the request, behind a position."""
    if ranking.wanted(request):
        return await ranking.page(server, reader, request, node, count, after)
    segments = plan(Search(server.release, request.type, node, request.sort))
    try:
        return await reader.page(request.type, segments, count, after)
    except ValueError:
        raise BadRequest(
            "The page position does not fit the search any more: start again without it.", expression=CURSOR
        ) from None


async def total(server: Server, reader: Reader, request: SearchRequest, node: Node, cap: int | None = None) -> int:
    """How many match, counted up to `cap`."""
    return await reader.count(request.type, to_mongo(node, server.release), cap=cap)
