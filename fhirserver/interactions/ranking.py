"""The order of relevance: what fits a text search best comes first.

No index knows this order, so all that matches is ranked for each page; a search that matches too much is refused.
https://hl7.org/fhir/R5/search.html#score
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from msgspec import structs

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, TooCostly
from fhirserver.interactions.paging import CURSOR
from fhirserver.interactions.server import Reader, Server
from fhirserver.search import relevance
from fhirserver.search.ast import Node
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import SearchRequest
from fhirserver.search.relevance import asked, score, text
from fhirserver.search.results import SCORE
from fhirserver.store.documents import Page, Version

MOST = 1_000
"""Matches that are ranked, at most."""


def wanted(request: SearchRequest) -> bool:
    """Whether a search asks for the order of relevance."""
    return any(code == SCORE for code, _ in request.sort)


async def page(
    server: Server, reader: Reader, request: SearchRequest, node: Node, count: int, after: tuple[Any, ...] | None
) -> Page:
    """A page of at most `count` matches of a resolved tree behind a position, (score, id); the best first."""
    terms = asked(node)
    if not terms or len(request.sort) > 1:
        raise BadRequest(
            "'_sort=_score' needs a search for text, by _content or _text, and no other sort key beside it.",
            expression="_sort",
        )
    codes = list(dict.fromkeys(code for code, _ in terms))
    found = await reader.texts(request.type, to_mongo(node, server.release), codes, MOST + 1)
    if len(found) > MOST:
        raise TooCostly(
            f"More than {MOST} resources match, too many to be ranked: search for more words, or leave out _sort."
        )
    best_first = -1 if not request.sort[0][1] else 1
    ranked = sorted(
        (best_first * score(terms, {code: text(lines) for code, lines in texts.items()}), id_) for id_, texts in found
    )
    if after is not None:
        if len(after) != 2 or not isinstance(after[0], Decimal) or not isinstance(after[1], str):
            raise BadRequest(
                "The page position does not fit the search any more: start again without it.", expression=CURSOR
            )
        ranked = [each for each in ranked if each > after]
    chosen = ranked[:count]
    versions = await reader.read_many([(request.type, id_) for _, id_ in chosen])
    items = [versions[request.type, id_] for _, id_ in chosen if (request.type, id_) in versions]
    return Page(items, chosen[-1] if chosen else None, len(ranked) > count)


def scores(server: Server, request: SearchRequest, versions: Sequence[Version]) -> list[Decimal | None]:
    """How well each match fits the text that is searched for; None where none is, or the client wants no scores."""
    terms = asked(request.filter) if request.score else ()
    if not terms:
        return [None] * len(versions)
    codes = list(dict.fromkeys(code for code, _ in terms))
    return [score(terms, {code: _text(server, code, version) for code in codes}) for version in versions]


def _text(server: Server, code: str, version: Version) -> bytes:
    """The text of a version that a parameter looks in; remembered like the version, as it takes longer to make."""

    def made(version: Version) -> Version:
        return structs.replace(version, body=relevance.read_by(server.release, code, fhirjson.loads(version.body)))

    return server.store.formed(version, f"{server.release} {code}", made).body
