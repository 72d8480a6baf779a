"""A search request from the parameters of a URL or a form: what to find, how to shape it, what was not understood.

A parameter that the type does not have is a refusal under `Prefer: handling=strict`, else an issue in `ignored`.
https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from fhirserver.errors import BadRequest, Issue
from fhirserver.resources import subsets
from fhirserver.resources.registry import Release
from fhirserver.resources.subsets import Subset
from fhirserver.search import criteria, own, results
from fhirserver.search.ast import EVERYTHING, And, Node
from fhirserver.search.context import Context, Unknown
from fhirserver.search.results import Include, Summary, Total

MAX_PARAMETERS = 100
RESERVED = frozenset({"_cursor"})


@dataclass(slots=True)
class SearchRequest:
    """A search as understood; `self_params` are the parameters that were, for the self link."""

    release: Release
    type: str
    strict: bool
    filter: Node = EVERYTHING
    sort: tuple[tuple[str, bool], ...] = ()
    count: int | None = None
    total: Total | None = None
    score: bool = True
    summary: Summary | None = None
    subset: Subset | None = None
    includes: tuple[Include, ...] = ()
    revincludes: tuple[Include, ...] = ()
    ignored: tuple[Issue, ...] = ()
    self_params: list[tuple[str, str]] = field(default_factory=list)


def parse(
    release: Release,
    type_: str,
    params: Sequence[tuple[str, str]],
    *,
    strict: bool,
    base_urls: Sequence[str] = (),
    reserved: frozenset[str] = RESERVED,
    among: Collection[str] = (),
) -> SearchRequest:
    """Reads a search on `type_`, or its part of a search `among` several types.

    `base_urls` are this server's own, `reserved` the parameters of the caller.
    """
    if len(params) > MAX_PARAMETERS:
        raise BadRequest(f"A search has at most {MAX_PARAMETERS} parameters.", code="too-costly")
    request = SearchRequest(release, type_, strict)
    bases = tuple(base.rstrip("/") + "/" for base in base_urls)
    found: list[Node] = []
    ignored: list[Issue] = []
    for name, value in params:
        if name in reserved:
            continue
        try:
            _given(request, name, value)
            node = _one(request, Context(release, type_, name, bases), name, value, among or (type_,))
        except Unknown as refusal:
            if strict:
                raise
            ignored.extend(
                Issue("warning", issue.code, f"Ignored: {issue.diagnostics}", issue.expression)
                for issue in refusal.issues
            )
            continue
        if node is not None:
            found.append(node)
        request.self_params.append((name, value))
    if (kept := own.whole(release, type_, [name for name, _ in request.self_params])) is not None:
        found.append(kept)
    request.filter = found[0] if len(found) == 1 else And(tuple(dict.fromkeys(found)))
    request.ignored = tuple(ignored)
    request.subset = subsets.parse(release, request.self_params, None if among else type_)
    if request.subset and request.subset.summary == "text" and (request.includes or request.revincludes):
        raise BadRequest("'_summary=text' does not go with '_include' and '_revinclude'.", expression="_summary")
    return request


class Empty(Unknown):
    """A parameter without a value, which is no error: one that asks for nothing is left out, and that is said."""

    kind = BadRequest.kind


def _given(request: SearchRequest, name: str, value: str) -> None:
    """Refuses a parameter without a value, and a second one of what can be said only once."""
    if not value.strip():
        raise Empty(f"'{shown(name)}' has no value: give one, or leave it out.", expression=shown(name))
    if name in results.ONCE and any(name == before for before, _ in request.self_params):
        raise BadRequest(f"'{name}' is there twice: say it once.", expression=name)


def shown(name: str) -> str:
    """A parameter's name without control characters and halves of them."""
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _one(request: SearchRequest, context: Context, name: str, value: str, sources: Collection[str]) -> Node | None:
    """The tree of a criterion; None for a parameter that shapes the result, which goes into the request."""
    code, _, modifier = name.partition(":")
    if code in results.PASSING:
        return None
    if code not in results.NAMES:
        return criteria.parse(context, name, value)
    if code in ("_include", "_revinclude"):
        include = results.include(request.release, sources, code, modifier, value)
        if code == "_include":
            request.includes = (*request.includes, include)
        else:
            request.revincludes = (*request.revincludes, include)
        return None
    if modifier:
        raise BadRequest(f"'{code}' takes no modifier.", expression=name)
    match code:
        case "_count":
            request.count = results.count(value)
        case "_sort":
            request.sort = results.sort(request.release, request.type, value)
        case "_total":
            request.total = results.total(value)
        case results.SCORE:
            request.score = results.score(value)
        case "_summary":
            request.summary = results.summary(value)
        case "_contained" | "_containedType":
            results.contained(code, value)
        case _:
            pass  # which part of a resource _elements asks for is read together with _summary
    return None
