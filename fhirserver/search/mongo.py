"""A search tree as a filter over the documents: literal values under fixed keys, never a client's text elsewhere.

The layout is in docs/search.md. https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from fhirserver.resources.registry import Kind, Release
from fhirserver.search import presence, within
from fhirserver.search.ast import (
    And,
    Chain,
    Concepts,
    Has,
    Ids,
    Kin,
    Listed,
    Member,
    Missing,
    Node,
    Not,
    Or,
    Param,
    Test,
    Updated,
    Within,
)
from fhirserver.search.kinds import composite, date, ranges, simple, terms, token_index
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import parameters

LIVE: Filter = {"t": "|live"}
NOTHING: Filter = {"_id": {"$in": []}}


def to_mongo(node: Node, release: Release) -> Filter:
    """The filter of a search; deleted documents, which have no postings and no ranges, never pass it."""
    conjuncts = _conjuncts(_filter(node, release))
    if not any(_selects(each) for each in conjuncts):
        conjuncts.insert(0, LIVE)
    conjuncts.sort(key=_rank)
    return conjuncts[0] if len(conjuncts) == 1 else {"$and": conjuncts}


def equalities(found: Filter) -> list[str]:
    """The postings of a filter that asks for one of these and for nothing else; none of any other filter."""
    return _listed(found["t"]) if found.keys() == {"t"} else []


def _conjuncts(found: Filter) -> list[Filter]:
    if found.keys() == {"$and"}:
        return [inner for each in found["$and"] for inner in _conjuncts(each)]
    return [found] if found else []


def _selects(each: Filter) -> bool:
    """Whether a condition lets live documents pass only, and is one that an index can begin with."""
    wanted = each.get("t", each.get("x"))
    if isinstance(wanted, str):
        return True
    return isinstance(wanted, dict) and not wanted.keys() & {"$nin", "$ne"}


def _rank(each: Filter) -> int:
    """Equality first, then a few equalities, then beginnings, then ranges, then all that only filters."""
    wanted = each.get("t")
    if isinstance(wanted, str):
        return 1 if wanted == LIVE["t"] else 0
    if isinstance(wanted, dict):
        return 5 if wanted.keys() & {"$nin", "$ne"} else 2 if "$in" in wanted else 3
    return 4 if "x" in each or "_id" in each else 6


def _filter(node: Node, release: Release, before: str = "") -> Filter:
    """The filter of a tree; `before` stands before every parameter's code, for what is contained."""
    match node:
        case And(nodes):
            found = [inner for each in nodes for inner in _conjuncts(_filter(each, release, before))]
            return found[0] if len(found) == 1 else {"$and": found} if found else {}
        case Or(nodes):
            return _either([_filter(each, release, before) for each in nodes])
        case Not(inner):
            return _negated(_filter(inner, release, before))
        case Param(type_, code, test):
            parts = parameters(release, type_)[code].union or (code,)
            return _either([_param(before + part, test) for part in parts])
        case Missing(type_, code, kind, missing):
            parts = parameters(release, type_)[code].union or (code,)
            every = [_has(release, type_, part, before, kind, missing) for part in parts]
            return _together(every) if missing else _either(every)
        case Within(_, code, target, inner):
            return _within(code, target, _filter(inner, release, within.prefix(code, target)))
        case Ids() | Updated() if before:
            return NOTHING  # what is contained has no id and no version of its own
        case Ids(ids):
            return {"_id": ids[0]} if len(ids) == 1 else {"_id": {"$in": list(ids)}}
        case Updated(when):
            return updated(when)
        case Chain() | Concepts() | Has() | Kin() | Listed() | Member():
            raise TypeError(f"{type(node).__name__} must be resolved before it becomes a filter (search/chains.py)")


def _within(code: str, target: str, found: Filter) -> Filter:
    """A filter on what is contained, for containers of that alone; an equality says so itself."""
    if equalities(found):
        return found
    return {"$and": [{"t": within.mark(code, target)}, *_conjuncts(found)]}


def _has(release: Release, type_: str, code: str, before: str, kind: Kind, missing: bool) -> Filter:
    """Whether a parameter has a value: what is contained, and a special parameter, are told by the values alone."""
    told = None if before else presence.terms(release, type_, code, missing=missing)
    if told is not None:
        return {"t": {"$in": told}} if len(told) > 1 else {"t": told[0]}
    found = _either(_present(before + code, kind))
    return _negated(found) if missing else found


def _together(found: list[Filter]) -> Filter:
    return found[0] if len(found) == 1 else {"$and": found}


def _present(code: str, kind: Kind) -> list[Filter]:
    """What any of shows that a parameter has a value."""
    match kind:
        case "composite":
            return [terms.present(code), ranges.present_below(code)]
        case "date" | "number" | "quantity":
            return [ranges.present(code)]
        case "token":
            return [_tokens(code), terms.present(f"{code}:text")]
        case "reference":
            return [terms.present(code), _tokens(f"{code}:identifier"), terms.present(f"{code}:text")]
    return [terms.present(code)]


def _tokens(code: str) -> Filter:
    """Any code, or a system alone."""
    return {"$or": [terms.present(code), terms.present(code, token_index.WITHIN)]}


def _either(found: list[Filter]) -> Filter:
    """One of several; equalities on postings, or on ids, become one $in, which an index answers in the order of ids."""
    if not found:
        return NOTHING
    if any(not each for each in found):
        return {}
    for key in ("t", "_id"):
        if all(each.keys() == {key} and _listed(each[key]) for each in found):
            values = list(dict.fromkeys(value for each in found for value in _listed(each[key])))
            return {key: values[0] if len(values) == 1 else {"$in": values}}
    flat = [inner for each in found for inner in (each["$or"] if each.keys() == {"$or"} else (each,))]
    return flat[0] if len(flat) == 1 else {"$or": flat}


def _listed(value: Any) -> list[str]:
    """The values of an equality; none of any other condition."""
    if isinstance(value, str):
        return [value]
    return list(value["$in"]) if isinstance(value, dict) and value.keys() == {"$in"} else []


def _negated(found: Filter) -> Filter:
    if not found:
        return NOTHING
    if found.keys() == {"t"} and (values := _listed(found["t"])):
        return {"t": {"$nin": values}}
    return {"$nor": [found]}


def _param(code: str, test: Test) -> Filter:
    return composite.to_mongo(code, test) if isinstance(test, composite.Composite) else simple.to_mongo(code, test)


def updated(when: date.When) -> Filter:
    """_lastUpdated over the document's own field, an instant of one millisecond."""
    low, high, step = when.low, when.high, timedelta(milliseconds=1)
    match when.prefix:
        case "eq" | "ap":
            return {"at": {"$gte": low, "$lt": high}}
        case "ne":
            return {"$nor": [{"at": {"$gte": low, "$lt": high}}]}
        case "gt" | "sa":
            return {"at": {"$gte": high}}
        case "ge":
            return {"at": {"$gte": low}}
        case "lt" | "eb":
            return {"at": {"$lt": low}}
        case "le":
            return {"at": {"$lte": high - step}}
