"""Element paths on plain JSON objects whose type is known: no Nodes, a dictionary look-up a step.

https://hl7.org/fhir/R5/fhirpath.html. An object has passed the structural check: no null, no empty array or object.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhirserver.resources.fhirpath.environment import Place
from fhirserver.resources.fhirpath.nodes import Json, Step, ancestry, steps
from fhirserver.resources.fhirpath.syntax import Call, Dot, Name, Path
from fhirserver.resources.registry import Release, is_primitive, structure

Condition = Callable[[Any, Place], bool | None]
"""What is said of one JSON value at its place; None for 'unknown'."""


@dataclass(frozen=True, slots=True)
class Hop:
    """One element of a path: the properties that may hold it, whether it repeats, and what its items must satisfy."""

    steps: tuple[Step, ...]
    many: bool
    kept: Condition | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """A path of elements below an object; `type` is that of what it leads to, None where it is a choice of several."""

    hops: tuple[Hop, ...]
    type: str | None

    @property
    def names(self) -> frozenset[str]:
        """The properties of the object, any of which is there when the path finds something."""
        first = self.hops[0].steps
        return frozenset(step.key for step in first).union(step.under for step in first if step.under)

    @property
    def lone(self) -> Step | None:
        """The one property that it is, when it is no more than that and not repeated."""
        hop = self.hops[0]
        return hop.steps[0] if len(self.hops) == len(hop.steps) == 1 and not hop.many and not hop.kept else None


def route(release: Release, type_: str, tree: Path | None, filtering: Callable[[str, Path], Condition]) -> Route | None:
    """The route of a path; None of what is no path of elements with known types. `filtering` compiles where()."""
    match tree:
        case Name(name) if name[0] not in "%$":
            return _below(release, (), type_, name)
        case Dot(Name(head), name) if head in ancestry(release, type_):
            return _below(release, (), type_, name)
        case Dot(left, name):
            before = route(release, type_, left, filtering)
            return None if before is None or before.type is None else _below(release, before.hops, before.type, name)
        case Call(left, "where", (criteria,)) if left is not None:
            before = route(release, type_, left, filtering)
            if before is None or before.type is None or is_primitive(release, before.type) or before.hops[-1].kept:
                return None
            last = before.hops[-1]
            kept = Hop(last.steps, last.many, filtering(before.type, criteria))
            return Route((*before.hops[:-1], kept), before.type)
    return None


def _below(release: Release, hops: tuple[Hop, ...], type_: str, name: str) -> Route | None:
    known = structure(release, type_)
    found = steps(release, type_).get(name)
    if known is None or found is None:
        return None
    kinds = {step.type for step in found}
    hop = Hop(found, any(known.elements[step.key].many for step in found))
    # Of a resource within a resource the elements that all have are known; the others are when it is seen.
    return Route((*hops, hop), kinds.pop() if len(kinds) == 1 else None)


def present(of: Route) -> Condition:
    """Whether a path finds anything."""
    last = of.hops[-1]
    if last.kept is not None:
        found = objects(of)
        return lambda value, place: bool(found(value, place))
    here = any_of(Route((last,), None).names)
    if len(of.hops) == 1:
        return here
    holders = objects(Route(of.hops[:-1], None))

    def check(value: Any, place: Place) -> bool:
        return any(here(holder, place) for holder in holders(value, place))

    return check


def any_of(names: frozenset[str]) -> Condition:
    """Whether an object has any of these properties."""
    match sorted(names, reverse=True):  # a sibling begins with '_', which is before all letters
        case [name]:
            return lambda value, place: name in value
        case [name, under]:
            return lambda value, place: name in value or under in value
    return lambda value, place: not names.isdisjoint(value)


def objects(of: Route) -> Callable[[Any, Place], list[Json]]:
    """The JSON objects that a path leads to; of primitives none."""
    hops = [(tuple(step.key for step in hop.steps), hop.kept) for hop in of.hops]

    def find(value: Any, place: Place) -> list[Json]:
        found = [value]
        for keys, kept in hops:
            below: list[Json] = []
            for holder in found:
                for key in keys:
                    item = holder.get(key)
                    if type(item) is list:
                        below += [each for each in item if type(each) is dict]
                    elif type(item) is dict:
                        below.append(item)
            found = below if kept is None else [each for each in below if kept(each, place)]
        return found

    return find


def count(of: Route) -> Callable[[Any, Place], int]:
    """How many items a path finds."""
    last = of.hops[-1]
    if last.kept is not None or not any(step.under for step in last.steps):
        found = objects(of)
        return lambda value, place: len(found(value, place))
    pairs = [(step.key, step.under or step.key) for step in last.steps]
    if len(of.hops) == len(pairs) == 1:
        return lambda value, place: _counted(value, *pairs[0])
    holders = objects(Route(of.hops[:-1], None)) if len(of.hops) > 1 else None

    def total(value: Any, place: Place) -> int:
        return sum(
            _counted(holder, key, under)
            for holder in ([value] if holders is None else holders(value, place))
            for key, under in pairs
        )

    return total


def _counted(holder: Json, key: str, under: str) -> int:
    return max(_length(holder.get(key)), _length(holder.get(under))) if under in holder else _length(holder.get(key))


def _length(item: Any) -> int:
    return len(item) if type(item) is list else 0 if item is None else 1
