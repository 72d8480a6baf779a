"""Which search parameters have a value in a resource, as postings: a few parameters in each, a bit for each parameter.

So a ':missing' is a handful of terms, and what has none of a parameter's values is found as fast as what has one.
https://hl7.org/fhir/R5/search.html#modifiermissing
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final

from fhirserver.resources.registry import Release
from fhirserver.search.added import Additions, additions
from fhirserver.search.parameters import parameters, standard, viewed

MARK: Final = "|has|"
TOGETHER: Final = 8
"""Parameters of one posting: a condition on one of them names half of the 256 that there may be."""

_ELSEWHERE: Final = frozenset({"_id", "_lastUpdated", "_in"})
_HELD_APART: Final = frozenset({("Group", "member")})
_SORTED: Final = frozenset({"token", "string", "date", "number", "quantity", "reference", "uri"})
_TERMED: Final = frozenset({"token", "string", "reference", "uri"})


def postings(release: Release, type_: str, found: frozenset[str]) -> tuple[str, ...]:
    """The postings of a resource in which the parameters `found` have values."""
    return _postings(_groups(release, type_, additions(release, type_)), found)


def terms(release: Release, type_: str, code: str, *, missing: bool) -> list[str] | None:
    """The postings of which a resource has one if a parameter has a value in it, or if it has none.

    None for a parameter that is not indexed itself.
    """
    for group in _groups(release, type_, additions(release, type_)):
        if code in group:
            bit = 1 << group.index(code)
            return [_posting(group, bits) for bits in range(1 << len(group)) if bool(bits & bit) is not missing]
    return None


def heads(terms: Iterable[str], elements: Iterable[dict[str, Any]]) -> frozenset[str]:
    """What the postings and ranges of a resource begin with: 'code', 'code:text', 'code@http://loinc.org', 'date>'."""
    found = {each[: each.index("|")] for each in terms}
    found.update([each["k"].partition("|")[0] for each in elements])
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of a resource's values: postings of which there are, and parameters without keys of their own."""

    postings: tuple[str, ...]
    unsorted: tuple[str, ...]


def told(release: Release, type_: str, heads: frozenset[str], sorts: frozenset[str]) -> Told:
    """What the beginnings of a resource's postings and its sort keys say; the same for most resources of a source.

    A value without a sort key is one such as a reference that is an identifier alone; without a posting of its own
    parameter, such as a concept that is a text alone.
    """
    return _told(release, type_, additions(release, type_), heads, sorts)


@lru_cache(maxsize=4096)
def _told(release: Release, type_: str, more: Additions | None, heads: frozenset[str], sorts: frozenset[str]) -> Told:
    known = parameters(release, type_)
    found = frozenset([_code(head) for head in heads])
    unnamed = [f"{code}{sign}" for code in sorted(_of(release, type_, _TERMED, more) & found - heads) for sign in "|@"]
    unnamed = [each for each in unnamed if each[-1] == "|" or known[each[:-1]].kind == "token"]
    unsorted = sorted(_of(release, type_, _SORTED, more) & found - sorts)
    return Told((*unnamed, *postings(release, type_, found)), tuple(unsorted))


def _code(head: str) -> str:
    for sign in "@:>":
        if sign in head:
            head = head[: head.index(sign)]
    return head


@cache
def _groups(release: Release, type_: str, more: Additions | None) -> tuple[tuple[str, ...], ...]:
    """The parameters of a type, those of the release together, each that was added alone: so a posting stays true."""
    known = standard(release, type_)
    own = [code for code in known if _is_indexed(release, type_, code)]
    of_release = [code for code in own if known[code].definition.own is None]
    by_view = [[code for code in of_release if code.startswith(viewed("")) is apart] for apart in (False, True)]
    chunks = [tuple(codes[at : at + TOGETHER]) for codes in by_view for at in range(0, len(codes), TOGETHER)]
    others = [code for code in own if code not in of_release]
    others += [each.code for each in more.definitions] if more else []
    return (*chunks, *((code,) for code in sorted(set(others))))


def _is_indexed(release: Release, type_: str, code: str) -> bool:
    parameter = standard(release, type_)[code]
    apart = code in _ELSEWHERE or (type_, code) in _HELD_APART
    return not (apart or parameter.union or parameter.kind == "special")


@lru_cache(maxsize=4096)
def _postings(groups: tuple[tuple[str, ...], ...], found: frozenset[str]) -> tuple[str, ...]:
    return tuple(_posting(group, sum(1 << at for at, code in enumerate(group) if code in found)) for group in groups)


def _posting(group: tuple[str, ...], bits: int) -> str:
    return f"{MARK}{group[0]}|{bits:x}"


@cache
def _of(release: Release, type_: str, kinds: frozenset[str], more: Additions | None) -> frozenset[str]:
    indexed = {code for group in _groups(release, type_, more) for code in group}
    return frozenset(
        code for code, each in parameters(release, type_).items() if each.kind in kinds and code in indexed
    )
