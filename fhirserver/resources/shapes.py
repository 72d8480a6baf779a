"""One check for each structure, compiled from the tables when it is first met: elements, cardinality, choices, types.

https://hl7.org/fhir/R5/json.html. The check walks the decoded JSON once and is linear in its size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Literal

from fhirserver.resources.bindings import binding
from fhirserver.resources.fhirpath.environment import Place
from fhirserver.resources.findings import LIMIT, Check, DeepCheck, Finding, Findings, one, shown
from fhirserver.resources.invariants.rules import judged, rules, rules_of_element
from fhirserver.resources.narrative import xhtml
from fhirserver.resources.primitives import primitive
from fhirserver.resources.reference_targets import codeable_reference, reference
from fhirserver.resources.registry import Element, Release, Structure, is_primitive, resource_types, structure
from fhirserver.resources.shape_parts import array, choice, extension, lone, settle
from fhirserver.resources.unknown_elements import unknown

Depth = Literal["structure", "strict", "warnings"]
"""How much is checked: the shape alone; codes, references and invariants too; what invariants only warn of as well."""


@cache
def resource_check(release: Release, depth: Depth) -> DeepCheck:
    """The check of a resource of any type: what stands in Bundle entries and in Parameters, or by itself."""
    inner = _resource_check(release, depth)

    def check(value: Any, place: Place) -> Findings | None:
        return inner(value, Place(value, value, place.host))

    return check


@cache
def _resource_check(release: Release, depth: Depth) -> DeepCheck:
    types = resource_types(release)

    def check(value: Any, place: Place) -> Findings | None:
        if type(value) is not dict:
            return one("structure", f"A resource is a JSON object, not {shown(value)}.")
        kind = value.get("resourceType")
        if type(kind) is not str:
            return one("structure", "The resource has no 'resourceType': name its type.", ".resourceType")
        if kind not in types:
            return one("structure", f"There is no resource type {shown(kind)} in {release}.", ".resourceType")
        return shape(release, kind, depth)(value, place)

    return check


def _contained(release: Release, depth: Depth) -> DeepCheck:
    inner = _resource_check(release, depth)

    def check(value: Any, place: Place) -> Findings | None:
        if type(value) is dict and "contained" in value:
            return one("invalid", "A contained resource contains no others: move them up to the root.", ".contained")
        return inner(value, Place(value, place.root, place.host))

    return check


@cache
def shape(release: Release, name: str, depth: Depth) -> DeepCheck:
    """The check of one structure by its name ('Patient', 'HumanName', 'Patient.contact')."""
    found = structure(release, name)
    if found is None:
        raise LookupError(f"no structure {name} in {release}")
    checks = _Checks(release, found, depth)
    alone = checks.alone
    required = tuple(e.name for e in found.elements.values() if e.min and not e.choice)
    choices = tuple(
        (head, names, any(found.elements[n].min for n in names), frozenset(names).union(f"_{n}" for n in names))
        for head, names in found.choices.items()
    )
    is_extension = name == "Extension"
    # A resource may have its id alone, and so may the sibling of a primitive that has a value.
    lone_id = found.kind == "resource" or name == "Element"
    judge = judged(release, name, rules(release, name, warnings=depth == "warnings")) if depth != "structure" else None

    def check(value: Any, place: Place) -> Findings | None:
        if type(value) is not dict:
            return one("structure", f"Here goes a JSON object ({name}), not {shown(value)}.")
        if not value or (len(value) == 1 and "id" in value and not lone_id):
            return one("structure", "An object is never empty: give it content or leave the element out.")
        findings: Findings | None = None
        for key, item in value.items():
            single = alone.get(key)
            if single is not None:
                bad = single(item)
            elif (checked := checks[key]) is not None:
                bad = checked(item, place)
            else:
                bad = [Finding(f".{key[:64]}", "structure", unknown(release, name, key))]
            if bad is not None:
                bad = checks.told(key, item, bad)
                findings = findings or []
                findings += bad
                if len(findings) > LIMIT:
                    return settle(value, findings[: LIMIT + 1])
        for key in required:
            if key not in value and f"_{key}" not in value:
                findings = findings or []
                findings.append(Finding(f".{key}", "required", f"{name}.{key} is required: add it."))
        for head, names, needed, properties in choices:
            # One property of a choice is right, and of two one may be the sibling of the other.
            if (number := len(properties.intersection(value))) > 1 or (needed and not number):
                bad = choice(value, name, head, names, needed)
                if bad is not None:
                    findings = (findings or []) + bad
        if is_extension:
            bad = extension(value)
            if bad is not None:
                findings = (findings or []) + bad
        if findings:
            findings = settle(value, findings)
        if judge is None or (findings and not _sound(findings)):
            return findings
        broken = judge(value, place)
        return findings + broken if findings and broken else findings or broken

    return check


def _sound(findings: Findings) -> bool:
    """Whether all is there and of the right shape, so that invariants can be asked."""
    return all(found.code in ("invariant", "code-invalid") for found in findings)


class _Checks(dict[str, DeepCheck | None]):
    """The check of each property, compiled when the property is first met: types refer to each other in circles.

    Those of single values by themselves are in `alone`. What the check of an element that is not repeated finds,
    `told` puts in its place.
    """

    def __init__(self, release: Release, found: Structure, depth: Depth) -> None:
        super().__init__()
        # Whoever asked for the shape of a resource took its name from here.
        self.alone: dict[str, Check] = {"resourceType": _nothing} if found.kind == "resource" else {}
        self._release, self._found, self._depth = release, found, depth
        self._lone: dict[str, tuple[Element, str]] = {}

    def __missing__(self, key: str) -> DeepCheck | None:
        element = self._found.elements.get(key.removeprefix("_"))
        if element is None:
            return None  # not remembered: a client may think up any number of names
        simple = is_primitive(self._release, element.type)
        sibling = key != element.name
        # An id has no extensions, https://hl7.org/fhir/R5/element.html#id.
        if sibling and (not simple or element.name == "id"):
            return None
        step = f".{element.choice}.ofType({element.type})" if element.choice else f".{element.name}"
        if sibling:
            made = shape(self._release, "Element", self._depth)
        else:
            parts, deep = _single(self._release, self._found.name, element, self._depth)
            if not deep and not element.many:
                self.alone[key] = parts[0] if len(parts) == 1 else _all(parts)
            made = _all_deep(parts, deep)
        if element.many:
            made = array(element, step, made, pair=simple, sibling=sibling)
        else:
            self._lone[key] = (element, step)
        self[key] = made
        return made

    def told(self, key: str, item: Any, findings: Findings) -> Findings:
        """The findings of a property, seen from the object that has it."""
        return lone(*self._lone[key], item, findings) if key in self._lone else findings


def _nothing(_value: Any) -> None:
    return None


def _single(release: Release, owner: str, element: Element, depth: Depth) -> tuple[list[Check], list[DeepCheck]]:
    """The checks of one value of an element: its type, then its binding or targets, then its own invariants."""
    kind = element.type
    if element.name == "id":
        # The published types disagree: a resource has an id; an element's is any string, and real ones hold brackets.
        kind = "id" if _is_resource(release, owner) else "string"
    parts: list[Check] = []
    deep: list[DeepCheck] = []
    if kind == "xhtml":
        parts.append(xhtml)
    elif is_primitive(release, kind):
        parts.append(primitive(kind))
    elif kind == "Resource":
        deep.append(_contained(release, depth) if element.name == "contained" else resource_check(release, depth))
    else:
        deep.append(shape(release, kind, depth))
    if depth == "structure":
        return parts, deep
    if element.valueset:
        bound = binding(release, kind, element.valueset)
        if bound is not None:
            parts.append(bound)
    if kind == "Reference":
        parts.append(reference(release, element.targets))
    elif kind == "CodeableReference" and element.targets:
        parts.append(codeable_reference(release, element.targets))
    path = f"{owner}.{element.choice}[x]" if element.choice else f"{owner}.{element.name}"
    own = judged(release, kind, rules_of_element(release, path, kind, warnings=depth == "warnings"))
    if own is not None:
        deep.append(own)
    return parts, deep


def _is_resource(release: Release, name: str) -> bool:
    found = structure(release, name)
    return found is not None and found.kind == "resource"


def _all(parts: Sequence[Check]) -> Check:
    """The first that finds something speaks."""
    first, second = parts[0], parts[1] if len(parts) == 2 else _all(parts[1:])

    def check(value: Any) -> Findings | None:
        return first(value) or second(value)

    return check


def _all_deep(parts: Sequence[Check], deep: Sequence[DeepCheck]) -> DeepCheck:
    """The same; the shape of an object comes before what is said of it as a whole."""
    if not deep:
        alone = parts[0] if len(parts) == 1 else _all(parts)
        return lambda value, place: alone(value)
    head, *tail = deep
    if not tail and not parts:
        return head
    rest = _all_deep(parts, tail)
    return lambda value, place: head(value, place) or rest(value, place)
