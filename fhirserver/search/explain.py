"""A search and the filters made of it as text for people: the tree by lines, a command with the client's values alone.

Explaining a search must tell no more of the stored data than the search itself: see `shown`.
https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from fhirserver import fhirjson
from fhirserver.resources.registry import Release
from fhirserver.search.ast import EVERYTHING, And, Chain, Has, Ids, Missing, Node, Not, Or, Param
from fhirserver.search.chains import leaves
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import SearchRequest
from fhirserver.search.plan import Search, plan

MOST = 10
"""Values of a list that are written out; of a longer one the number of the others is."""

HIDDEN = "…"
"""What stands for a value that the client did not send."""

LAST = "\U0010ffff"
"""What ends the upper bound of a beginning."""

_OURS = frozenset({"$group", "$sort", "$limit", "$project", "w"})
"""Stages of a pipeline that hold no values, and the class of a place, which is one of few."""

Literals = frozenset[Any]


def tree(request: SearchRequest) -> str:
    """What a search asks for, one criterion a line, what is inside another two blanks further in."""
    lines = [f"search {request.type}", *_indented(_node(request.filter))]
    if request.sort:
        lines.append("sort by " + ", ".join(f"{code}{' descending' if down else ''}" for code, down in request.sort))
    for name, includes in (("include", request.includes), ("include what refers to it", request.revincludes)):
        lines += [f"{name}: {_value(each)}" for each in includes]
    return "\n".join(lines)


def _node(node: Node) -> list[str]:
    match node:
        case And(()):
            return ["everything"]
        case Or(()):
            return ["nothing"]
        case And(nodes):
            return ["all of", *_indented(line for each in nodes for line in _node(each))]
        case Or(nodes):
            return ["any of", *_indented(line for each in nodes for line in _node(each))]
        case Not(inner):
            return ["not", *_indented(_node(inner))]
        case Param(type_, code, test):
            return [f"{type_} {code}: {_value(test)}"]
        case Missing(type_, code, _, missing):
            return [f"{type_} {code}: {'has no value' if missing else 'has a value'}"]
        case Ids(ids):
            return [f"id: {_value(ids)}"]
        case Chain(type_, code, target, inner):
            return [f"{type_} {code}: refers to {target} with", *_indented(_node(inner))]
        case Has(type_, source, code, inner):
            return [f"{type_}: {source} refers to it by {code}, with", *_indented(_node(inner))]
    return [_value(node)]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _value(value: object) -> str:
    """A part of the tree: of a test its name and its fields, those left out that say nothing."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = ((each.name, getattr(value, each.name)) for each in fields(value))
        said = [
            name if part is True else f"{name}={_value(part)}"
            for name, part in parts
            if part is not None and part is not False and part != ()
        ]
        return " ".join([type(value).__name__, *said])
    match value:
        case tuple() | frozenset():
            every = [_value(each) for each in value]
            return f"[{', '.join(_cut(every))}]"
        case str():
            return fhirjson.dumps(value).decode()
        case datetime():
            return fhirjson.instant(value)
    return str(value)


def _cut(every: list[str]) -> list[str]:
    return every if len(every) <= MOST else [*every[:MOST], f"and {len(every) - MOST:,} more"]


# -- commands ----------------------------------------------------------------------------------------------------------


def literals(request: SearchRequest) -> Literals:
    """The values that a search brings into its queries by itself, whatever is stored: its own and the server's."""
    conjuncts = request.filter.nodes if isinstance(request.filter, And) else (request.filter,)
    own = And(tuple(each for each in conjuncts if not leaves(each)))
    asks = [
        ask for segment in plan(Search(request.release, request.type, own, request.sort)) for ask in segment.asks(None)
    ]
    return frozenset(
        (
            *_literals(to_mongo(EVERYTHING, request.release)),
            *_said(request.filter, request.release),
            *(value for ask in asks for value in _literals([ask.filter, dict(ask.low), dict(ask.high)])),
        )
    )


def _said(node: Node, release: Release) -> Iterator[Any]:
    waiting = leaves(node)
    for leaf in waiting:
        inner = getattr(leaf, "node", None)
        if inner is not None:
            yield from _said(inner, release)
        yield from _fields(leaf)
    if not waiting:
        yield from _literals(to_mongo(node, release))
        return
    match node:
        case And(nodes) | Or(nodes):
            for each in nodes:
                yield from _said(each, release)
        case Not(within):
            yield from _said(within, release)


def _fields(leaf: object) -> Iterator[Any]:
    """The values of a leaf that is looked up as it stands, such as the members of a Group."""
    if is_dataclass(leaf) and not isinstance(leaf, type):
        for each in fields(leaf):
            if each.name != "node":
                value = getattr(leaf, each.name)
                yield from value if isinstance(value, tuple) else (value,)


def _literals(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _literals(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _literals(inner)
    else:
        yield value


def shown(command: Any, known: Literals) -> str:
    """A filter or a pipeline as JSON, with `…` for every text, number and time that is not among `known`.

    Such values come from what is stored: the ids that a chain led to, the place where the last page ended. A text
    that ends in * stands for all that begin so.
    """
    return fhirjson.dumps(_shown(command, known)).decode().replace(LAST, "*")


def _shown(value: Any, known: Literals) -> Any:
    match value:
        case Mapping():
            # Names are fields and operators, which no client's text ever is.
            return {name: inner if name in _OURS else _shown(inner, known) for name, inner in value.items()}
        case list() | tuple():
            every = [_shown(inner, known) for inner in value]
            return every if len(every) <= MOST else [*every[:MOST], f"and {len(every) - MOST:,} more"]
        case bool() | None:
            return value
        case str() | int() | float() | Decimal() | datetime() if value in known:
            return fhirjson.instant(value) if isinstance(value, datetime) else value
    return HIDDEN
