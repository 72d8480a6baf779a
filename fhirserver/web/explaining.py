"""Who may have a search explained, and who asks for it: `Prefer: explain`, or `_explain=true`.

An explanation tells how much is stored and how, and runs the search twice: it is for those who run the server.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv6Address, ip_address

from starlette.requests import Request

from fhirserver.errors import BadRequest, Forbidden
from fhirserver.interactions import explain
from fhirserver.interactions.explain import Search
from fhirserver.interactions.paging import Params
from fhirserver.interactions.server import Server
from fhirserver.search.parse import SearchRequest
from fhirserver.web import negotiation

PARAMETER = "_explain"
APPLIED = {"Preference-Applied": "explain"}
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def wanted(request: Request, server: Server, params: Params) -> bool:
    """Whether to explain a search; Forbidden for `_explain=true` of a client that may not, BadRequest for others."""
    asked = [value for name, value in params if name == PARAMETER]
    if not asked:
        return negotiation.preferences(request).explain and _allowed(request, server)
    if any(value not in ("true", "false") for value in asked) or len(set(asked)) > 1:
        raise BadRequest("'_explain' is true or false.", expression=PARAMETER)
    if asked[0] == "false":
        return False
    if not _allowed(request, server):
        raise Forbidden(
            "Searches are explained to clients that the setting explain allows, by default those of the server's own "
            "machine: leave '_explain' out, or ask there with `fhirserver explain`.",
            expression=PARAMETER,
        )
    return True


def rest(params: Params) -> list[tuple[str, str]]:
    """The parameters that are the search's own."""
    return [pair for pair in params if pair[0] != PARAMETER]


async def explained(server: Server, requests: Sequence[SearchRequest], search: Search) -> bytes:
    """The Bundle of a search with its explanation; `requests` are the search as understood, one for each type."""
    return explain.answered(await explain.explained(server, requests, search))


def _allowed(request: Request, server: Server) -> bool:
    match server.settings.explain:
        case "all":
            return True
        case "none":
            return False
    # What a proxy on this machine passes on comes from elsewhere.
    return _is_here(request.client.host if request.client else "") and not any(
        name in request.headers for name in _FORWARDED
    )


def _is_here(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
