"""How a search is read: the segments that hold all that it finds, each resource once, in the order of the result.

Without `_sort` the order is the server's to choose: it is that of the index which answers the search.
https://hl7.org/fhir/R5/search.html#sort
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhirserver.resources import registry
from fhirserver.resources.registry import Release
from fhirserver.search import order, presence
from fhirserver.search.ast import And, Ids, Node, Not, Or, Param, Updated
from fhirserver.search.kinds import composite, fulltext, simple
from fhirserver.search.kinds.terms import Filter, Span
from fhirserver.search.kinds.token_index import WITHIN
from fhirserver.search.mongo import LIVE, NOTHING, to_mongo
from fhirserver.search.parameters import parameters
from fhirserver.search.paths import Key
from fhirserver.search.results import SCORE
from fhirserver.search.scans import Leap, Points, Scan
from fhirserver.search.segments import Gathered, Keyed, Ordered, Placed, Segment
from fhirserver.search.windows import wanted, windows

MOST_SPANS = 12
"""Parts of an index that one search reads one after the other."""

MOST_MERGED = 50
"""Terms whose resources are merged into one order."""

Sort = tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Search:
    """A search on one type: the tree, without leaves and :missing, and (parameter, descending) of each sort key."""

    release: Release
    type: str
    node: Node
    sort: Sort = ()


def plan(search: Search) -> tuple[Segment, ...]:
    """The segments of a search, in their order."""
    conjuncts = _conjuncts(search.node)
    found = to_mongo(search.node, search.release)
    if found == NOTHING:
        return ()
    # No index knows relevance: all that matches is read, and then ranked.
    if not search.sort or search.sort[0][0] == SCORE:
        return _unsorted(search, conjuncts, found)
    (code, down), direction = search.sort[0], -1 if search.sort[0][1] else 1
    known = parameters(search.release, search.type)
    if len(search.sort) > 1 or len(known[code].union) > 1:
        main = order.main_date(search.release, search.type)
        keys = (() if each == main else known[each].union or (each,) for each, _ in search.sort)
        return (Gathered(found, tuple(zip(keys, (descends for _, descends in search.sort), strict=True))),)
    code = known[code].union[0] if known[code].union else code
    if code == "_id":
        return (Keyed(found, (("_id", direction),)),)
    if code == "_lastUpdated":
        return (Keyed(found, (("at", direction), ("_id", direction))),)
    main = order.main_date(search.release, search.type)
    if code == main:
        return (Placed(found, windows(search.release, search.type, conjuncts), direction),)
    without = presence.terms(search.release, search.type, code, missing=True)
    rest = _placed(_among(found, without if without is not None else {f"s.{code}": None}))
    whole = code in order.ranged(search.release, search.type)
    sorted_ = Ordered(_selecting(found), code, direction, whole)
    return (sorted_, rest) if down else (rest, sorted_)


def _among(found: Filter, terms: list[str] | Filter) -> Filter:
    """The filter for resources with one of these postings, or for which another condition holds too."""
    if isinstance(terms, dict):
        return {"$and": [*_parts(found), terms]}
    own = {"t": terms[0] if len(terms) == 1 else {"$in": terms}}
    rest = _parts(_selecting(found))
    return {"$and": [own, *rest]} if rest else own


def _selecting(found: Filter) -> Filter:
    """A filter without the condition that a resource is not deleted, for where another says so."""
    rest = [each for each in _parts(found) if each != LIVE]
    return rest[0] if len(rest) == 1 else {"$and": rest} if rest else {}


def _parts(found: Filter) -> list[Filter]:
    return list(found["$and"]) if found.keys() == {"$and"} else [found] if found else []


# -- without a sort --------------------------------------------------------------------------------------------------


def _unsorted(search: Search, conjuncts: Sequence[Node], found: Filter) -> tuple[Segment, ...]:
    if any(isinstance(each, Ids) for each in conjuncts):
        return (Keyed(found, (("_id", 1),)),)
    left = windows(search.release, search.type, conjuncts)
    if _has_equality(found):
        return (Placed(found, left),)
    if left is not None and wanted(search.release, search.type, conjuncts):
        return (Placed({"$and": [LIVE, *_parts(_selecting(found))]}, left),)
    spans = _best_spans(search, conjuncts)
    if spans is not None:
        scans = _scans(found, spans)
        if (leap := _leap(search.release, conjuncts, spans, found)) is not None:
            return (leap, *scans)
        on_terms = [each for each in _parts(scans[0].filter) if _is_of_terms(each)] if scans else []
        if len(scans) > 1 and spans[0].field == "t" and len(on_terms) == 1:
            alike = all(each.keys() == {"t"} for each in on_terms[0].get("$or", on_terms))
            return (replace(scans[0], several=True, alike=alike), *scans[1:])
        return scans
    if any(isinstance(each, Updated) for each in conjuncts):
        return (Keyed(found, (("at", 1), ("_id", 1))),)
    negated = _negated(search, conjuncts, found)
    return negated if negated is not None else (_placed(found),)


def _placed(found: Filter) -> Segment:
    """What postings answer: in the order of places, or of the terms where they are many."""
    return _points(found) or Placed(found)


def _points(found: Filter) -> Points | None:
    """The terms of the only condition on postings, where they are many."""
    on_terms = [each for each in _parts(found) if _is_of_terms(each)]
    terms = on_terms[0].get("t", {}) if len(on_terms) == 1 else {}
    if isinstance(terms, str) or len(terms.get("$in", ())) <= MOST_MERGED:
        return None
    rest = [each for each in _parts(found) if each not in on_terms]
    return Points(rest[0] if len(rest) == 1 else {"$and": rest} if rest else {}, tuple(sorted(terms["$in"])))


def _is_of_terms(found: Filter) -> bool:
    """Whether a condition is of postings, itself or in an alternative."""
    inner = (each for name in ("$and", "$or", "$nor") for each in found.get(name, ()))
    return "t" in found or any(_is_of_terms(each) for each in inner)


def _conjuncts(node: Node) -> tuple[Node, ...]:
    if isinstance(node, And):
        return tuple(inner for each in node.nodes for inner in _conjuncts(each))
    return (node,)


def _has_equality(found: Filter) -> bool:
    """Whether postings answer one of the conditions in the order of places, with few to merge."""
    wanted = [each["t"] for each in _parts(found) if each.keys() == {"t"} and each != LIVE]
    return any(isinstance(each, str) or 0 < len(each.get("$in", ())) <= MOST_MERGED for each in wanted)


def _scans(found: Filter, spans: Sequence[Span]) -> tuple[Scan, ...]:
    own = _selecting(found)
    return tuple(Scan(own, span, tuple(spans[:at])) for at, span in enumerate(spans))


def _best_spans(search: Search, conjuncts: Sequence[Node]) -> tuple[Span, ...] | None:
    """The spans of the condition that is likely to find least: beginnings of strings, then equality, then the rest."""
    found = [spans for each in conjuncts if (spans := _spans(search.release, each)) is not None]
    return min(found, key=_breadth) if found else None


def _breadth(spans: Sequence[Span]) -> tuple[int, int]:
    ranged = any(each.field == "x" for each in spans)
    open_ = any(each.low is None or each.high is None for each in spans)
    return (2 if open_ else 1 if ranged else 0), len(spans)


def _spans(release: Release, node: Node) -> tuple[Span, ...] | None:
    """Parts of one index that hold all that a condition may find, in their order and without overlap; None for none."""
    found = _found_spans(release, node)
    if found is None or len({each.field for each in found}) > 1:
        return None
    joined = _disjoint(found)
    return joined if len(joined) <= MOST_SPANS else None


def _found_spans(release: Release, node: Node) -> tuple[Span, ...] | None:
    match node:
        case Or(nodes):
            return _all(_found_spans(release, each) for each in nodes)
        case Param(type_, code, test):
            parts = parameters(release, type_)[code].union or (code,)
            if isinstance(test, composite.Composite):
                return _all(composite.spans(part, test) for part in parts)
            return _all(simple.spans(part, test) for part in parts)
    return None


def _all(found: Iterable[tuple[Span, ...] | None]) -> tuple[Span, ...] | None:
    whole: list[Span] = []
    for each in found:
        if each is None:
            return None
        whole += each
    return tuple(whole)


def _disjoint(spans: Sequence[Span]) -> tuple[Span, ...]:
    """The spans in order, those that overlap joined into one."""
    found: list[Span] = []
    for span in sorted((each for each in spans if not each.is_empty), key=_start):
        last = found[-1] if found else None
        if last is None or last.k != span.k or not _touch(last, span):
            found.append(span)
        elif last.high is not None and (span.high is None or (span.high, span.upto) > (last.high, last.upto)):
            found[-1] = Span(last.field, last.k, last.low, span.high, last.after, span.upto)
    return tuple(found)


def _start(span: Span) -> tuple[Any, ...]:
    # A value that is not there cannot be compared with others: its absence is.
    return (span.k, False) if span.low is None else (span.k, True, span.low, span.after)


def _touch(last: Span, span: Span) -> bool:
    return last.high is None or span.low is None or bool(span.low < last.high) or (span.low == last.high and last.upto)


def _leap(release: Release, conjuncts: Sequence[Node], spans: Sequence[Span], found: Filter) -> Leap | None:
    """The way from term to term through a span for a condition that only some of its terms fulfil."""
    for each in conjuncts:
        if not isinstance(each, Param) or isinstance(each.test, composite.Composite):
            continue
        codes = parameters(release, each.type)[each.code].union or (each.code,)
        pattern = simple.pattern(codes[0], each.test) if len(codes) == 1 else None
        if pattern is not None and _spans(release, each) == tuple(spans):
            own = simple.to_mongo(codes[0], each.test)
            rest = [part for part in _parts(_selecting(found)) if part != own]
            if not any(map(_is_of_terms, rest)):
                return Leap(_selecting({"$and": rest}), spans[0], pattern)
    return None


def _negated(search: Search, conjuncts: Sequence[Node], found: Filter) -> tuple[Segment, ...] | None:
    """What is left of a parameter's postings when those that a :not names are taken out, and what has none of them."""
    for each in conjuncts:
        # A text has many words: what is beside one of them would be met again and again.
        if not isinstance(each, Not) or (isinstance(each.node, Param) and isinstance(each.node.test, fulltext.Words)):
            continue
        spans = _found_spans(search.release, each.node)
        if not spans or len(spans) > MOST_SPANS or any(span.field != "t" or span.low != span.high for span in spans):
            continue
        heads = {_head(span.low) for span in spans}
        head = heads.pop()
        without = presence.terms(search.release, search.type, head[:-1], missing=True)
        if heads or without is None or (head[-1] == WITHIN and _is_bare(search, head[:-1])):
            continue
        end = head[:-1] + chr(ord(head[-1]) + 1)
        named = sorted({span.low for span in spans})
        edges, ends = [head, *(f"{each}\0" for each in named)], [*named, end]
        left = [Span("t", "", low, high) for low, high in zip(edges, ends, strict=True)]
        scans, none = _scans(found, left), _placed(_among(found, without))
        return (*scans, none) if _is_required(search, head[:-1]) else (none, *scans)
    return None


def _is_required(search: Search, code: str) -> bool:
    """Whether nearly all have a value of a parameter, or one alone: then few are met only to be left out.

    Where a resource has many values, such as the codes of its components, those beside the excluded one are met too.
    """
    parameter = parameters(search.release, search.type)[code]
    if parameter.bare:
        return True
    whole = registry.structure(search.release, search.type)
    first = (branch.steps[0] for branch in parameter.branches if len(branch.steps) == 1)
    names = [step.name for step in first if isinstance(step, Key)]
    return whole is not None and any(whole.elements[name].min for name in names if name in whole.elements)


def _is_bare(search: Search, code: str) -> bool:
    """Whether values of a parameter never have a system, and so no postings within one."""
    return code in (known := parameters(search.release, search.type)) and known[code].bare


def _head(posting: str) -> str:
    """The beginning of a posting up to the sign that ends its parameter: 'code|' or 'code@'."""
    return posting[: 1 + min(at for sign in "|@" if (at := posting.find(sign)) >= 0)]
