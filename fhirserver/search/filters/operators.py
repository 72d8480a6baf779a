"""The operators of _filter: a comparison with one search parameter → the tree of the same search.

What the parameter's kind answers under a modifier or a prefix is read as that, so both ways to ask find the same.
https://hl7.org/fhir/R5/search_filter.html#ops
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NoReturn

from fhirserver.errors import BadRequest, NotSupported
from fhirserver.resources import registry
from fhirserver.search import escapes, text
from fhirserver.search.ast import Node, Not, Or, Param
from fhirserver.search.context import Context, ready
from fhirserver.search.filters.grammar import Test
from fhirserver.search.kinds import date, filtered, ranges, token
from fhirserver.search.named import named
from fhirserver.search.parameters import Parameter

Leaf = Callable[[Context, str, str], Node]
"""What reads a criterion of a URL: context, name with its modifier, value."""

SYSTEMS = MappingProxyType(
    {
        "loinc": "http://loinc.org",
        "snomed": "http://snomed.info/sct",
        "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
        "ucum": "http://unitsofmeasure.org",
    }
)
"""Names that stand for systems of codes in a filter."""

_COMPARED = ("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb")
_SUBSUMED = MappingProxyType({"ss": "below", "sb": "above", "in": "in", "ni": "not-in"})
OPERATORS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "string": ("eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "pr"),
        "number": (*_COMPARED, "pr"),
        "quantity": (*_COMPARED, "pr"),
        "date": (*_COMPARED, "co", "po", "pr"),
        "token": ("eq", "ne", *_SUBSUMED, "pr"),
        "reference": ("re", "pr"),
        "uri": ("eq", "pr"),
        "composite": ("eq", "pr"),
        "special": ("eq", "co", "re"),
    }
)
"""The operators that each kind of parameter answers."""
_ALL = frozenset(operator for every in OPERATORS.values() for operator in every)
_ELSEWHERE: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("reference", "eq"): "'re' compares references",
        ("reference", "ne"): "write not (… re …)",
        ("uri", "ne"): "write not (… eq …)",
        ("number", "co"): "'eq' and 'ap' compare with a precision",
        ("token", "co"): "a parameter of kind string has 'co'",
    }
)


def compared(context: Context, code: str, test: Test, read: Leaf) -> Node:
    """The tree of a comparison with the parameter `code`; 'pr' asks that it has a value, whatever the test's value."""
    operator = test.operator
    if operator not in _ALL:
        known = ", ".join(sorted(_ALL))
        raise BadRequest(
            f"'{operator}' at character {test.at + 1} of '{context.given}' is no operator: use one of {known}.",
            expression=context.given,
        )
    parameter = named(context.release, context.type).get(code)
    if parameter is None:
        # What concerns every type and has no expression of its own, such as _list and _text; all else is refused there.
        found = read(context, code, _plain(test.value))
        if operator not in OPERATORS["special"]:
            takes = ", ".join(OPERATORS["special"])
            raise NotSupported(
                f"'{operator}' at character {test.at + 1} of '{context.given}' does not go with '{code}', which takes "
                f"{takes}.",
                expression=context.given,
            )
        return found
    ready(context.release, context.type, parameter, code, context.given)
    stored = parameter.code

    def leaf(context: Context, name: str, value: str) -> Node:
        """By the name that it is asked for."""
        return read(context, code + name.removeprefix(stored), value)

    own = parameter.definition.own is not None
    if operator not in OPERATORS[parameter.kind] and not (own and operator == "pr"):
        _refuse(context, parameter, test)
    if operator == "pr":
        return leaf(context, f"{stored}:missing", "false")
    if own and operator == "eq":
        return leaf(context, stored, _plain(_named(test.value, 1)))
    match parameter.kind:
        case "string":
            return _string(context, parameter, test, leaf)
        case "token":
            return _token(context, parameter, test, leaf)
        case "number" | "quantity":
            return leaf(context, stored, operator + _plain(_named(test.value, 1)))
        case "date":
            return _date(context, parameter, test, leaf)
    return leaf(context, stored, _plain(test.value))


