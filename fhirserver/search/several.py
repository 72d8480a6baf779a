"""A search over several types: what they all understand, read once for each of them.

https://hl7.org/fhir/R5/search.html#searchcontexts
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from fhirserver.errors import BadRequest, Issue, NotSupported
from fhirserver.resources.registry import Release, resource_types, search_parameters
from fhirserver.search.context import Unknown
from fhirserver.search.kinds import special
from fhirserver.search.parse import RESERVED, SearchRequest, parse

TYPE = "_type"
SORTS = frozenset({"_id", "_lastUpdated"})
"""What resources of different types can be put in order by."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The types that a search is over, in order; `named` where the client named them, else it is all there are."""

    types: tuple[str, ...]
    named: bool


@dataclass(frozen=True, slots=True)
class Several:
    """A search as each type reads it; `shape` is what all have in common: order, includes, what was ignored."""

    shape: SearchRequest
    requests: Mapping[str, SearchRequest]


def scope(release: Release, types: Sequence[str], params: Sequence[tuple[str, str]]) -> Scope:
    """The types that _type leaves of `types`, those that the address names; all of them without it."""
    given = [(name, value) for name, value in params if name.partition(":")[0] == TYPE]
    if not given or (len(given) == 1 and not given[0][1].strip()):
        return Scope(tuple(types), named=False)
    if len(types) == 1:
        raise special.refuse(TYPE, given[0][0])
    if len(given) > 1 or given[0][0] != TYPE:
        raise BadRequest("'_type' is one parameter, without modifiers: write _type=Patient,Group.", expression=TYPE)
    named = [name.strip() for name in given[0][1].split(",")]
    for name in named:
        if name not in resource_types(release):
            raise BadRequest(
                f"'_type' names '{name[:80]}', which is no resource type.", expression=TYPE, code="code-invalid"
            )
    return Scope(tuple(sorted({*named} & {*types})), named=True)


def read(
    release: Release,
    over: Scope,
    searched: Sequence[str],
    params: Sequence[tuple[str, str]],
    *,
    strict: bool,
    base_urls: Sequence[str] = (),
) -> Several:
    """Reads a search over the types of a scope, for those that are to be `searched`.

    A parameter that one of the types does not have is Unknown, wherever there is anything to be searched.
    """
    reserved = RESERVED | {TYPE}
    types = over.types
    among = types if len(types) > 1 else ()
    kept: list[tuple[str, str]] = []
    ignored: list[Issue] = []

    def understood(type_: str, some: Sequence[tuple[str, str]]) -> SearchRequest:
        return parse(release, type_, some, strict=True, base_urls=base_urls, reserved=reserved, among=among)

    probes = types if over.named or len(types) == 1 else (plainest(release),)
    for pair in params:
        try:
            if among:
                _common(pair)
            for type_ in probes:
                understood(type_, [pair])
        except Unknown as refusal:
            issues = refusal.issues if over.named or not among else _of_all(refusal)
            if strict:
                raise NotSupported(issues) from None
            ignored += [Issue("warning", i.code, f"Ignored: {i.diagnostics}", i.expression) for i in issues]
        else:
            kept.append(pair)
    requests = {type_: understood(type_, kept) for type_ in searched}
    shape = understood(probes[0], kept) if probes else parse(release, plainest(release), [], strict=True)
    shape.self_params = [pair for pair in kept if pair[0] not in RESERVED]
    shape.ignored = tuple(ignored)
    return Several(shape, requests)


def _common(pair: tuple[str, str]) -> None:
    name, value = pair
    if name == "_sort" and value.strip():
        wrong = [code for each in value.split(",") if (code := each.removeprefix("-")) not in SORTS]
        if wrong:
            raise NotSupported(
                f"'{wrong[0]}' cannot be sorted by over several types: sort by _lastUpdated or _id, or name one type "
                "with _type.",
                expression="_sort",
            )


def _of_all(refusal: Unknown) -> list[Issue]:
    """The refusal of a parameter that is not common to all types, which says how to search by it all the same."""
    said = "is no search parameter of every type: name those to be searched, as in _type=Patient,Group"
    return [
        Issue(issue.severity, issue.code, f"'{', '.join(issue.expression)}' {said}.", issue.expression)
        for issue in refusal.issues
    ]


@cache
def plainest(release: Release) -> str:
    """A type that has no search parameters but those that all types have."""
    return min(sorted(resource_types(release)), key=lambda type_: len(search_parameters(release, type_)))
