"""Conditions on ranges, which dates, numbers and quantities share.

Every range is an element {k, lo, hi} of x: k is the parameter's code, or ~code where the range is wide (longer than a
day; more than one number). A narrow range lets a condition on its end bound its beginning too, so that one index on
(x.k, x.lo, x.hi) serves every comparison. https://hl7.org/fhir/R5/search.html#prefix
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from fhirserver.errors import BadRequest
from fhirserver.search.kinds.terms import Filter

Prefix = Literal["eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
PREFIXES: Mapping[str, Prefix] = {prefix: prefix for prefix in get_args(Prefix)}


def prefixed(value: str, given: str) -> tuple[Prefix, str]:
    """The comparison and the rest of a value: 'ge2014' → ('ge', '2014'). No prefix is 'eq'."""
    head = value[:2]
    if head in PREFIXES:
        return PREFIXES[head], value[2:]
    if head.isalpha():
        raise BadRequest(f"'{head}' in '{value}' is no prefix: use one of {', '.join(PREFIXES)}.", expression=given)
    return "eq", value


def element(code: str, narrow: Filter, wide: Filter | None, extra: Filter | None = None) -> Filter:
    """Documents with a range of the parameter for which the conditions hold; `wide` is None where none can be wide."""
    more = extra or {}
    if wide is None:
        return {"x": {"$elemMatch": {"k": code, **narrow, **more}}}
    if narrow == wide:
        return {"x": {"$elemMatch": {"k": {"$in": [code, f"~{code}"]}, **narrow, **more}}}
    return {
        "$or": [
            {"x": {"$elemMatch": {"k": code, **narrow, **more}}},
            {"x": {"$elemMatch": {"k": f"~{code}", **wide, **more}}},
        ]
    }


def present(code: str) -> Filter:
    """Documents that have any range of the parameter."""
    return {"x.k": {"$in": [code, f"~{code}"]}}


def present_below(code: str) -> Filter:
    """Documents that have any range of a composite, whatever its terms."""
    return {"x": {"$elemMatch": {"$or": [{"k": {"$gte": f"{m}{code}|", "$lt": f"{m}{code}}}"}} for m in ("", "~")]}}}


def entry(code: str, low: Any, high: Any, wide: bool) -> dict[str, Any]:
    """The element of x."""
    return {"k": f"~{code}" if wide else code, "lo": low, "hi": high}