def _refuse(context: Context, parameter: Parameter, test: Test) -> NoReturn:
    hint = _ELSEWHERE.get((parameter.kind, test.operator))
    takes = ", ".join(OPERATORS[parameter.kind])
    raise NotSupported(
        f"'{test.operator}' at character {test.at + 1} of '{context.given}' does not go with '{parameter.called}', a "
        f"parameter of kind {parameter.kind}, which takes {takes}{f': {hint}' if hint else ''}.",
        expression=context.given,
    )


def _plain(value: str) -> str:
    """The value as one alternative of a search: a comma is a comma."""
    return "\\,".join(escapes.split(value, ","))


def _named(value: str, at: int) -> str:
    """The value with the system at its part `at` written out."""
    parts = escapes.split(value, "|")
    if len(parts) > at + 1:
        parts[at] = SYSTEMS.get(parts[at], parts[at])
    return "|".join(parts)


def _string(context: Context, parameter: Parameter, test: Test, leaf: Leaf) -> Node:
    literal = escapes.literal(test.value)
    match test.operator:
        case "sw":
            return leaf(context, parameter.code, literal)
        case "co":
            return leaf(context, f"{parameter.code}:contains", literal)
    normal = text.normalise(test.value)
    if not normal:
        raise BadRequest(
            f"'{test.value}' has no letter or digit to compare with: ask for it with '{parameter.called}:exact'.",
            expression=context.given,
        )
    if test.operator not in ("eq", "ew") and len(normal) >= text.TERM:
        raise BadRequest(
            f"'{test.operator}' compares with at most {text.TERM - 1} characters, '{test.value[:20]}…' is longer.",
            expression=context.given,
        )
    found: filtered.Test
    match test.operator:
        case "eq":
            found = filtered.Whole(normal)
        case "ew":
            found = filtered.Ends(normal)
        case "gt" | "lt" | "ge" | "le" as order:
            found = filtered.Ordered(order, normal)
        case _:
            found = filtered.OtherString(normal)
    return Param(context.type, parameter.code, found)


def _token(context: Context, parameter: Parameter, test: Test, leaf: Leaf) -> Node:
    modifier = _SUBSUMED.get(test.operator)
    if modifier is not None:
        value = test.value if modifier in ("in", "not-in") else _named(test.value, 0)
        return leaf(context, f"{parameter.code}:{modifier}", _plain(value))
    written = _plain(_named(test.value, 0))
    values = _cased(parameter, written)
    if test.operator == "eq" or parameter.code == "_id":
        found = [leaf(context, parameter.code, value) for value in values]
        either = found[0] if len(found) == 1 else Or(tuple(found))
        return either if test.operator == "eq" else Not(either)
    wanted = token.parse(parameter, None, written if written in values else values[0], context.given)
    assert isinstance(wanted, token.Token)
    return Param(context.type, parameter.code, filtered.OtherToken(wanted, parameter.bare))


def _cased(parameter: Parameter, value: str) -> list[str]:
    """The value, and what it is in the case of the codes that the parameter may have: values have no case in a filter.

    Of a parameter whose codes are those of no value set, case counts, as it does in every search by it.
    """
    *system, code = escapes.split(value, "|")
    if parameter.fold:
        return [value]
    known = {"true", "false"} if "boolean" in parameter.types else set[str]()
    for branch in parameter.branches:
        known |= registry.codes(parameter.release, branch.valueset) or set() if branch.valueset else set()
    alike = sorted(each for each in known if each.casefold() == code.casefold())
    return ["|".join((*system, each)) for each in alike or [code]]


def _date(context: Context, parameter: Parameter, test: Test, leaf: Leaf) -> Node:
    value = _plain(test.value)
    if test.operator not in ("co", "po"):
        return leaf(context, parameter.code, test.operator + value)
    if test.value[:2] in ranges.PREFIXES:
        raise BadRequest(f"'{test.value}' is no date: the operator stands before it.", expression=context.given)
    when = date.parse(parameter, None, value, context.given)
    if parameter.code == "_lastUpdated":
        if test.operator == "co":
            _refuse(context, parameter, test)
        return leaf(context, parameter.code, value)
    if test.operator == "co":
        return Param(context.type, parameter.code, filtered.Holds(when.low, when.high, when.wide))
    # Two spans overlap when one is approximately the other, without anything added to it.
    return Param(context.type, parameter.code, date.When("ap", when.low, when.high, when.wide))
