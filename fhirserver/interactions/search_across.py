"""search over all types, over some of them, and within a compartment: a page of matches and what they include.

https://hl7.org/fhir/R5/search.html#searchcontexts, https://hl7.org/fhir/R5/compartmentdefinition.html
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, NotFound
from fhirserver.interactions import across, cursor
from fhirserver.interactions.across import Asked
from fhirserver.interactions.composing import composed
from fhirserver.interactions.paging import CURSOR, Params, links, query_of
from fhirserver.interactions.server import Reader, Server, known_type, shown
from fhirserver.resources.bundle import Link, render
from fhirserver.resources.registry import compartments, resource_types
from fhirserver.search import compartments as of_compartments
from fhirserver.search import several
from fhirserver.search.ast import And
from fhirserver.search.parse import SearchRequest
from fhirserver.search.several import Scope, Several

EVERY = "*"
"""What stands in an address in the place of a type, for all types of a compartment."""


@dataclass(frozen=True, slots=True)
class Where:
    """What a search is over: everything, or the compartment `of` a resource, and in it one type or all (None)."""

    of: tuple[str, str] | None = None
    type: str | None = None

    @property
    def path(self) -> str:
        """The end of the address under a base."""
        return "" if self.of is None else f"/{self.of[0]}/{self.of[1]}/{self.type or EVERY}"


def within(server: Server, type_: str, id_: str, inner: str) -> Where:
    """The compartment that an address names; NotFound where there is none of the kind."""
    known_type(server, type_)
    held = of_compartments.types(server.release, type_)
    if not held:
        every = ", ".join(sorted(compartments(server.release)))
        raise NotFound(f"{type_} has no compartment: {every} have.", code="not-supported")
    if not fhirjson.is_id(id_):
        raise BadRequest(f"'{shown(id_)}' is no id: 1 to 64 letters, digits, hyphens and dots.", expression="url")
    if inner == EVERY:
        return Where((type_, id_))
    known_type(server, inner)
    if inner not in held:
        raise NotFound(
            f"The compartment of a {type_} holds no {inner}: it holds {', '.join(held)}.", code="not-supported"
        )
    return Where((type_, id_), inner)


async def searchset(
    server: Server, where: Where, params: Params, *, strict: bool, reader: Reader | None = None
) -> bytes:
    """The Bundle of type searchset for one page."""
    reader = reader or server.store
    search, asked = await understood(server, where, params, strict=strict)
    shape = search.shape
    place, query = server.base + where.path, query_of(shape.self_params)
    count = min(server.settings.default_count if shape.count is None else shape.count, server.settings.max_count)
    if shape.summary == "count" or count == 0:
        made = await composed(server, reader, shape, [])
        return render("searchset", made, [Link("self", place + query)], await across.total(server, reader, asked))
    secret = await server.store.secret()
    token = next((value for name, value in params if name == CURSOR), None)
    scope = f"{server.release} {where.path}{query}"
    after = cursor.unseal(secret, scope, token) if token is not None else None
    page = await across.page(server, reader, asked, count, after)
    total: int | None = None
    if shape.total in ("accurate", "estimate"):
        total = await across.total(server, reader, asked)
    elif shape.total is None and after is None and page.following is None:
        total = len(page.items)
    following = None if page.following is None else cursor.seal(secret, scope, page.following)
    made = await composed(server, reader, shape, page.items)
    return render("searchset", made, links(place, query, token, following), total)


async def understood(server: Server, where: Where, params: Params, *, strict: bool) -> tuple[Several, dict[str, Asked]]:
    """The search as each type reads it that anything was ever stored of."""
    over = _scope(server, where, params)
    there = set(await server.store.types())
    searched = [type_ for type_ in over.types if type_ in there]
    search = several.read(server.release, over, searched, params, strict=strict, base_urls=[server.base])
    asked = {type_: _asked(server, where, request) for type_, request in search.requests.items()}
    return search, asked


def _scope(server: Server, where: Where, params: Params) -> Scope:
    release = server.release
    if where.type is not None:
        types: tuple[str, ...] = (where.type,)
    elif where.of is not None:
        types = of_compartments.types(release, where.of[0])
    else:
        types = tuple(sorted(resource_types(release)))
    return several.scope(release, types, params)


def _asked(server: Server, where: Where, request: SearchRequest) -> Asked:
    if where.of is None:
        return Asked(request, request.filter)
    inside = of_compartments.membership(server.release, *where.of, request.type, (f"{server.base}/",))
    return Asked(request, And((inside, request.filter)))
