"""Code systems and value sets that are stored here: found by canonical, compiled once, kept until one is written.

https://hl7.org/fhir/R5/terminology-service.html. A thousand searches read and compile a code system once: a
version never changes, so what was compiled of it is kept by its number; which is the current one is asked of the store.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.interactions import definitions
from fhirserver.interactions.definitions import Numbered
from fhirserver.interactions.server import Reader, Server
from fhirserver.resources.canonicals import parts
from fhirserver.resources.registry import Release
from fhirserver.search.ast import EVERYTHING, Param
from fhirserver.search.kinds import reference, uri
from fhirserver.search.mongo import to_mongo
from fhirserver.store.store import Store, Tx
from fhirserver.terminology import compose
from fhirserver.terminology.codesystem import CodeSystem, compiled
from fhirserver.terminology.contents import AS_LOADED, Contents, Standing, Versions, standing
from fhirserver.terminology.members import Members
from fhirserver.terminology.needs import Kind, Need, needs

P = ParamSpec("P")
T = TypeVar("T")

_AT_ONCE = 200
"""Canonicals that one search asks for."""
_MOST = 10_000
"""Versions of these that are looked at."""
_HELD = 150_000
"""Concepts that are kept: about 250 MB at most, for one with its words and properties takes some 1.7 KB."""
_LARGE = 2000
"""Concepts above which working with them is done beside the event loop."""
_LARGE_BODY = 250_000
"""Bytes above which a resource is read beside the event loop."""

_TOLD = ("url", "version", "status", "date", "content", "supplements")
"""Elements that say which of several versions is the one to use."""


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """A stored definition by what is told of it without reading it."""

    kind: definitions.Kind
    id: str
    number: int
    told: Resource

    @property
    def numbered(self) -> Numbered:
        return self.kind, self.id, self.number


@dataclass(slots=True)
class Known:
    """What is known of the stored terminologies at one count of turns: those `asked` for are the `versions`.

    Of `closed` ones all that they refer to is known too. `beside` are resources that count as stored. `within` is the
    transaction whose writes count, too: what is known of it is nobody else's.
    """

    turns: int
    contents: Contents
    asked: set[Need] = field(default_factory=set)
    closed: set[Need] = field(default_factory=set)
    versions: set[Numbered] = field(default_factory=set)
    beside: tuple[Resource, ...] = ()
    within: Tx | None = None


class _Made:
    """What was compiled, by number; the least recently used is given up first."""

    def __init__(self) -> None:
        self._rows: OrderedDict[Numbered, tuple[CodeSystem | Resource, Standing]] = OrderedDict()
        self._weight = 0

    def get(self, key: Numbered) -> tuple[CodeSystem | Resource, Standing] | None:
        found = self._rows.get(key)
        if found is not None:
            self._rows.move_to_end(key)
        return found

    def put(self, key: Numbered, made: tuple[CodeSystem | Resource, Standing]) -> None:
        self._rows[key] = made
        self._weight += _weight(made[0])
        while self._weight > _HELD and len(self._rows) > 1:
            _, (given_up, _) = self._rows.popitem(last=False)
            self._weight -= _weight(given_up)


def _weight(made: CodeSystem | Resource) -> int:
    return len(made.concepts) if isinstance(made, CodeSystem) else 1


_KNOWN: WeakKeyDictionary[Store, dict[Release, Known]] = WeakKeyDictionary()
_MADE: WeakKeyDictionary[Store, _Made] = WeakKeyDictionary()


async def seen(server: Server, reader: Reader) -> Known:
    """What is known to whoever reads there."""
    if isinstance(reader, Tx):
        return Known(0, Contents(server.release), within=reader)
    return await current(server)


async def contents(server: Server, known: Known, wanted: Iterable[Need], versions: Versions = AS_LOADED) -> Contents:
    """What is stored under these canonicals, and all that it refers to; what is not stored is not in it."""
    todo = [need for need in dict.fromkeys(wanted) if versions or need not in known.closed]
    met = set(todo)
    while todo:
        await _load(server, known, [need for need in todo if need not in known.asked])
        found = [
            inner
            for kind, canonical in todo
            if kind == "ValueSet" and (valueset := compose.known(known.contents, canonical)) is not None
            for inner in needs(valueset, versions)
        ]
        todo = [need for need in dict.fromkeys(found) if need not in met]
        met.update(todo)
    if not versions:
        known.closed |= met
    return known.contents


async def current(server: Server) -> Known:
    """What is known now; the same object as before while nothing that is in it was written."""
    turns = await definitions.turns(server)
    releases = _KNOWN.setdefault(server.store, {})
    known = releases.get(server.release)
    if known is not None and known.turns != turns and await _unchanged(server, known):
        known.turns = turns
    if known is None or known.turns != turns or known.contents.weight > _HELD or len(known.asked) > _MOST:
        known = releases[server.release] = Known(turns, Contents(server.release))
    return known


async def _unchanged(server: Server, known: Known) -> bool:
    """Whether what was written since concerns none of what was asked for."""
    there = {head.numbered for heads in [await _heads(server, known.asked)] for head in heads}
    return there == known.versions


async def _load(server: Server, known: Known, missing: Sequence[Need]) -> None:
    """Adds what is stored under these canonicals."""
    if not missing:
        return
    heads = await _heads(server, missing, known.within)
    known.versions |= {head.numbered for head in heads}
    beside = [_Head(each["resourceType"], "", at, each) for at, each in enumerate(known.beside)]
    chosen = dict.fromkeys(head for need in missing for head in _chosen(need, [*heads, *beside]))
    for head in chosen:
        if not head.id:
            known.contents.add(head.told)
        elif (made := await _compiled(server, head, known.within)) is not None:
            found, rank = made
            if isinstance(found, CodeSystem):
                known.contents.add_system(found, rank)
            else:
                known.contents.add(found)
    known.asked.update(missing)


def _chosen(need: Need, heads: Iterable[_Head]) -> list[_Head]:
    """Which of the definitions stands for a canonical: of the version that it names, or the one to use."""
    kind, canonical = need
    url, version = parts(canonical)
    if kind == "Supplement":
        return [head for head in heads if parts(str(head.told.get("supplements", "")))[0] == canonical]
    found = [
        head
        for head in heads
        if head.kind == kind and head.told.get("url") == url and version in (None, head.told.get("version"))
    ]
    return [max(found, key=lambda head: standing(head.told))] if found else []


async def _compiled(server: Server, head: _Head, within: Tx | None) -> tuple[CodeSystem | Resource, Standing] | None:
    kept = _MADE.setdefault(server.store, _Made())
    made = kept.get(head.numbered)
    if made is None:
        version = await (within or server.store).read_version(head.kind, head.id, head.number)
        if version is None or version.gone:
            return None
        made = await (
            asyncio.to_thread(_read, version.body) if len(version.body) > _LARGE_BODY else _at_once(version.body)
        )
        # A version of a transaction may never be: its number may come to stand for something else.
        if within is None:
            kept.put(head.numbered, made)
    return made


async def _at_once(body: bytes) -> tuple[CodeSystem | Resource, Standing]:
    return _read(body)


def _read(body: bytes) -> tuple[CodeSystem | Resource, Standing]:
    resource = fhirjson.loads(body)
    resource.pop("text", None)
    made = compiled(resource) if resource["resourceType"] == "CodeSystem" else resource
    return made, standing(resource)


async def _heads(server: Server, wanted: Iterable[Need], within: Tx | None = None) -> list[_Head]:
    """What is stored under these canonicals in whatever version, the last written last."""
    found: dict[tuple[str, str], _Head] = {}
    for kind, urls in _chunks(wanted):
        type_: definitions.Kind = "ValueSet" if kind == "ValueSet" else "CodeSystem"
        if kind == "Supplement":
            asked = Param(type_, "supplements", reference.Ref(tuple(urls)))
        else:
            asked = Param(type_, "url", uri.Uri(tuple(urls)))
        # As a tree, for what a parameter finds may stand under another's name.
        where = to_mongo(asked, server.release)
        rows = await (within or server.store).told(type_, where, _TOLD, _MOST)
        for id_, number, told in rows:
            found[type_, id_] = _Head(type_, id_, number, told)
    return list(found.values())


def _chunks(wanted: Iterable[Need]) -> Iterator[tuple[Kind, list[str]]]:
    """URLs of one kind that one search asks for."""
    kinds: dict[Kind, set[str]] = {}
    for kind, canonical in wanted:
        kinds.setdefault(kind, set()).add(parts(canonical)[0])
    for kind, urls in kinds.items():
        ordered = sorted(urls)
        for start in range(0, len(ordered), _AT_ONCE):
            yield kind, ordered[start : start + _AT_ONCE]


async def stored_systems(server: Server, reader: Reader, limit: int) -> list[Resource]:
    """What is told of at most `limit` CodeSystems that are stored, supplements aside."""
    where = to_mongo(EVERYTHING, server.release)
    rows = await reader.told("CodeSystem", where, (*_TOLD, "hierarchyMeaning"), limit)
    return [told for _, _, told in rows if "url" in told and told.get("content") != "supplement"]


async def aside(known: Contents, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What some work with the contents comes to; in a thread of its own when there is much in them."""
    if known.weight > _LARGE:
        return await asyncio.to_thread(work, *args, **kwargs)
    return work(*args, **kwargs)


async def members(known: Contents, canonical: str, versions: Versions = AS_LOADED) -> Members | None:
    """The codes of a value set whose needs are among the contents; None when it is not known."""
    if not versions and (made := known.made.get(canonical)) is not None:
        return made
    return await aside(known, compose.members, known, canonical, versions)


async def members_of(known: Contents, valueset: Resource, versions: Versions = AS_LOADED, name: str = "") -> Members:
    """The codes of a value set that is at hand; under `name` they are kept."""
    if name and not versions and (made := known.made.get(name)) is not None:
        return made
    return await aside(known, compose.members_of, known, valueset, versions, name)
