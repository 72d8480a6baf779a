"""A search explained: its tree, the questions that it asks of MongoDB, and what MongoDB examines to answer them.

The explanation is part of the answer, as issues of the OperationOutcome that a searchset may hold.
https://hl7.org/fhir/R5/search.html#issues
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

from fhirserver import fhirjson
from fhirserver.errors import FhirError, Issue, TooCostly
from fhirserver.interactions.paging import Params
from fhirserver.interactions.server import Server
from fhirserver.resources.operation_outcome import outcome
from fhirserver.search import explain
from fhirserver.search.explain import Literals
from fhirserver.search.parse import SearchRequest, parse
from fhirserver.store.tracing import Explained

Search = Callable[[Server], Awaitable[bytes]]
"""Carries out a search on a server, and gives the Bundle."""

SEARCH = "explain-search"
QUERY = "explain-query"
"""`details.text` of the issues: of the one with the tree, and of one for each question to MongoDB."""

MOST = 100
"""Questions that are explained; a search with many includes may ask more."""

_SHOWN = ("filter", "pipeline", "query", "sort", "min", "max", "hint", "limit", "key")
_OURS = frozenset({"sort", "hint", "limit", "key"})
"""What the server alone decides."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What came of a search, and how; `answer` is the Bundle, or the refusal of a search that is too costly."""

    trees: tuple[str, ...]
    queries: tuple[Explained, ...]
    left_out: int
    known: Literals
    answer: bytes | TooCostly


async def explained(server: Server, requests: Sequence[SearchRequest], search: Search) -> Explanation:
    """Carries out a search on a traced store, then asks MongoDB about each of its questions.

    `requests` are the search as understood, one for each type.
    """
    answer: bytes | TooCostly
    async with server.store.traced() as (store, trace):
        try:
            answer = await search(replace(server, store=store))
        except TooCostly as refusal:
            # Who asks why a search is too costly is to learn it.
            answer = refusal
    queries = [await server.store.explain(asked) for asked in trace.asked[:MOST]]
    known = frozenset[Any]().union(*(explain.literals(each) for each in requests))
    trees = tuple(explain.tree(each) for each in requests)
    return Explanation(trees, tuple(queries), max(0, len(trace.asked) - MOST), known, answer)


def understood(server: Server, type_: str, params: Params, *, strict: bool) -> SearchRequest:
    """A search on a type, as its explanation begins with it."""
    return parse(server.release, type_, params, strict=strict, base_urls=[server.base])


def issues(explanation: Explanation) -> list[Issue]:
    """The explanation as issues that only inform."""
    found = [_issue(SEARCH, tree) for tree in explanation.trees]
    told: dict[str, list[float]] = {}
    for each in explanation.queries:
        told.setdefault(_query(each, explanation.known), []).append(each.asked.milliseconds or 0)
    found += [_issue(QUERY, f"{text}\n  {_time(times)}") for text, times in told.items()]
    if explanation.left_out:
        found.append(_issue(QUERY, f"{explanation.left_out} further queries are not explained."))
    return found


def _issue(details: str, text: str) -> Issue:
    return Issue("information", "informational", text, details=details)


def _query(it: Explained, known: Literals) -> str:
    """One question in some lines: what was asked, how it is answered, what is examined for it."""
    command = it.asked.command
    name = next(iter(command))
    lines = [f"{name} {it.asked.collection}"]
    for part in _SHOWN:
        if part in command:
            value = command[part]
            said = fhirjson.dumps(value).decode() if part in _OURS else explain.shown(value, known)
            lines.append(f"  {part}: {said}")
    lines.append(f"  plan: {it.plan or 'none: there is no such collection'}")
    if it.keys is None:
        lines.append("  It takes longer than the setting search_timeout_s allows.")
    else:
        lines.append(f"  examined: {it.keys:,} keys, {it.documents:,} documents; returned: {it.returned:,}")
    return "\n".join(lines)


def _time(times: Sequence[float]) -> str:
    said = f"milliseconds: {sum(times):.1f}"
    return f"{said} for {len(times)} queries that read the same" if len(times) > 1 else said


def answered(explanation: Explanation) -> bytes:
    """The Bundle with the explanation in it; a search that is too costly is refused with the explanation."""
    more = issues(explanation)
    if isinstance(explanation.answer, FhirError):
        raise TooCostly([*explanation.answer.issues, *more], headers=explanation.answer.headers)
    bundle = fhirjson.loads(explanation.answer)
    entries = bundle.pop("entry", [])
    # A searchset holds one OperationOutcome at most: what was ignored stands in it already.
    before = [each for each in entries if each.get("search", {}).get("mode") == "outcome"]
    kept = [each for each in entries if each not in before]
    said = [_again(issue) for each in before for issue in each["resource"]["issue"]]
    entry = {
        "fullUrl": f"urn:uuid:{uuid4()}",
        "resource": outcome([*said, *more]),
        "search": {"mode": "outcome"},
    }
    return fhirjson.dumps(bundle | {"entry": [*kept, entry]})


def _again(issue: fhirjson.Resource) -> Issue:
    return Issue(
        issue["severity"],
        issue["code"],
        issue["diagnostics"],
        tuple(issue.get("expression", ())),
        issue.get("details", {}).get("text"),
    )
