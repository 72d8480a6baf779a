"""Conditions of writes: search criteria that must match one resource or none, and versions that must be current.

https://hl7.org/fhir/R5/http.html#cond-update
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from fhirserver.errors import BadRequest, PreconditionFailed, TooCostly
from fhirserver.interactions.resolve import resolved
from fhirserver.interactions.search import query_params
from fhirserver.interactions.server import Reader, Server
from fhirserver.resources.registry import Release
from fhirserver.search.added import now
from fhirserver.search.ast import EVERYTHING, Node
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import parse
from fhirserver.store.documents import Among, Expected, Stored, Version
from fhirserver.store.store import Tx
from fhirserver.store.versions import check

_ETAG = re.compile(r'(?:W/)?"([^"]*)"|([^",*/\s]+)')


@dataclass(frozen=True, slots=True)
class Criteria:
    """A type and a search's query string."""

    type: str
    query: str

    @property
    def key(self) -> str:
        """What two racing writes with these criteria both lock."""
        return f"condition/{self.type}?{self.query}"


def criteria(type_: str, query: str) -> Criteria:
    """The criteria that a URL or a header gives; BadRequest when it gives none."""
    if not query.strip("?& "):
        raise BadRequest("The condition is empty: give search parameters that select.", expression="url")
    return Criteria(type_, query.lstrip("?"))


def require(version: Version, expected: Expected | None) -> None:
    """PreconditionFailed when this is not the version that is asked for."""
    check(version.type, version.id, Stored(version.version, version.at, version.gone, version.release, None), expected)


HEADERS = ("If-Match", "If-None-Match")


def precondition(match: str | None, none_match: str | None, names: tuple[str, str] = HEADERS) -> Expected | None:
    """What If-Match and If-None-Match ask of the current version; `names` is what they are called where they stood.

    BadRequest for what is no ETag; a well-formed one that this server never gave matches no version.
    """
    if match is not None and none_match is not None:
        raise BadRequest(f"{' and '.join(names)} do not go together: send one of them.", expression=names)
    if match is not None:
        versions = _versions(match, names[0])
        if versions is not None and len(versions) == 1:
            return next(iter(versions))
        return Among(versions)
    return None if none_match is None else Among(_versions(none_match, names[1]), negated=True)


def _versions(header: str, where: str) -> frozenset[int] | None:
    """The versions that a list of ETags names; None for '*', which names all."""
    if header.strip() == "*":
        return None
    found = set()
    # An empty place in a list is none; a header of nothing else is no list.
    for etag in [each.strip() for each in header.split(",") if each.strip()] or [""]:
        match = _ETAG.fullmatch(etag)
        if match is None:
            raise BadRequest(
                f'{where} is a list of ETags: send that of the version you read, such as W/"3", or *.', expression=where
            )
        text = match[1] or match[2] or ""
        if text.isascii() and text.isdecimal() and len(text) < 10:
            found.add(int(text))
    return frozenset(found)


async def matches(
    server: Server, reader: Reader, wanted: Iterable[Criteria], places: Iterable[tuple[str, str]] = ()
) -> tuple[dict[Criteria, list[str]], set[tuple[str, str]]]:
    """The ids that match each criterion, two at most; and which of `places`, as type and id, are taken.

    Identifiers and places are asked for together, a type at a time.
    """
    found: dict[Criteria, list[str]] = {}
    terms: dict[str, dict[str, list[Criteria]]] = {}
    named: dict[tuple[str, str], Criteria] = {}
    for criteria in dict.fromkeys(wanted):
        if by_id := _BY_ID.fullmatch(criteria.query):
            named[criteria.type, by_id[1]] = criteria
            continue
        where = await _filter(server, reader, criteria)
        term = where.get("t")
        if where.keys() == {"t"} and isinstance(term, str):
            terms.setdefault(criteria.type, {}).setdefault(term, []).append(criteria)
            found[criteria] = []
        else:
            found[criteria] = await reader.ids(criteria.type, where, 2)
    taken: set[tuple[str, str]] = set()
    ids: dict[str, set[str]] = {}
    for type_, id_ in [*places, *named]:
        ids.setdefault(type_, set()).add(id_)
    for type_ in terms.keys() | ids.keys():
        by_term, proposed = terms.get(type_, {}), ids.get(type_, set())
        rows, crowded = await _postings(reader, type_, by_term, proposed)
        # What was deleted has no postings.
        taken.update((type_, id_) for id_, postings in rows if id_ in proposed and postings)
        if crowded:
            for term, every in by_term.items():
                found.update(dict.fromkeys(every, await reader.ids(type_, {"t": term}, 2)))
            continue
        for id_, postings in rows:
            for posting in postings:
                for criteria in by_term.get(posting, ()):
                    found[criteria].append(id_)
    found.update((criteria, [place[1]] if place in taken else []) for place, criteria in named.items())
    return found, taken


