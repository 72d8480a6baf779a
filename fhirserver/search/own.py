"""The server's own parameters as they are asked for: ages with their units, and studies by what is said elsewhere.

docs/research-search.md tells what each finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from decimal import Decimal

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.resources import group
from fhirserver.resources.registry import Release
from fhirserver.search import escapes, numbers
from fhirserver.search.ast import Missing, Node, Not, Param
from fhirserver.search.context import Context, linked
from fhirserver.search.kinds import date, number, token
from fhirserver.search.kinds.number import Number
from fhirserver.search.named import named
from fhirserver.search.parameters import Parameter

Leaf = Callable[[Context, str, str], Node]
"""What reads a criterion: context, name with its modifier, value."""

_FLAGS = ("true", "false")
_OF_SITES = frozenset({"recruiting", "near"})
"""What is true of a site as well as of its study."""
_PART_OF: Mapping[Release, str] = {"R5": "part-of", "R4": "partof"}


def read(context: Context, parameter: Parameter, modifier: str | None, value: str, leaf: Leaf) -> Node | None:
    """The tree of a criterion that is no comparison of values; None for one that is read like any other."""
    own = parameter.definition.own
    if own is None:
        return None
    if own.chain is not None:
        return _chained(context, parameter, own.chain, modifier, value, leaf)
    if parameter.code == "recruiting" and modifier is None:
        if value not in _FLAGS:
            raise BadRequest(f"'recruiting' is true or false, not '{value}'.", expression=context.given)
        now = Param(context.type, parameter.code, _now())
        return now if value == "true" else Not(now)
    return None


def whole(release: Release, type_: str, names: Iterable[str]) -> Node | None:
    """What keeps sites out: a recruiter looks for studies, unless the search says what they are to be part of.

    A site that recruits is a ResearchStudy too, and its study is found already. `names` are those of all criteria.
    """
    codes = {re.split("[:.]", name, maxsplit=1)[0] for name in names}
    part = _PART_OF[release]
    if type_ != "ResearchStudy" or part in codes or codes.isdisjoint(_OF_SITES):
        return None
    # Nearly all are part of nothing: what is said the other way round is no way into the index.
    return Not(Missing(type_, named(release, type_)[part].code, "reference", False))


def _chained(
    context: Context, parameter: Parameter, chain: tuple[str, str, str], modifier: str | None, value: str, leaf: Leaf
) -> Node:
    """A search for what another resource says."""
    link, target, code = chain
    token_ = parameter.definition.kind == "token"

    def asked(name: str, given: str) -> Node:
        return linked(context, link, target, lambda inner: leaf(inner, name, given), name)

    match modifier:
        case None:
            return asked(code, value)
        case "missing" if value in _FLAGS:
            there = asked(f"{code}:missing", "false")
            return Not(there) if value == "true" else there
        case "not" if token_:
            return Not(asked(code, value))
    takes = f":missing with true or false{' and :not' if token_ else ''}"
    raise BadRequest(
        f"'{parameter.called}:{modifier}={value}' has no meaning here: '{parameter.called}' takes {takes}.",
        expression=context.given,
    )


def _now() -> date.When:
    at = fhirjson.now()
    return date.When("ap", at, at + timedelta(milliseconds=1))


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Number | token.Test:
    """The test of one value of a parameter whose values the server works out."""
    if parameter.code == "admits-age":
        return _age(value, given)
    if modifier is None:
        known = _FLAGS if parameter.types == {"boolean"} else group.SEXES
        if escapes.split(value, "|")[-1].casefold() not in known:
            raise BadRequest(f"'{value}' is no value of '{given}': use one of {', '.join(known)}.", expression=given)
    return token.parse(parameter, modifier, value, given)


def _age(value: str, given: str) -> Number:
    """42, or with its unit 18|http://unitsofmeasure.org|mo or 18||mo; without a prefix whatever holds that age."""
    parts = [escapes.plain(part, given) for part in escapes.split(value, "|")]
    units = ", ".join(group.MINUTES)
    if len(parts) not in (1, 3):
        raise BadRequest(f"'{value}' is no age: write 42, 18|{group.UCUM}|mo or 18||mo.", expression=given)
    code = parts[2] if len(parts) == 3 else "a"
    if code not in group.MINUTES or (len(parts) == 3 and parts[1] not in ("", group.UCUM)):
        raise BadRequest(f"'{value}' is in no unit of age: use one of UCUM's {units}.", expression=given)
    read = number.read(parts[0], given, True)
    if read.value < 0:
        raise BadRequest(f"'{value}' is no age: it is below 0.", expression=given)
    factor = Decimal(group.MINUTES[code])
    exact, low, high = (numbers.bounded(each * factor) for each in (read.value, read.low, read.high))
    if read.prefix == "eq":
        # Not as precise as its digits: 42 is an age that is admitted or not, and no span of ages.
        return Number("ap", exact, exact, exact)
    return Number(read.prefix, exact, low, high)
