"""_include and _revinclude: what a page's resources refer to, and what refers to them.

https://hl7.org/fhir/R5/search.html#include
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from fhirserver import fhirjson
from fhirserver.interactions.resolve import resolved
from fhirserver.interactions.server import Reader, Server
from fhirserver.resources.registry import Release, resource_types
from fhirserver.search.added import Additions, additions
from fhirserver.search.escapes import literal
from fhirserver.search.includes import Canonical, Local, by_url, references, referring
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import SearchRequest, parse
from fhirserver.search.results import EVERY, Include
from fhirserver.store.documents import Query, Version

Key = tuple[str, str]

_SMALL = 4 * 1024
"""Bytes up to which what a version refers to is remembered, and the version with it."""


@dataclass(frozen=True, slots=True)
class Included:
    """The resources to add, each once, and whether there were more than the setting max_included."""

    versions: list[Version]
    cut: bool


async def included(server: Server, reader: Reader, request: SearchRequest, page: Sequence[Version]) -> Included:
    """Follows the includes of a search from its page; those with :iterate also from what was included."""
    most = server.settings.max_included
    known: set[Key] = {(version.type, version.id) for version in page}
    found: dict[Key, Version] = {}
    includes, revincludes = request.includes, request.revincludes
    fresh: Sequence[Version] = page
    while fresh and (includes or revincludes):
        added: dict[Key, Version] = {}
        for version in await _forward(server, reader, includes, fresh, most + 1):
            added.setdefault((version.type, version.id), version)
        for version in await _backward(server, reader, revincludes, fresh, most + 1):
            added.setdefault((version.type, version.id), version)
        fresh = [version for key, version in added.items() if key not in known]
        for version in fresh:
            if len(found) == most:
                return Included(list(found.values()), True)
            known.add((version.type, version.id))
            found[version.type, version.id] = version
        includes = tuple(include for include in includes if include.iterate)
        revincludes = tuple(include for include in revincludes if include.iterate)
    return Included(list(found.values()), False)


async def _forward(
    server: Server, reader: Reader, includes: Sequence[Include], page: Sequence[Version], most: int
) -> list[Version]:
    wanted: dict[Local | Canonical, None] = {}
    questions = {type_: _asked(server, includes, type_) for type_ in dict.fromkeys(version.type for version in page)}
    for version in page:
        question = questions[version.type]
        if question is not None:
            body = version.body
            wanted.update(dict.fromkeys(_read(question, body) if len(body) <= _SMALL else question.read(body)))
    plain = [(place.type, place.id) for place in wanted if isinstance(place, Local) and place.version is None]
    # A Group may have more members than anybody can be sent.
    found = list((await reader.read_many(plain[:most])).values())
    for place in wanted:
        if isinstance(place, Canonical):
            found.extend(await canonical(server, reader, place))
        elif place.version is not None and place.version.isdecimal():
            version_ = await reader.read_version(place.type, place.id, int(place.version[:9]))
            if version_ and not version_.gone:
                found.append(version_)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Question:
    """What versions of one type refer to by some includes; every question exists once."""

    release: Release
    includes: tuple[Include, ...]
    base: str

    def read(self, body: bytes) -> tuple[Local | Canonical, ...]:
        """What a version refers to."""
        resource = fhirjson.loads(body)
        return tuple(place for one in self.includes for place in references(self.release, one, resource, [self.base]))


def _asked(server: Server, includes: Sequence[Include], type_: str) -> _Question | None:
    """The question to versions of a type; None where nothing is asked of it."""
    asked = tuple(include.of(type_) for include in includes if include.source in (type_, EVERY))
    return _question(server.release, asked, server.base, additions(server.release, type_)) if asked else None


# Which parameters have been added at run time is part of the question.
@lru_cache(maxsize=1024)
def _question(release: Release, includes: tuple[Include, ...], base: str, _more: Additions | None) -> _Question:
    return _Question(release, includes, base)


# A version never changes, and what is searched once is mostly searched again.
@lru_cache(maxsize=16_384)
def _read(question: _Question, body: bytes) -> tuple[Local | Canonical, ...]:
    return question.read(body)


async def canonical(server: Server, reader: Reader, place: Canonical) -> list[Version]:
    """The resources with this URL; the first type that has one decides."""
    # The search's syntax must not read a URL's own commas and bars.
    params = [("url", literal(place.url))]
    if place.version:
        params.append(("version", literal(place.version)))
    for type_ in place.types:
        request = parse(server.release, type_, params, strict=True)
        page = await reader.find(type_, Query(to_mongo(request.filter, server.release), limit=20))
        if page.items:
            return page.items
    return []


async def _backward(
    server: Server, reader: Reader, revincludes: Iterable[Include], page: Sequence[Version], most: int
) -> list[Version]:
    by_type: dict[str, list[Version]] = {}
    for version in page:
        by_type.setdefault(version.type, []).append(version)
    found: list[Version] = []
    urls: dict[str, dict[str, set[str | None]]] = {}
    for include in await _sources(server, revincludes):
        for type_, versions in by_type.items():
            if len(found) >= most:
                return found
            if by_url(server.release, include, type_) and type_ not in urls:
                urls[type_] = _urls(versions)
            known = urls.get(type_, {})
            node = referring(
                server.release, include, type_, [version.id for version in versions], [server.base], list(known)
            )
            if node is not None:
                where = to_mongo(await resolved(server, reader, node), server.release)
                some = (await reader.find(include.source, Query(where, limit=most - len(found)))).items
                found.extend(
                    version
                    for version in some
                    if not known or _refers(server, replace(include, target=type_), version, page, known)
                )
    return found


def _urls(versions: Iterable[Version]) -> dict[str, set[str | None]]:
    """The canonical URLs of resources, each with the versions under it."""
    found: dict[str, set[str | None]] = {}
    for version in versions:
        resource = fhirjson.loads(version.body)
        if isinstance(url := resource.get("url"), str):
            found.setdefault(url, set()).add(resource.get("version"))
    return found


def _refers(
    server: Server,
    include: Include,
    version: Version,
    page: Iterable[Version],
    urls: Mapping[str, set[str | None]],
) -> bool:
    """Whether a resource refers to one of the page: a canonical URL may name a version that is not there."""
    ids = {(each.type, each.id) for each in page}
    for place in references(server.release, include, fhirjson.loads(version.body), [server.base]):
        if isinstance(place, Local):
            if (place.type, place.id) in ids:
                return True
        elif place.url in urls and (place.version is None or place.version in urls[place.url]):
            return True
    return False


async def _sources(server: Server, revincludes: Iterable[Include]) -> list[Include]:
    """The includes with each type that anything is stored of in the place of every type."""
    found: list[Include] = []
    for include in revincludes:
        if include.source != EVERY:
            found.append(include)
        else:
            types = [type_ for type_ in await server.store.types() if type_ in resource_types(server.release)]
            found.extend(include.of(type_) for type_ in types)
    return list(dict.fromkeys(found))
