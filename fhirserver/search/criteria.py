"""One criterion of a search, name and value, as a tree: modifiers, :missing, alternatives, chains and _has.

https://hl7.org/fhir/R5/search.html#modifiers, #chaining, #has
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Literal

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, NotSupported
from fhirserver.resources import registry
from fhirserver.search import concepts, escapes, hierarchies, listed, own, wording
from fhirserver.search.ast import Has, Ids, Member, Missing, Node, Not, Or, Param, Updated
from fhirserver.search.context import Context, known, linked
from fhirserver.search.filters import reading as filters
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.kinds import (
    composite,
    date,
    displays,
    fulltext,
    near,
    number,
    quantity,
    reference,
    special,
    string,
    token,
    uri,
)
from fhirserver.search.parameters import Parameter

MAX_VALUES = 500
MAX_LENGTH = 4096

_MODIFIERS = {
    "token": (*token.MODIFIERS, *token.TERMINOLOGY),
    "string": string.MODIFIERS,
    "reference": (*reference.MODIFIERS, *reference.REFUSED),
    "uri": uri.MODIFIERS,
    "date": (),
    "number": (),
    "quantity": (),
    "composite": (),
    "special": (),
}
_KNOWN = {each for kind in _MODIFIERS.values() for each in kind} | {"missing"}


_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def parse(context: Context, name: str, value: str) -> Node:
    """The tree of one criterion."""
    _check(context, value)
    if name.startswith("_has:"):
        return _has(context, name, value)
    head, dot, rest = name.partition(".")
    code, colon, modifier = head.partition(":")
    if colon and not modifier:
        raise BadRequest(
            f"'{context.given}' ends its modifier before it began: leave the colon out.", expression=context.given
        )
    if dot:
        return linked(context, code, modifier or None, lambda inner: parse(inner, rest, value), rest)
    if code == "_filter" and not colon:
        return filters.read(context, value, parse)
    if code in listed.CODES and modifier != "missing":
        return listed.read(context, code, modifier or None, value)
    if code in special.REFUSED:
        raise special.refuse(code, context.given)
    parameter = known(context, code)
    read = own.read(context, parameter, modifier or None, value, parse)
    if read is not None:
        return read
    if parameter.kind == "special" and not special.searches(parameter):
        raise special.refuse(code, context.given)
    if modifier == "missing":
        return _missing(context, parameter, value)
    _allowed(context, parameter, modifier or None)
    return _values(context, parameter, modifier or None, value)


def _check(context: Context, value: str) -> None:
    if _CONTROL.search(value) or _CONTROL.search(context.given):
        raise BadRequest(
            "A search parameter holds a control character or half of one.",
            expression=context.given.encode("unicode_escape").decode(),
        )
    if not value.strip():
        raise BadRequest(f"'{context.given}' has no value: give one, or leave it out.", expression=context.given)
    if len(value) > MAX_LENGTH * 16:
        raise BadRequest(f"The value of '{context.given}' is too long.", expression=context.given, code="too-long")


def _allowed(context: Context, parameter: Parameter, modifier: str | None) -> None:
    if modifier is None or modifier in _MODIFIERS[parameter.kind]:
        return
    if parameter.code == "_id" or modifier not in _KNOWN:
        if parameter.kind == "reference" and modifier in registry.resource_types(context.release):
            return
        raise BadRequest(
            f"':{modifier}' is no modifier of '{parameter.called}'{_hint(parameter)}.", expression=context.given
        )
    raise BadRequest(
        f"':{modifier}' does not go with '{parameter.called}', a parameter of kind {parameter.kind}{_hint(parameter)}.",
        expression=context.given,
    )


def _hint(parameter: Parameter) -> str:
    known = [f":{each}" for each in ("missing", *_MODIFIERS[parameter.kind])]
    return f"; it takes {', '.join(known)}"


def _missing(context: Context, parameter: Parameter, value: str) -> Node:
    if value not in ("true", "false"):
        raise BadRequest(f"':missing' is true or false, not '{value}'.", expression=context.given)
    if parameter.code in ("_id", "_lastUpdated"):
        return Or(()) if value == "true" else Not(Or(()))
    if parameter.code == "_in" or (context.type, parameter.code) == MEMBERS:
        raise NotSupported(
            f"':missing' on '{parameter.called}' is not supported by this server.", expression=context.given
        )
    return Missing(context.type, parameter.code, parameter.kind, value == "true")


def _values(context: Context, parameter: Parameter, modifier: str | None, value: str) -> Node:
    """The alternatives of a value: 'a,b' is a or b."""
    values = escapes.split(value, ",")
    if len(values) > MAX_VALUES:
        raise BadRequest(
            f"'{context.given}' has {len(values)} values, at most {MAX_VALUES} are allowed: search in parts.",
            expression=context.given,
            code="too-costly",
        )
    if not all(each.strip() for each in values):
        raise BadRequest(
            f"'{context.given}' has an empty value between commas: leave it out.", expression=context.given
        )
    if any(len(each) > MAX_LENGTH for each in values):
        raise BadRequest(
            f"A value of '{context.given}' is longer than {MAX_LENGTH} characters.", expression=context.given
        )
    found = _alternatives(context, parameter, modifier, values)
    return Not(found) if modifier == "not" else found


def _alternatives(context: Context, parameter: Parameter, modifier: str | None, values: list[str]) -> Node:
    given = context.given
    if parameter.code == "_id":
        if modifier is not None and modifier != "not":
            raise BadRequest(f"':{modifier}' does not go with '_id'.", expression=given)
        return Ids(tuple(dict.fromkeys(_id(each, given) for each in values)))
    if parameter.code == "_lastUpdated":
        return _or([Updated(date.parse(parameter, None, each, given)) for each in values])
    if parameter.kind == "reference" and modifier in listed.MODIFIERS:
        return listed.referring(context, parameter, modifier, values)
    if (context.type, parameter.code) == MEMBERS:
        if modifier in reference.MODIFIERS:
            raise NotSupported(f"':{modifier}' on the members of groups is not supported.", expression=given)
        tests = [reference.parse(parameter, modifier, each, given, context.bases) for each in values]
        return Member(tuple(dict.fromkeys(f for t in tests if isinstance(t, reference.Ref) for f in t.forms)))
    if parameter.kind == "token" and modifier in concepts.MODIFIERS:
        return concepts.parse(context, parameter, modifier, values)
    if parameter.kind == "reference" and modifier in hierarchies.MODIFIERS and not reference.canonical(parameter):
        return _or(hierarchies.parse(context, parameter, modifier, values))
    if fulltext.searches(parameter):
        return _or([_worded(context, each, partial(_read, parameter)) for each in values])
    if modifier == displays.MODIFIER and not (parameter.kind == "reference" and reference.canonical(parameter)):
        return _or([_worded(context, each, partial(_shown, context.type, parameter)) for each in values])
    if parameter.kind == "string" and modifier == "text":
        return _or([_worded(context, each, partial(_said, context.type, parameter.code)) for each in values])
    parse_one = _parser(context, parameter, None if modifier == "not" else modifier)
    return _or([Param(context.type, parameter.code, parse_one(each)) for each in values])


def _worded(context: Context, value: str, leaf: wording.Leaf) -> Node:
    return wording.parse(escapes.plain(value, context.given), context.given, leaf)


def _read(parameter: Parameter, words: tuple[str, ...], begins: bool) -> Node:
    return Param(parameter.base, parameter.code, fulltext.Words(words, begins, parameter.release))


def _shown(type_: str, parameter: Parameter, words: tuple[str, ...], begins: bool) -> Node:
    of: Literal["token", "reference"] = "token" if parameter.kind == "token" else "reference"
    return Param(type_, parameter.code, displays.Shown(of, words, begins))


def _said(type_: str, code: str, words: tuple[str, ...], begins: bool) -> Node:
    return Param(type_, code, string.Says(words, begins))


def _id(value: str, given: str) -> str:
    written = escapes.plain(value, given)
    if written.startswith("|"):
        written = written[1:]
    if not fhirjson.is_id(written):
        raise BadRequest(f"'{value}' is no id: 1 to 64 letters, digits, hyphens and dots.", expression=given)
    return written


def _or(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))


def _parser(
    context: Context, parameter: Parameter, modifier: str | None
) -> Callable[
    [str],
    token.Test
    | string.Test
    | reference.Test
    | uri.Test
    | date.Test
    | number.Test
    | quantity.Test
    | composite.Test
    | near.Test,
]:
    given, bases = context.given, context.bases
    if parameter.definition.own is not None and parameter.definition.own.stored:
        return lambda value: own.parse(parameter, modifier, value, given)
    match parameter.kind:
        case "token":
            return lambda value: token.parse(parameter, modifier, value, given)
        case "string":
            return lambda value: string.parse(parameter, modifier, value, given)
        case "reference":
            return lambda value: reference.parse(parameter, modifier, value, given, bases)
        case "uri":
            return lambda value: uri.parse(parameter, modifier, value, given)
        case "date":
            return lambda value: date.parse(parameter, modifier, value, given)
        case "number":
            return lambda value: number.parse(parameter, modifier, value, given)
        case "quantity":
            return lambda value: quantity.parse(parameter, modifier, value, given)
        case "composite":
            return lambda value: composite.parse(parameter, modifier, value, given, bases)
        case "special":
            return lambda value: near.parse(parameter, modifier, value, given)


# -- chains ----------------------------------------------------------------------------------------------------------


def _has(context: Context, name: str, value: str) -> Node:
    """'_has:Observation:patient:code=x'."""
    parts = name.split(":", 3)
    if len(parts) != 4 or not all(parts):
        raise BadRequest("'_has' is written _has:Type:reference:parameter=value.", expression=context.given)
    _, source, code, rest = parts
    if source not in registry.resource_types(context.release):
        raise BadRequest(f"'{source}' is no resource type.", expression=context.given)
    inner = context.at(source)
    parameter = known(inner, code)
    if parameter.kind != "reference" or context.type not in reference.targets(parameter):
        raise BadRequest(f"'{code}' of {source} is no reference to a {context.type}.", expression=context.given)
    return Has(context.type, source, parameter.code, parse(inner, rest, value))