async def _postings(
    reader: Reader, type_: str, terms: Collection[str], ids: Collection[str]
) -> tuple[list[tuple[str, list[str]]], bool]:
    """Resources that have one of these terms or ids; True where a term with many may have left no room for others."""
    by_term, by_id = {"t": {"$in": list(terms)}}, {"_id": {"$in": list(ids)}}
    most = 2 * len(terms) + len(ids)
    rows = await reader.postings(
        type_, {"$or": [by_term, by_id]} if terms and ids else by_term if terms else by_id, most
    )
    if len(rows) < most or not terms:
        return rows, False
    return await reader.postings(type_, by_id, len(ids)) if ids else [], True


MOST = 10_000
"""Resources that one conditional delete may delete."""


async def every(server: Server, reader: Reader, criteria: Criteria) -> list[str]:
    """The ids of all that match; TooCostly for more than a transaction should hold."""
    found = await reader.ids(criteria.type, await _filter(server, reader, criteria), MOST + 1)
    if len(found) > MOST:
        raise TooCostly(
            f"'{criteria.type}?{criteria.query[:200]}' matches more than {MOST} resources: select fewer.",
            expression="url",
        )
    return found


async def condition(server: Server, reader: Reader, criteria: Criteria) -> Node:
    """The criteria as a search tree without leaves that need a search of their own."""
    params = query_params(criteria.query)
    request = parse(server.release, criteria.type, params, strict=True, base_urls=[server.base])
    if request.filter == EVERYTHING:
        raise PreconditionFailed(
            f"'{criteria.type}?{criteria.query[:200]}' is no condition: give search parameters that select.",
            code="required",
        )
    return await resolved(server, reader, request.filter)


def filter_of(server: Server, node: Node) -> dict[str, Any]:
    """A search tree as a filter of the store."""
    return to_mongo(node, server.release)


async def _filter(server: Server, reader: Reader, criteria: Criteria) -> dict[str, Any]:
    named = _BY_UUID.fullmatch(criteria.query)
    if named is None:
        return filter_of(server, await condition(server, reader, criteria))
    key = (server.release, criteria.type, now().number)
    if key not in _FORMS:
        like = Criteria(criteria.type, criteria.query.replace(named[1], _SOME))
        where = filter_of(server, await condition(server, reader, like))
        if len(_FORMS) >= _MOST_FORMS:
            _FORMS.clear()
        term = where.get("t")
        _FORMS[key] = term if where.keys() == {"t"} and isinstance(term, str) and term.count(_SOME) == 1 else None
    form = _FORMS[key]
    if form is None:
        return filter_of(server, await condition(server, reader, criteria))
    return {"t": form.replace(_SOME, named[1])}


_BY_ID = re.compile(r"_id=((?!\.{1,2}$)[A-Za-z0-9.-]{1,64})")
_BY_UUID = re.compile(r"identifier=urn:ietf:rfc:3986%7C(urn:uuid:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_SOME = "urn:uuid:00000000-0000-5000-8000-0123456789ab"
_MOST_FORMS = 2_000
_FORMS: dict[tuple[Release, str, int], str | None] = {}
"""How a type is asked for one such identifier, with `_SOME` in its place: an import asks for dozens in each record."""


async def lock_absent(tx: Tx, absent: Iterable[Criteria]) -> None:
    """Locks the criteria that matched nothing: of two transactions that would both create, one runs again and finds."""
    keys = sorted({criteria.key for criteria in absent})
    if keys:
        await tx.lock(keys)
