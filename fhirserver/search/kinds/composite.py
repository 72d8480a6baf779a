"""Composites: values that must hold together in one item (a code and its quantity in one Observation.component).

Parts that compare by equality are joined into one posting, code|a$b. A part that is a range makes an element of x
instead, whose k is code|a$b, and code|a$b$g.m-3 for a quantity in base units; a second range stands in the element, as
b. More than two ranges, or a string beside one, is refused.
https://hl7.org/fhir/R5/search.html#composite
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import islice, product
from typing import Any

from fhirserver.errors import BadRequest, NotSupported
from fhirserver.search import escapes, paths, text
from fhirserver.search.kinds import (
    date,
    number,
    quantity,
    ranges,
    reference,
    simple,
    string,
    terms,
    token,
    token_index,
    uri,
)
from fhirserver.search.kinds.terms import Filter, Span
from fhirserver.search.parameters import Parameter
from fhirserver.search.paths import Key
from fhirserver.search.sink import Indexer, Sink, bounded

MODIFIERS = ()
MOST = 64
"""Combinations of one item that are indexed."""

RANGED = ("date", "number", "quantity")
Part = simple.Test

_Elements = Callable[[str], list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Composite:
    """One test a part, in the order of the parameter's components."""

    parts: tuple[Part, ...]


Test = Composite


def parts(parameter: Parameter) -> tuple[Parameter, ...]:
    """The components, each with what all branches say of it."""
    return tuple(
        replace(column[0], branches=tuple(b for each in column for b in each.branches))
        for column in zip(*parameter.components, strict=True)
    )


def _order(components: Sequence[Parameter]) -> list[int] | None:
    """The places of the parts that become terms, a string last; None for a composite that is not supported."""
    ranged = [n for n, c in enumerate(components) if c.kind in RANGED]
    strings = [n for n, c in enumerate(components) if c.kind == "string"]
    if len(ranged) > 2 or len(strings) > 1 or (ranged and strings):
        return None
    if len(ranged) == 2 and any(components[n].kind == "date" for n in ranged):
        return None
    if any(c.kind in ("composite", "special") for c in components):
        return None
    return [n for n in range(len(components)) if n not in (*ranged, *strings)] + strings


def supported(parameter: Parameter) -> bool:
    """Whether a composite can be searched by: some have parts that no index holds together."""
    return _order(parts(parameter)) is not None


def parse(parameter: Parameter, modifier: str | None, value: str, given: str, bases: Sequence[str] = ()) -> Test:
    """The test of one value: the parts' values joined by '$'."""
    components = parts(parameter)
    if not supported(parameter):
        raise NotSupported(
            f"The composite '{parameter.called}' is not supported: search by its parts.", expression=given
        )
    values = escapes.split(value, "$")
    if len(values) != len(components) or not all(values):
        raise BadRequest(
            f"'{parameter.called}' takes {len(components)} values joined by '$'; '{value}' has {len(values)}.",
            expression=given,
        )
    return Composite(tuple(_part(c, v, given, bases) for c, v in zip(components, values, strict=True)))


def _part(component: Parameter, value: str, given: str, bases: Sequence[str]) -> Part:
    match component.kind:
        case "token":
            found = token.parse(component, None, value, given)
            if isinstance(found, token.Token) and not found.code:
                raise NotSupported(f"'{value}' names a system alone: give its code too.", expression=given)
            return found
        case "reference":
            return reference.parse(component, None, value, given, bases)
        case "string":
            return string.parse(component, None, value, given)
        case "uri":
            return uri.parse(component, None, value, given)
        case "date":
            return date.parse(component, None, value, given)
        case "number":
            return number.parse(component, None, value, given)
        case _:
            return quantity.parse(component, None, value, given)


# -- index -----------------------------------------------------------------------------------------------------------

_SUFFIXES = {
    "token": token_index.suffixes,
    "reference": reference.suffixes,
    "string": string.suffixes,
    "uri": uri.suffixes,
}


