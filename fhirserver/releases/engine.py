"""The conversion of each structure between releases, compiled from the tables of both when it is first met.

https://hl7.org/fhir/R5/versions.html. What both releases have stays as it is, the same objects; an object in which
something differs goes through the Differences of its structure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from fhirserver.releases.crossing import Converter, foreign_values
from fhirserver.releases.differences import Differences
from fhirserver.releases.parts import Node, Swapped, Walk
from fhirserver.releases.planning import Plan, plan
from fhirserver.releases.rules import rules
from fhirserver.releases.steps import DIFFERS, checked, differs, each, extensions, settled, unchanged, unlike, untagged
from fhirserver.releases.swaps import swapping
from fhirserver.resources.registry import Release, has_lens, is_primitive, resource_types, structure


def resource(source: Release, target: Release) -> Converter:
    """The conversion of a resource of any type; what has no lens stays as it is."""
    return _resource(source, target)


@cache
def _resource(source: Release, target: Release) -> Converter:
    compiled: dict[str, Converter] = {}

    def convert(value: Any) -> Any:
        if type(value) is not dict:
            return value
        kind = value.get("resourceType")
        if type(kind) is not str:
            return value
        inner = compiled.get(kind)
        if inner is None:
            if not has_lens(kind):
                return value
            inner = compiled[kind] = converter(source, target, kind, kind)
        return inner(value)

    return convert


@cache
def _contained(source: Release, target: Release) -> Converter:
    """The conversion of what is part of another resource: in either release it is of that release."""

    def convert(value: Any) -> Any:
        kind = value.get("resourceType") if type(value) is dict else None
        if (
            type(kind) is not str
            or kind in _CARRIERS
            or not {kind}.issubset(resource_types(source) & resource_types(target))
        ):
            return value
        return converter(source, target, kind, kind)(value)

    return convert


_CARRIERS = frozenset({"Bundle", "Parameters"})


@cache
def converter(source: Release, target: Release, name: str, other: str) -> Converter:
    """The conversion of objects of one structure into another: `name` in `source`, `other` in `target`."""
    if structure(source, name) is None or structure(target, other) is None:
        return unchanged
    compiled: list[Converter] = []

    def first(value: Any) -> Any:
        # Structures hold each other in circles, so each is compiled when the first object comes by.
        if not compiled:
            compiled.append(_compiled(source, target, plan(source, target, name, other)))
        return compiled[0](value)

    return first


@cache
def typed(source: Release, target: Release) -> Callable[[str], Converter]:
    """Type → the conversion of its values."""
    return cache(lambda name: resource(source, target) if name == "Resource" else converter(source, target, name, name))


@cache
def _walk(source: Release, target: Release) -> Walk:
    def walk(name: str, value: Any, other: str | None = None) -> Any:
        return converter(source, target, name, other or name)(value)

    return walk


def _compiled(source: Release, target: Release, made: Plan) -> Converter:
    """The conversion of one structure: a step for each property that may differ, and none for the others."""
    there = typed(source, target)
    inner = dict(_inner(source, target, made))
    found = Differences(source, target, made, inner, there, _walk(source, target), _walk(target, source))
    steps = dict.fromkeys(found.claims, differs) | inner
    for exchange in made.exchanges:
        if exchange.settled:
            name = exchange.source[0]
            steps[name] = settled(exchange.settled, made.name.elements[name], there)
        for name, is_quiet in exchange.quiet.items():
            element = made.name.elements[name]
            plain = unchanged if is_primitive(source, element.type) else there(element.type)
            steps[name] = checked(is_quiet, plain, element.many)
    for name, form in found.unknown.items():
        steps["_" + name] = differs
        steps[name] = unlike(form.get(name), steps.get(name, unchanged))
    carried = extensions(found.prefix, there)
    steps |= {"extension": carried, "modifierExtension": carried}
    if made.name.name == "Extension":
        steps["extension"] = untagged(carried)
        steps |= dict.fromkeys(foreign_values(source, target), differs)
    demanded = frozenset({*made.filled, *(one.source[0] for one in made.exchanges if one.always and one.settled)})
    always = any(element.choice for element in made.filled.values())
    always = always or any(one.always and not one.settled for one in made.exchanges)
    convert = found.convert if always else _stepping(steps, demanded, found.convert)
    for part in rules((made.name if source == "R5" else made.other).name):
        if isinstance(part, Swapped):
            convert = swapping(part, convert)
    return convert


def _stepping(steps: Mapping[str, Converter], demanded: frozenset[str], differing: Converter) -> Converter:
    none_in = frozenset(steps).isdisjoint
    step_of = steps.get

    def convert(node: Any) -> Any:
        if type(node) is not dict:
            return node
        if demanded and not demanded <= node.keys():
            return differing(node)
        if none_in(node):
            return node
        out: Node | None = None
        for key, value in node.items():
            step = step_of(key)
            if step is not None and (new := step(value)) is not value:
                if new is DIFFERS:
                    return differing(node)
                if out is None:
                    out = node.copy()
                out[key] = new
        return node if out is None else out

    return convert


def _inner(source: Release, target: Release, made: Plan) -> Iterator[tuple[str, Converter]]:
    """(property, conversion of its value) of what both releases have."""
    for name, element in made.kept.items():
        if name in ("extension", "modifierExtension"):
            continue
        if is_primitive(source, element.type):
            yield "_" + name, each(typed(source, target)("Element"))
        elif name == "contained":
            yield name, each(_contained(source, target))
        elif element.type == "Resource":
            yield name, each(_resource(source, target))
        else:
            yield name, each(converter(source, target, element.type, made.other.elements[name].type))
