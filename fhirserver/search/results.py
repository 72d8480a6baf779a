"""Parameters that shape a result instead of selecting it: _count, _sort, _total, _include, _summary …

https://hl7.org/fhir/R5/search.html#modifyingresults
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fhirserver.errors import BadRequest, NotSupported
from fhirserver.resources import registry
from fhirserver.resources.registry import Release
from fhirserver.search.context import Unknown, ready
from fhirserver.search.parameters import parameters

Total = Literal["none", "estimate", "accurate"]
Summary = Literal["count", "true", "text", "data", "false"]

NAMES = frozenset({"_count", "_sort", "_total", "_include", "_revinclude", "_summary", "_elements"})
PASSING = frozenset({"_format", "_pretty"})
_SORTABLE = ("token", "string", "date", "number", "quantity", "reference", "uri")
_UNSORTED = frozenset({"_tag", "_security", "_profile", "_source", "_language", "_in"})


@dataclass(frozen=True, slots=True)
class Include:
    """_include or _revinclude: what `source`'s parameter `code` refers to ('*': all of them), in `target` if named."""

    source: str
    code: str
    target: str | None = None
    iterate: bool = False


def count(value: str) -> int:
    """_count."""
    if not value.isascii() or not value.isdigit() or len(value) > 9:
        raise BadRequest(f"'_count' is a whole number from 0 on, not '{value}'.", expression="_count")
    return int(value)


def total(value: str) -> Total:
    """_total."""
    match value:
        case "none" | "estimate" | "accurate":
            return value
    raise BadRequest(f"'_total' is none, estimate or accurate, not '{value}'.", expression="_total")


def summary(value: str) -> Summary:
    """_summary."""
    match value:
        case "count" | "true" | "text" | "data" | "false":
            return value
    raise BadRequest(f"'_summary' is count, true, text, data or false, not '{value}'.", expression="_summary")


def sort(release: Release, type_: str, value: str) -> tuple[tuple[str, bool], ...]:
    """_sort: (parameter, descending) of each key."""
    found: list[tuple[str, bool]] = []
    for each in value.split(","):
        code = each.removeprefix("-")
        parameter = parameters(release, type_).get(code)
        if parameter is None:
            raise Unknown(f"{type_} has no search parameter '{code}' to sort by.", expression="_sort")
        ready(release, type_, code, "_sort")
        if parameter.kind not in _SORTABLE or code in _UNSORTED or (type_, code) == ("Group", "member"):
            raise NotSupported(
                f"'{code}', a parameter of kind {parameter.kind}, cannot be sorted by.", expression="_sort"
            )
        if parameter.union:
            parts = " or ".join(f"'{part}'" for part in parameter.union)
            raise NotSupported(f"'{code}' cannot be sorted by: sort by {parts}.", expression="_sort")
        if code not in [known for known, _ in found]:
            found.append((code, each.startswith("-")))
    if len(found) > 5:
        raise BadRequest("'_sort' takes at most 5 parameters.", expression="_sort")
    return tuple(found)


def include(release: Release, type_: str, name: str, modifier: str, value: str) -> Include:
    """_include=Type:parameter[:Target] of a search on `type_`, or _revinclude."""
    given = f"{name}:{modifier}" if modifier else name
    if modifier not in ("", "iterate", "recurse"):
        raise BadRequest(f"':{modifier}' does not go with '{name}': it takes ':iterate'.", expression=given)
    iterate = bool(modifier)
    types = registry.resource_types(release)
    if value == "*":
        if name == "_revinclude":
            raise NotSupported(
                "'_revinclude=*' would read every type: name one, as in Observation:*.", expression=given
            )
        return Include(type_, "*", None, iterate)
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    if source not in types or not code or (target and target not in types):
        raise BadRequest(
            f"'{name}' is written Type:parameter or Type:parameter:Target, not '{value}'.", expression=given
        )
    if name == "_include" and source != type_ and not iterate:
        raise BadRequest(
            f"'{value}' begins at {source}, but the search is for {type_}: begin there, or add ':iterate'.",
            expression=given,
        )
    if code != "*":
        parameter = parameters(release, source).get(code)
        if parameter is None:
            raise Unknown(f"{source} has no search parameter '{code}' to include.", expression=given)
        ready(release, source, code, given)
        if parameter.kind != "reference" or code == "_in":
            raise BadRequest(f"'{code}' of {source} is no reference, so it includes nothing.", expression=given)
    return Include(source, code, target or None, iterate)
