"""Parameters that shape a result instead of selecting it: _count, _sort, _total, _include, _summary …

https://hl7.org/fhir/R5/search.html#modifyingresults
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from fhirserver.errors import BadRequest, NotSupported
from fhirserver.resources import registry
from fhirserver.resources.registry import Release
from fhirserver.search.context import Unknown, ready
from fhirserver.search.named import named

Total = Literal["none", "estimate", "accurate"]
Summary = Literal["count", "true", "text", "data", "false"]

SCORE = "_score"
"""What a sort by relevance is called."""

ONCE = frozenset({"_count", "_sort", "_total", "_summary", SCORE, "_contained", "_containedType"})
"""What a search can say only once; of two that differ neither could be meant."""
NAMES = ONCE | {"_include", "_revinclude", "_elements"}
PASSING = frozenset({"_format", "_pretty"})
_SORTABLE = ("token", "string", "date", "number", "quantity", "reference", "uri")


EVERY = "*"
"""Every type, and every parameter that refers to something."""


@dataclass(frozen=True, slots=True)
class Include:
    """_include or _revinclude: what `source`'s parameter `code` refers to, in `target` if named; '*' is all of them."""

    source: str
    code: str
    target: str | None = None
    iterate: bool = False

    def of(self, type_: str) -> Include:
        """The same of one type, where it is of every type."""
        return replace(self, source=type_) if self.source == EVERY else self


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
        if code == SCORE:
            found.append((code, each.startswith("-")))
            continue
        parameter = named(release, type_).get(code)
        if parameter is None:
            raise Unknown(f"{type_} has no search parameter '{code}' to sort by.", expression="_sort")
        ready(release, type_, parameter, code, "_sort")
        if parameter.kind not in _SORTABLE or code == "_in" or (type_, code) == ("Group", "member"):
            raise NotSupported(
                f"'{code}', a parameter of kind {parameter.kind}, cannot be sorted by.", expression="_sort"
            )
        if parameter.code not in [known for known, _ in found]:
            found.append((parameter.code, each.startswith("-")))
    if len(found) > 5:
        raise BadRequest("'_sort' takes at most 5 parameters.", expression="_sort")
    return tuple(found)


def score(value: str) -> bool:
    """_score, whether matches of a search for text say how well they fit."""
    if value not in ("true", "false"):
        raise BadRequest(f"'_score' is true or false, not '{value}'.", expression=SCORE)
    return value == "true"


def contained(name: str, value: str) -> None:
    """_contained and _containedType, which this server does not do but for what holds without them."""
    match name, value:
        case ("_contained", "false") | ("_containedType", "container"):
            return
        case ("_contained", "true" | "both") | ("_containedType", "contained"):
            raise NotSupported(
                f"'{name}={value}' is not done: contained resources come with the resource that contains them. Search "
                "for that one, by a chain such as medication.code=… where it refers to what it contains.",
                expression=name,
            )
    allowed = "true, false or both" if name == "_contained" else "container or contained"
    raise BadRequest(f"'{name}' is {allowed}, not '{value}'.", expression=name)


def include(release: Release, sources: Collection[str], name: str, modifier: str, value: str) -> Include:
    """_include=Type:parameter[:Target] of a search that finds these types, or _revinclude."""
    given = f"{name}:{modifier}" if modifier else name
    if modifier not in ("", "iterate", "recurse"):
        raise BadRequest(f"':{modifier}' does not go with '{name}': it takes ':iterate'.", expression=given)
    iterate = bool(modifier)
    types = registry.resource_types(release)
    if value == EVERY:
        return Include(EVERY, EVERY, None, iterate)
    source, _, rest = value.partition(":")
    code, _, target = rest.partition(":")
    if source not in types or not code or (target and target not in types):
        raise BadRequest(
            f"'{name}' is written Type:parameter or Type:parameter:Target, not '{value}'.", expression=given
        )
    if name == "_include" and source not in sources and not iterate:
        raise BadRequest(
            f"'{value}' begins at {source}, but the search is for {_listed(sources)}: begin there, or add ':iterate'.",
            expression=given,
        )
    if code != EVERY:
        parameter = named(release, source).get(code)
        if parameter is None:
            raise Unknown(f"{source} has no search parameter '{code}' to include.", expression=given)
        ready(release, source, parameter, code, given)
        if parameter.kind != "reference" or code == "_in":
            raise BadRequest(f"'{code}' of {source} is no reference, so it includes nothing.", expression=given)
    return Include(source, code, target or None, iterate)


def _listed(types: Collection[str]) -> str:
    return ", ".join(sorted(types)) if len(types) < 6 else "other types"
