"""Profiles that are stored here: finding them by canonical, and holding resources to those that they claim.

https://hl7.org/fhir/R5/profiling.html#resources. What was compiled is kept until a definition is written, which every
process of the server sees by one look-up (interactions/definitions.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakKeyDictionary

from fhirserver import fhirjson
from fhirserver.errors import Issue, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.interactions.apart import apart
from fhirserver.interactions.definitions import defines
from fhirserver.interactions.server import Server
from fhirserver.interactions.terms import Known, contents, current
from fhirserver.resources.profiles.library import Library
from fhirserver.resources.profiles.needs import needs
from fhirserver.resources.profiles.slim import slim
from fhirserver.resources.profiles.types import base_type, is_a, is_base
from fhirserver.resources.registry import Release
from fhirserver.resources.validation import validate
from fhirserver.search.ast import Param
from fhirserver.search.kinds import uri
from fhirserver.search.mongo import to_mongo
from fhirserver.store.documents import Query, Version
from fhirserver.store.store import Store
from fhirserver.terminology.bindings import Bound
from fhirserver.terminology.contents import Contents
from fhirserver.terminology.needs import Need

_TYPE = "StructureDefinition"
_AT_ONCE = 200
"""Canonicals that one search asks for."""
_DEEPEST = 40
"""Steps from a profile to what it refers to by way of others."""
_MOST = 10_000
"""Canonicals that are remembered; clients may claim any number of profiles."""


@dataclass(slots=True)
class Definitions:
    """What is known of the stored profiles at one count of turns: those `asked` for are the `versions`.

    `terms` are the value sets and code systems that their bindings name.
    """

    turns: int
    terms: Known
    library: Library
    asked: set[str] = field(default_factory=set)
    versions: set[tuple[str, int]] = field(default_factory=set)


def _nothing(release: Release, terms: Known) -> Definitions:
    return Definitions(terms.turns, terms, Library(release, valuesets=Bound(terms.contents)))


@dataclass(slots=True)
class Beside:
    """Definitions that come together with the resources that claim them, in one Bundle: they count as stored."""

    resources: tuple[Resource, ...]
    known: Definitions | None = None

    def of(self, type_: str) -> list[Resource]:
        """Those of a type."""
        return [each for each in self.resources if each["resourceType"] == type_]


def beside(release: Release, resources: Iterable[Resource]) -> Beside | None:
    """The definitions among the resources of a Bundle that may be read already; None when there are none."""
    found = tuple(
        each
        for each in resources
        if defines(str(each.get("resourceType"))) and not validate(release, each, level="structure")
    )
    return Beside(found) if found else None


@dataclass(frozen=True, slots=True)
class Claim:
    """A profile that a resource says it conforms to, or is asked to; `inside` that it is contained.

    `place` is the FHIRPath of the resource, `said` that of the claim.
    """

    canonical: str
    resource: Resource
    place: str
    said: str
    inside: bool = False

    def within(self, where: str) -> Claim:
        """The same claim of a resource that stands at `where` in a Bundle."""
        place, said = (where + path[len(path.partition(".")[0]) :] for path in (self.place, self.said))
        return replace(self, place=place, said=said)


_KNOWN: WeakKeyDictionary[Store, dict[Release, Definitions]] = WeakKeyDictionary()


async def library(server: Server, canonicals: Iterable[str], beside: Beside | None = None) -> Library:
    """A library that has the profiles of these canonicals, as far as they are stored, and all that they refer to."""
    wanted = {canonical.partition("|")[0] for canonical in canonicals}
    known = await _definitions(server, beside)
    for _ in range(_DEEPEST):
        missing = wanted - known.asked
        if not missing:
            break
        found = []
        for urls in _chunks(missing):
            for version in await _find(server, urls):
                found.append(slim(fhirjson.loads(version.body)))
                known.versions.add((version.id, version.version))
        if beside is not None:
            found += [slim(each) for each in beside.of("StructureDefinition") if each.get("url") in missing]
        refers = {need for each in found for need in needs(server.release, each)}
        named: list[Need] = [("ValueSet", canonical) for kind, canonical in refers if kind == "ValueSet"]
        await contents(server, known.terms, named)
        known.library.add(found)
        known.asked |= missing
        wanted = {canonical.partition("|")[0] for kind, canonical in refers if kind == "StructureDefinition"}
    return known.library


async def _definitions(server: Server, beside: Beside | None) -> Definitions:
    """What is known so far; for a Bundle with definitions of its own, what is known in that Bundle alone."""
    if beside is not None:
        if beside.known is None:
            own = (*beside.of("ValueSet"), *beside.of("CodeSystem"))
            beside.known = _nothing(server.release, Known(0, Contents(server.release), beside=own))
        return beside.known
    terms = await current(server)
    releases = _KNOWN.setdefault(server.store, {})
    known = releases.get(server.release)
    if known is not None and known.turns != terms.turns and await _unchanged(server, known):
        known.turns = terms.turns
    if known is None or known.terms is not terms or known.turns != terms.turns or len(known.asked) > _MOST:
        known = releases[server.release] = _nothing(server.release, terms)
    return known


async def _unchanged(server: Server, known: Definitions) -> bool:
    """Whether what was written since concerns none of the profiles that are known."""
    there: set[tuple[str, int]] = set()
    for urls in _chunks(known.asked):
        there |= set(await server.store.numbers(_TYPE, _of(server.release, urls), _MOST))
    return there == known.versions


def _chunks(wanted: Iterable[str]) -> Iterator[list[str]]:
    """Canonicals that one search asks for."""
    urls = sorted(wanted)
    for start in range(0, len(urls), _AT_ONCE):
        yield urls[start : start + _AT_ONCE]


def _of(release: Release, urls: Sequence[str]) -> dict[str, Any]:
    """The filter of the profiles of these canonicals, in whatever version."""
    return to_mongo(Param(_TYPE, "url", uri.Uri(tuple(urls))), release)


async def _find(server: Server, urls: Sequence[str]) -> list[Version]:
    """The stored profiles of these canonicals, the last written last."""
    query = Query(_of(server.release, urls), (("at", 1),), _AT_ONCE)
    found: list[Version] = []
    while True:
        page = await server.store.find(_TYPE, query)
        found += page.items
        if not page.more:
            return found
        query = Query(query.filter, query.sort, _AT_ONCE, page.last)


def claims(resource: Resource) -> Iterator[Claim]:
    """What a valid resource claims, and what those that it contains or bundles claim."""
    kind = resource["resourceType"]
    yield from _own(resource, kind, False)
    for at, inner in enumerate(resource.get("contained", ())):
        yield from _own(inner, f"{kind}.contained[{at}]", True)
    if kind == "Bundle":
        for at, entry in enumerate(resource.get("entry", ())):
            if "resource" in entry:
                for claim in claims(entry["resource"]):
                    yield claim.within(f"Bundle.entry[{at}].resource")


def _own(resource: Resource, place: str, inside: bool) -> Iterator[Claim]:
    for at, canonical in enumerate(resource.get("meta", {}).get("profile", ())):
        if isinstance(canonical, str):
            yield Claim(canonical, resource, place, f"{place}.meta.profile[{at}]", inside)


async def judge(
    server: Server, resource: Resource, found: Sequence[Claim], *, warnings: bool = False, beside: Beside | None = None
) -> list[Issue]:
    """What of a valid resource does not conform to the profiles that it claims, and which of these are not known.

    `warnings` adds what should be rather than must be, and what of the profiles is not checked.
    """
    asked = [claim.canonical for claim in found if not is_base(server.release, claim.canonical)]
    known = await library(server, asked, beside) if asked else Library(server.release)
    return await apart(resource, _judged, known, resource, found, warnings)


def _judged(known: Library, resource: Resource, found: Sequence[Claim], warnings: bool) -> list[Issue]:
    issues: list[Issue] = []
    for claim in found:
        issues += _one(known, resource, claim, warnings)
    return issues


def _one(known: Library, resource: Resource, claim: Claim, warnings: bool) -> list[Issue]:
    kind = claim.resource["resourceType"]
    if is_base(known.release, claim.canonical):
        name = str(base_type(claim.canonical))
        if is_a(known.release, kind, name):
            return []
        said = f"'{claim.canonical}' is the definition of {name}, and this is a {kind}: claim what it is."
        return [Issue("error", "value", said, (claim.said,))]
    profile = known.profile(claim.canonical)
    if profile is None:
        said = f"The profile '{claim.canonical}' is not known here, so it was not checked: store it to have it checked."
        return [Issue("information", "not-found", said, (claim.said,), "unknown-profile")]
    root = resource if claim.inside else None
    issues = profile.issues(claim.resource, warnings=warnings, at=claim.place, root=root)
    if warnings or profile.check is None:
        issues += profile.notes(claim.resource, at=claim.place)
    return issues


async def check(server: Server, resource: Resource, beside: Beside | None = None) -> tuple[Issue, ...]:
    """Refuses a valid resource that does not conform to what it claims; what could not be checked is the answer."""
    found = list(claims(resource))
    if not found:
        return ()
    issues = await judge(server, resource, found, beside=beside)
    errors = [issue for issue in issues if issue.severity == "error"]
    if errors:
        raise Unprocessable(errors)
    return tuple(issues)