def indexer(parameter: Parameter) -> Indexer | None:
    """What indexes the whole resource; None for a composite that is not supported."""
    if not parameter.components:
        return None
    merged = parts(parameter)
    order = _order(merged)
    if order is None:
        return None
    code = parameter.code
    ranged = [n for n, c in enumerate(merged) if c.kind in RANGED]
    rows = tuple(
        (
            branch,
            next((step.name for step in branch.steps[:1] if isinstance(step, Key)), None),
            [row[n] for n in ranged],
            [(row[n], partial(_SUFFIXES[merged[n].kind], merged[n])) for n in order],
            [names for component in row if (names := _begins(component))],
        )
        for branch, row in zip(parameter.branches, parameter.components, strict=True)
    )

    def index(_: Any, sink: Sink) -> None:
        root = sink.root
        for branch, head, measured, equal, needed in rows:
            if head is not None and head not in root:
                continue
            for item in paths.select(branch, root, root) if branch.steps else (root,):
                # Most resources that have one part of a composite have another type of the other.
                if type(item) is dict and any(names.isdisjoint(item) for names in needed):
                    continue
                ranged_as = _ranged(measured, item, root)
                if measured and not ranged_as:
                    continue
                alternatives = []
                for component, make in equal:
                    found = [s for t, v in _values(component, item, root) for s in make(t, v)]
                    if not found:
                        break
                    alternatives.append(found)
                else:
                    joined = [terms.join(each) for each in islice(product(*alternatives), MOST)]
                    if not measured:
                        sink.t.extend(f"{code}|{each}" for each in joined)
                    for elements in ranged_as:
                        for each in joined:
                            sink.x += elements(bounded(f"{code}|{each}"))

    return index


def _begins(component: Parameter) -> frozenset[str]:
    """The properties of which an item needs one to have any value of a component; none when that cannot be told."""
    first = [branch.steps[:1] for branch in component.branches]
    names = frozenset(step.name for steps in first for step in steps if isinstance(step, Key))
    return names if all(steps and isinstance(steps[0], Key) for steps in first) else frozenset()


def _values(component: Parameter, item: Any, root: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(b.type, value) for b in component.branches for value in paths.select(b, item, root)]


def _ranged(components: Sequence[Parameter], item: Any, root: dict[str, Any]) -> list[_Elements]:
    """What makes the elements of x under a key, for each range of the first component and each of the second."""
    if len(components) < 2:
        return [make for component in components for make in _made(component, item, root, None)]
    first, second = components
    return [make for beside in _beside(second, item, root) for make in _made(first, item, root, {"b": beside})]


def _made(component: Parameter, item: Any, root: dict[str, Any], more: dict[str, Any] | None) -> list[_Elements]:
    found: list[_Elements] = []
    for type_, value in _values(component, item, root):
        if component.kind == "quantity":
            it = quantity.measure(type_, value)
            if it:
                found.append(partial(quantity.elements, it=it, coded=quantity.exact(it), sign="$", more=more))
        elif component.kind == "date":
            span = date.span(type_, value)
            if span:
                found.append(partial(_dated, wide=component.wide, low=span[0], high=span[1]))
        else:
            closed = number.span(type_, value)
            if closed:
                found.append(partial(number.elements, low=closed[0], high=closed[1], more=more))
    return found


def _beside(component: Parameter, item: Any, root: dict[str, Any]) -> list[dict[str, Any]]:
    """The ranges of a second component, each as it lies in an element of the first: as written, and in base units."""
    found: list[dict[str, Any]] = []
    for type_, value in _values(component, item, root):
        if component.kind == "quantity":
            it = quantity.measure(type_, value)
            if it:
                coded = quantity.exact(it)
                exact = {"n": coded.name, "nlo": coded.low, "nhi": coded.high} if coded else {}
                found.append({"lo": it.low, "hi": it.high, "u": quantity.units(it), **exact})
        else:
            closed = number.span(type_, value)
            if closed:
                found.append({"lo": closed[0], "hi": closed[1]})
    return found


