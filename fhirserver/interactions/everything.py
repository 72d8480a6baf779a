"""$everything: all of a record in pages, each resource once, with what its resources need to be understood.

https://hl7.org/fhir/R5/patient-operation-everything.html and docs/operations.md. Whatever the size of the record and
wherever the page lies, a page takes the same few round trips: one for which resources come next, one a type for those
not remembered, one for which references lead out of the record, one a type for what they lead to, and two for what
earlier pages have sent of that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import uuid4

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, Gone, Issue
from fhirserver.interactions import cursor
from fhirserver.interactions.lens import served
from fhirserver.interactions.operation import Answer, Call
from fhirserver.interactions.paging import CURSOR, Params, links, query_of
from fhirserver.interactions.server import Server, shown
from fhirserver.interactions.supporting import supporting
from fhirserver.interactions.write import new_id
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.bundle import Entry, found, render
from fhirserver.resources.operation_outcome import outcome
from fhirserver.resources.registry import resource_types
from fhirserver.resources.subsets import PARAMETERS
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.results import PASSING
from fhirserver.search.segments import Placed
from fhirserver.store.documents import Version
from fhirserver.store.walks import Place, Step, Stretch


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of a record under a name of its own: who belongs to it, and which of these are asked for."""

    name: str
    stretch: Stretch
    asked: Filter | None = None

    def after(self, place: Place | None, since: Filter | None) -> Stretch:
        """What is to be read of it: those asked for, beyond a place."""
        every = [dict(self.stretch.filter), *(each for each in (self.asked, since) if each)]
        (ask,) = Placed(every[0] if len(every) == 1 else {"$and": every}).asks(place)
        return Stretch(self.stretch.type, ask.filter)


@dataclass(frozen=True, slots=True)
class Record:
    """What a record consists of, in order; references to the types `closed` are not followed.

    `belongs` judges what the filters of its parts cannot.
    """

    parts: Sequence[Part]
    closed: frozenset[str] = frozenset()
    belongs: Callable[[Version], bool] | None = None


@dataclass(frozen=True, slots=True)
class _Position:
    """Where a page begins: behind a place in the part `name`; `walk` names the walk it is a page of."""

    walk: str
    name: str
    class_: int
    key: str


_SHAPING = PARAMETERS | PASSING
"""What all pages have from the first one's URL: how they are written, and how much of each resource."""

COMMON = (
    Parameter("_since", "instant", "Only resources of the record that were changed at or after this time."),
    Parameter("_type", "code", "Only these types; several may stand in one value, with commas between.", max=None),
    Parameter("_count", "integer", "How many resources of the record a page looks at."),
)


async def everything(server: Server, call: Call, given: Arguments, record: Record) -> Answer:
    """One page of a record, as a Bundle of type searchset."""
    chosen = _types(server, given)
    count = _count(server, given)
    query = query_of([*_params(given), *(each for each in call.query if each[0] in _SHAPING)])
    place = "/".join(part for part in (server.base, call.type, call.id, f"${call.code}") if part)
    scope = f"{server.release} {place}{query}"
    secret = await server.store.secret()
    token = next((value for name, value in call.query if name == CURSOR), None)
    position = _Position(*cursor.unseal(secret, scope, token)) if token is not None else None
    at = fhirjson.now()

    parts = _chosen(record.parts, chosen)
    ahead = _ahead(parts, position)
    met = await call.reader(server).steps(_stretches(ahead, given, position), count + 1)
    more, met = len(met) > count, met[:count]
    page = [version for version in await call.reader(server).met(met) if _belongs(server, record, version)]
    stretches = [part.stretch for part in record.parts]
    support = await supporting(server, call.reader(server), page, stretches, record.closed)
    new = {name: version for name, version in support.found.items() if chosen is None or version.type in chosen}
    issues = [_cut(server)] if support.cut else []

    walk = position.walk if position else new_id()
    if position is None and more:
        await server.store.begin_walk(walk)
    if position is not None or more:
        names = await server.store.first_met(walk, token or "", list(new))
        if names is None:
            raise Gone("The pages of this record are kept for a day: ask for the first one again.", code="expired")
        new = {name: version for name, version in new.items() if name in names}
    matches = [version for version in page if chosen is None or version.type in chosen]
    entries = [found(server.base, one.type, one.id, served(server, one).body, "match") for one in matches]
    entries += [found(server.base, one.type, one.id, served(server, one).body, "include") for one in new.values()]
    following = cursor.seal(secret, scope, (walk, *_last(ahead, met[-1]))) if more else None
    said = [Entry(f"urn:uuid:{uuid4()}", fhirjson.dumps(outcome(issues)), "outcome")] if issues else []
    total = len(matches) if position is None and not more else None
    return Answer(render("searchset", [*entries, *said], links(place, query, token, following), total, at))


def _types(server: Server, given: Arguments) -> frozenset[str] | None:
    named = [name.strip() for value in given.all("_type") for name in str(value).split(",")]
    for name in named:
        if name not in resource_types(server.release):
            raise BadRequest(
                f"'_type' names '{shown(name)}', which is no resource type.",
                expression=given.where("_type"),
                code="code-invalid",
            )
    return frozenset(named) or None


def _count(server: Server, given: Arguments) -> int:
    """Without _count as much as a page may hold: the specification would have all of it in one Bundle."""
    asked = given.one("_count", server.settings.max_count)
    if asked < 1:
        raise BadRequest("'_count' is a whole number from 1 on.", expression=given.where("_count"), code="value")
    return min(int(asked), server.settings.max_count)


def _params(given: Arguments) -> Params:
    """The arguments as parameters of a URL, however they were sent."""
    return [(name, str(each.value)) for name, every in given.found.items() for each in every]


def _chosen(parts: Sequence[Part], chosen: frozenset[str] | None) -> Sequence[Part]:
    """Parts of other types are passed over, unless what they refer to may be of a chosen one."""
    types = {part.stretch.type for part in parts}
    if chosen is None or not chosen <= types:
        return parts
    return [part for part in parts if part.stretch.type in chosen]


def _ahead(parts: Sequence[Part], position: _Position | None) -> Sequence[Part]:
    return parts if position is None else [part for part in parts if part.name >= position.name]


def _stretches(ahead: Sequence[Part], given: Arguments, position: _Position | None) -> list[Stretch]:
    since = given.one("_since")
    changed: Filter | None = {"at": {"$gte": fhirjson.interval(since).low}} if since else None
    place = (position.class_, position.key) if position else None
    return [part.after(place if position and part.name == position.name else None, changed) for part in ahead]


def _last(ahead: Sequence[Part], step: Step) -> tuple[str, int, str]:
    return ahead[step.stretch].name, *step.place


def _belongs(server: Server, record: Record, version: Version) -> bool:
    return record.belongs is None or record.belongs(version)


def _cut(server: Server) -> Issue:
    return Issue(
        "warning",
        "too-costly",
        f"Only {server.settings.max_included} of the resources that this page refers to are in it: ask for smaller "
        "pages with _count, or raise the setting max_included.",
    )
