"""The index entry of a resource: one walk over the properties that are there, whatever the number of parameters.

The parameters of a type become a tree of JSON names; at each name stand the indexers of the parameters that end there.
Postings, ranges, sort keys and full strings: docs/search.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from fhirserver.releases import converted, origins
from fhirserver.resources.registry import Release, stored_release
from fhirserver.search import infix, order, paths, presence, within
from fhirserver.search.added import Additions, additions, mark, now
from fhirserver.search.kinds import (
    composite,
    date,
    fulltext,
    near,
    number,
    quantity,
    reference,
    string,
    token_index,
    uri,
)
from fhirserver.search.parameters import Parameter, parameters
from fhirserver.search.paths import Branch, Key, Where
from fhirserver.search.richness import PLAIN, Richness
from fhirserver.search.sink import LONGEST, Indexer, Sink, bounded

LIVE = "|live"
ELSEWHERE = frozenset({"_id", "_lastUpdated", "_in"})
"""Parameters that fields of the document answer."""

REFERS = "|refers|"
"""What begins the postings of all references of a resource, whether a parameter searches for them or not."""

TRACED = frozenset({"ResearchSubject"})
"""Types that always have these postings: an enrolment protects what it refers to."""

MEMBERS = ("Group", "member")
"""The parameter whose values are kept apart from the resource."""


class IndexEntry(msgspec.Struct, frozen=True, gc=False):
    """What of a document the indexes hold: postings, ranges, sort keys, full strings, and its place among others."""

    t: list[str]
    x: list[dict[str, Any]]
    s: dict[str, str]
    f: dict[str, list[Any]]
    w: int
    o: str


@dataclass(slots=True)
class _Place:
    children: dict[str, _Place] = field(default_factory=dict)
    indexers: list[Indexer] = field(default_factory=list)


_INDEXERS: dict[str, Callable[[Parameter, str], Indexer]] = {
    "token": token_index.indexer,
    "string": string.indexer,
    "reference": reference.indexer,
    "uri": uri.indexer,
    "date": date.indexer,
    "number": number.indexer,
    "quantity": quantity.indexer,
}


def references(resource: dict[str, Any]) -> list[str]:
    """All literal references of a resource, each once; not those to what it contains."""
    found: dict[str, None] = {}
    todo: list[Any] = [resource]
    while todo:
        value = todo.pop()
        if type(value) is dict:
            text = value.get("reference")
            if type(text) is str and not text.startswith("#"):
                found[text] = None
            todo.extend(value.values())
        elif type(value) is list:
            todo.extend(value)
    return list(found)


def entry(
    release: Release, resource: dict[str, Any], *, traced: bool = False, richness: Richness = PLAIN
) -> IndexEntry:
    """The index entry of a live resource, with postings of all its references if `traced`.

    `richness` says of which types the words of texts and the parts of strings are indexed too. A Group comes without
    its members.
    """
    type_ = resource["resourceType"]
    sink = _gathered(release, resource, richness.texts(type_))
    if additions(release, type_) is not None:
        sink.t.append(mark(now().number))
    if "contained" in resource:
        within.index(release, resource, sink, _gathered)
    if traced or type_ in TRACED:
        sink.t += [REFERS + text for text in references(resource)]
    postings = list(dict.fromkeys(sink.t))
    if max(map(len, postings)) > LONGEST:
        postings = [bounded(each) for each in postings]
    sorts = {code: order.key(value) for code, value in sink.s.items()}
    for code, value in sink.high.items():
        sorts[code + order.HIGHEST] = order.key(value)
    for code in order.ranged(release, type_) & sorts.keys():
        sorts.setdefault(code + order.HIGHEST, sorts[code])
    told = presence.told(release, type_, presence.heads(postings, sink.x), frozenset(sorts))
    sorts.update(dict.fromkeys(told.unsorted, ""))
    postings += told.postings
    if parted := richness.parted(type_, [code for code in sink.f if string.whole(code) in sink.f]):
        sink.words += infix.postings(sink.f, parted, words=not richness.texts(type_))
    if sink.words:
        postings = list(dict.fromkeys([*postings, *sink.words]))
    main = order.main_date(release, type_)
    if main is not None:
        sorts.pop(main, None)  # the order key says it
    class_, beginning = order.place(main, sink.x)
    return IndexEntry(postings, sink.x, sorts, sink.f, class_, beginning)


def _gathered(release: Release, resource: dict[str, Any], texts: bool = False) -> Sink:
    """What all parameters find in a resource that has the form of a release."""
    type_ = resource["resourceType"]
    stored, more = stored_release(release, type_), additions(release, type_)
    sink = Sink(converted(resource, release, stored))
    sink.t.append(LIVE)
    _found(_plan(stored, type_, more, texts, None), sink)
    for view, read in _views(stored, type_, more, texts):
        whole = sink.root
        sink.root = converted({name: whole[name] for name in whole if name in read} if read else whole, stored, view)
        _found(_plan(stored, type_, more, texts, view), sink)
        sink.root = whole
    return sink


def _found(place: _Place, sink: Sink) -> None:
    for indexer in place.indexers:
        indexer(sink.root, sink)
    _walk(place.children, sink.root, sink)


@lru_cache(1024)
def _views(
    release: Release, type_: str, more: Additions | None, texts: bool
) -> tuple[tuple[Release, frozenset[str]], ...]:
    """The releases whose form of a resource has parameters of its own, and what these read; none for all of it."""
    views = sorted({each.view for each in parameters(release, type_).values() if each.view is not None})
    found = []
    for view in views:
        place = _plan(release, type_, more, texts, view)
        whole = place.indexers or "extension" in place.children
        found.append((view, frozenset() if whole else origins(type_, release, view, place.children)))
    return tuple(found)


def _walk(children: dict[str, _Place], item: dict[str, Any], sink: Sink) -> None:
    for name, value in item.items():
        place = children.get(name)
        if place is None:
            continue
        indexers, below = place.indexers, place.children
        for each in value if type(value) is list else (value,):
            if each is None:
                continue
            for indexer in indexers:
                indexer(each, sink)
            if below and type(each) is dict:
                _walk(below, each, sink)


@lru_cache(1024)
def _plan(release: Release, type_: str, _more: Additions | None, texts: bool, view: Release | None) -> _Place:
    root = _Place()
    for parameter in parameters(release, type_).values():
        if parameter.view != view:
            continue
        if parameter.code in ELSEWHERE or parameter.union or (type_, parameter.code) == MEMBERS:
            continue
        if parameter.kind == "composite":
            whole = composite.indexer(parameter)
            if whole:
                root.indexers.append(whole)
        elif make := _maker(parameter, texts):
            for branch in parameter.branches:
                _plant(root, branch, make(parameter, branch.type))
    return root


def _maker(parameter: Parameter, texts: bool) -> Callable[[Parameter, str], Indexer] | None:
    """What makes the indexers of a parameter; None for one that has none."""
    if fulltext.searches(parameter):
        return fulltext.indexer if texts else None
    return near.indexer if near.searches(parameter) else _INDEXERS.get(parameter.kind)


def _plant(root: _Place, branch: Branch, indexer: Indexer) -> None:
    """Hangs an indexer below the names its branch begins with; steps that need all items at once stay at the root."""
    place, rest = root, list(branch.steps)
    if all(isinstance(step, Key | Where) for step in rest):
        while rest and isinstance(head := rest[0], Key):
            place = place.children.setdefault(head.name, _Place())
            rest.pop(0)
    if rest:
        indexer = _behind(Branch(tuple(rest), branch.type), indexer)
    place.indexers.append(indexer)


def _behind(rest: Branch, inner: Indexer) -> Indexer:
    """What indexes the values that a branch still leads to."""
    match rest.steps:
        case (Where(test),):

            def judge(value: Any, sink: Sink) -> None:
                if test(value, sink.root):
                    inner(value, sink)

            return judge

    def select(value: Any, sink: Sink) -> None:
        for found in paths.select(rest, value, sink.root):
            inner(found, sink)

    return select
