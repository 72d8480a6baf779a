"""The SearchParameter resources of a database together: what each type gains, and what contradicts what.

A definition that says what a type has already adds nothing and is none the worse for it, so that whole packages of
definitions can be loaded. https://hl7.org/fhir/R5/searchparameter.html
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from fhirserver.errors import Issue
from fhirserver.fhirjson import Resource
from fhirserver.resources import registry
from fhirserver.resources.registry import Release, SearchParameter, stored_release
from fhirserver.search.added import NONE, Additions, InForce, Kinds, Place
from fhirserver.search.defining import Unusable, bases, check, definition, kind_of, leads, listed, same
from fhirserver.search.parameters import by_url, viewed

TYPE = "SearchParameter"
_KEPT = (
    "url",
    "code",
    "base",
    "type",
    "expression",
    "target",
    "component",
    "processingMode",
    "xpathUsage",
    "constraint",
)


def active(resource: Resource) -> bool:
    """Whether a SearchParameter asks to be used."""
    return resource.get("status") == "active"


def slim(resource: Resource) -> Resource:
    """The elements that say what a parameter finds."""
    return {name: resource[name] for name in _KEPT if name in resource}


@dataclass(frozen=True, slots=True)
class Definition:
    """A SearchParameter in use, slim; `number` is that of the change that made it what it is."""

    id: str
    number: int
    resource: Resource


@dataclass(frozen=True, slots=True)
class Added:
    """A parameter that a definition adds to a type."""

    id: str
    number: int
    parameter: SearchParameter


_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Compiled:
    """What definitions come to: what each type gains by code, and what is wrong with a definition by its id."""

    by_type: Mapping[Place, Mapping[str, Added]] = field(default_factory=lambda: _NOTHING)
    wrong: Mapping[str, tuple[Issue, ...]] = field(default_factory=lambda: _NOTHING)
    kinds: Kinds = field(default_factory=lambda: _NOTHING)

    def gaining(self, id_: str) -> list[str]:
        """The types that gain a parameter by this definition."""
        return sorted({type_ for (_, type_), rows in self.by_type.items() for row in rows.values() if row.id == id_})


def compiled(release: Release, definitions: Iterable[Definition]) -> Compiled:
    """What these definitions come to; of two that contradict each other the later one is wrong."""
    ordered = sorted(definitions, key=lambda each: (each.number, each.id))
    kinds = {str(each.resource.get("url")): found for each in ordered if (found := kind_of(each.resource))}
    by_type: dict[Place, dict[str, Added]] = {}
    wrong: dict[str, tuple[Issue, ...]] = {}
    for each in ordered:
        try:
            gained = _gained(release, each.resource, by_type, kinds)
        except Unusable as refusal:
            wrong[each.id] = refusal.issues
            continue
        for type_, parameter in gained.items():
            by_type.setdefault((release, type_), {})[parameter.code] = Added(each.id, each.number, parameter)
    return Compiled(by_type, wrong, kinds)


def flaws(release: Release, resource: Resource) -> tuple[Issue, ...]:
    """What is wrong with a definition whatever others there are."""
    named = {str(row.get("definition", "")).partition("|")[0] for row in resource.get("component", ())}
    try:
        _gained(release, resource, {}, {}, named)
    except Unusable as refusal:
        return refusal.issues
    return ()


def _gained(
    release: Release,
    resource: Resource,
    known: Mapping[Place, Mapping[str, Added]],
    kinds: Kinds,
    further: Collection[str] = (),
) -> dict[str, SearchParameter]:
    """The types that gain a parameter by a definition; Unusable when it cannot be used.

    `further` are URLs of definitions that may come.
    """
    if standard(release, resource):
        return {}
    check(release, resource, by_url(release).keys() | kinds.keys() | set(further))
    parameter = definition(resource)
    gained: dict[str, SearchParameter] = {}
    clashes: dict[str, list[str]] = {}
    for type_ in bases(release, resource):
        there = registry.search_parameters(release, type_).get(parameter.code)
        before = known.get((release, type_), {}).get(parameter.code)
        if there is not None:
            if not same(release, type_, parameter, there):
                clashes.setdefault(there.url, []).append(type_)
        elif before is None:
            gained[type_] = parameter
        elif not same(release, type_, parameter, before.parameter):
            clashes.setdefault(f"{TYPE}/{before.id}", []).append(type_)
    if clashes:
        raise Unusable(_clash(parameter.code, other, types) for other, types in clashes.items())
    leads(release, parameter, gained, kinds)
    return gained


def _clash(code: str, other: str, types: list[str]) -> Issue:
    said = f"'{code}' of {listed(types)} is defined otherwise by {other}: choose another code, or the status draft."
    return Issue("error", "duplicate", said, (f"{TYPE}.code",))


def standard(release: Release, resource: Resource) -> bool:
    """Whether a definition says nothing but what every type that it is for has by its release."""
    if kind_of(resource) is None:
        return False
    parameter, types = definition(resource), bases(release, resource)
    there = [registry.search_parameters(release, type_).get(parameter.code) for type_ in types]
    return bool(types) and all(
        each is not None and _named(parameter.url, each) and same(release, type_, parameter, each)
        for type_, each in zip(types, there, strict=True)
    )


def _named(url: str, parameter: SearchParameter) -> bool:
    """Whether a URL is that of a parameter's definition; one of our own is below some base of a server."""
    return url == parameter.url or (parameter.own is not None and url.endswith(f"/{parameter.url}"))


# -- in force ----------------------------------------------------------------------------------------------------------


def in_force(
    found: Mapping[Release, Compiled],
    number: int,
    indexed: Mapping[Place, int],
    progress: Mapping[Place, str],
    before: InForce = NONE,
) -> InForce:
    """The parameters as of a number, given up to which number the resources of each type are indexed.

    `before` lends what stays the same, which is compiled already.
    """
    by_type: dict[Place, Additions] = {}
    waiting: dict[Place, Mapping[str, str]] = {}
    for one in found.values():
        for given, rows in one.by_type.items():
            release, type_ = given
            place = stored_release(release, type_), type_
            definitions = tuple(_stored(place, release, rows[code].parameter) for code in sorted(rows))
            kinds = one.kinds
            if place in by_type:  # what both releases add to a type that they share
                definitions = tuple(sorted((*by_type[place].definitions, *definitions), key=lambda each: each.code))
                kinds = {**by_type[place].kinds, **kinds}
            kept = before.by_type.get(place)
            alike = kept is not None and kept.definitions == definitions and kept.kinds == kinds
            by_type[place] = kept if kept is not None and alike else Additions(definitions, kinds)
            done = indexed.get(place, 0)
            if late := [_stored(place, release, row.parameter).code for row in rows.values() if row.number > done]:
                said = progress.get(place, "indexing begins in a moment")
                waiting[place] = {**waiting.get(place, {}), **dict.fromkeys(late, said)}
    return InForce(number, by_type, waiting)


def _stored(place: Place, release: Release, parameter: SearchParameter) -> SearchParameter:
    """A parameter as its type is indexed by it: what one release adds reads the resource as that release sees it."""
    if place[0] == release:
        return parameter
    return replace(parameter, code=viewed(parameter.code), view=release)