def _dated(code: str, *, wide: bool, low: datetime, high: datetime) -> list[dict[str, Any]]:
    return date.elements(code, f"{code}{ranges.ENDS}" if wide else None, low, high)


# -- query -----------------------------------------------------------------------------------------------------------


def _suffixes(test: Part) -> list[str]:
    match test:
        case token.Token():
            return [token.suffix(test)]
        case reference.Ref() | reference.RefIn():
            return list(test.forms)
        case uri.Uri(uris):
            return list(uris)
    return []


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    others = [part for part in test.parts if not _suffixes(part)]
    found: list[Filter] = []
    for each in _joined(test):
        if not others:
            found.append(terms.term(code, each))
            continue
        beside = _within(others[1]) if len(others) > 1 else None
        found.append(_last(code, each, others[0], beside))
    return ranges.either(*found)


def _within(part: Part) -> Filter:
    """The condition on the second range, in the element of the first."""
    match part:
        case number.Number():
            return {"$and": [number.conditions(part, "b.lo", "b.hi")]}
        case quantity.Quantity(compared, _, unit, _) if not (unit and part.system):
            named = {"b.u": unit} if unit else {}
            return {"$and": [{**number.conditions(compared, "b.lo", "b.hi"), **named}]}
        case quantity.Quantity(compared):
            return {"$and": [number.conditions(compared, "b.nlo", "b.nhi"), {"b.n": quantity.name(part)}]}
    raise TypeError(f"{part} cannot be the second range of a composite")


def spans(code: str, test: Test) -> tuple[Span, ...] | None:
    """The parts of the index that hold all that a test may find."""
    kinds = date.When | number.Number | quantity.Quantity
    ranged = next((part for part in test.parts if isinstance(part, kinds)), None)
    if ranged is None:
        return terms.spans(to_mongo(code, test))
    keys = [bounded(f"{code}|{each}") for each in _joined(test)]
    match ranged:
        case date.When():
            return tuple(span for key in keys for span in date.spans(key, ranged))
        case number.Number():
            return tuple(span for key in keys for span in number.spans(key, ranged))
        case quantity.Quantity():
            return tuple(span for key in keys for span in quantity.spans(key, ranged, "$"))


def _joined(test: Test) -> list[str]:
    """The parts that are terms, each combination as one."""
    equal = [ends for part in test.parts if (ends := _suffixes(part))]
    return [terms.join(each) for each in product(*equal)]


def _last(code: str, joined: str, part: Part, beside: Filter | None) -> Filter:
    key = bounded(f"{code}|{joined}")
    match part:
        case string.Starts(start):
            return terms.beginning(code, joined + "$" + terms.join([start[: text.TERM]]))
        case date.When():
            return date.to_mongo(key, part)
        case number.Number():
            return number.to_mongo(key, part, beside)
        case quantity.Quantity():
            return quantity.to_mongo(key, part, beside, "$")
    raise TypeError(f"{part} cannot be a part of a composite")


# -- match -----------------------------------------------------------------------------------------------------------


def matches(parameter: Parameter, test: Test, resource: dict[str, Any]) -> bool:
    """Whether one item of a resource satisfies all parts."""
    return any(
        all(
            any(simple.matches(part, type_, value) for type_, value in _values(component, item, resource))
            for part, component in zip(test.parts, components, strict=True)
        )
        for branch, components in zip(parameter.branches, parameter.components, strict=True)
        for item in paths.select(branch, resource, resource)
    )


def findable(parameter: Parameter, resource: dict[str, Any]) -> bool:
    """Whether a resource has anything that the parameter can find."""
    index, sink = indexer(parameter), Sink(resource)
    if index:
        index(resource, sink)
    return bool(sink.t or sink.x)
