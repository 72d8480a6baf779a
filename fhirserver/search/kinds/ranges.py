"""Conditions on ranges, which dates, numbers and quantities share.

Every range is an element {k, lo, hi} of x, with k the parameter's code, in the order of beginnings; where a range of
the parameter may be wide there is {k: "code>", lo: <its end>} too, in the order of ends. So one index on (x.k, x.lo)
serves every comparison. https://hl7.org/fhir/R5/search.html#prefix
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from fhirserver.errors import BadRequest
from fhirserver.search.kinds.terms import Filter, Span

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
PREFIXES: Mapping[str, Prefix] = {prefix: prefix for prefix in get_args(Prefix)}
ENDS = ">"
"""What follows a parameter's code in the elements that hold ends."""


def prefixed(value: str, given: str) -> tuple[Prefix, str]:
    """The comparison and the rest of a value: 'ge2014' → ('ge', '2014'). No prefix is 'eq'."""
    head = value[:2]
    if head in PREFIXES:
        return PREFIXES[head], value[2:]
    if head.isalpha():
        raise BadRequest(f"'{head}' in '{value}' is no prefix: use one of {', '.join(PREFIXES)}.", expression=given)
    return "eq", value


def element(code: str, condition: Filter, extra: Filter | None = None) -> Filter:
    """Documents with a range of the parameter for which the condition holds."""
    return {"x": {"$elemMatch": {"k": code, **condition, **(extra or {})}}}


def either(*found: Filter) -> Filter:
    """Documents for which one of several conditions holds."""
    return found[0] if len(found) == 1 else {"$or": list(found)}


def present(code: str) -> Filter:
    """Documents that have any range of the parameter."""
    return {"x.k": code}


def present_below(code: str) -> Filter:
    """Documents that have any range of a composite, whatever its terms."""
    return {"x": {"$elemMatch": {"k": {"$gte": f"{code}|", "$lt": f"{code}}}"}}}}


def between(code: str, low: Any = None, high: Any = None, *, after: bool = False, upto: bool = False) -> Span:
    """The elements of a parameter from `low` (`after` it) to `high` (`upto`: it too); None is without end."""
    return Span("x", code, low, high, after, upto)
