"""Types of an element: which of a choice are allowed, their profiles, and what references may point to.

https://hl7.org/fhir/R5/elementdefinition.html#ElementDefinition.type, https://hl7.org/fhir/R5/references.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from fhirserver.resources.findings import Finding, Findings
from fhirserver.resources.profiles.run import Check, Item, Note, Notes, Run, together
from fhirserver.resources.profiles.snapshot import HL7, Node, Type
from fhirserver.resources.reference_targets import codeable_reference, named_type, reference
from fhirserver.resources.registry import Release, resource_types, structure

_ABSTRACT = frozenset({"Resource", "DomainResource", "CanonicalResource", "MetadataResource"})


class Applied(Protocol):
    """A profile as it is applied to an item."""

    @property
    def type(self) -> str:
        """The type that it is a profile of."""

    def flaws(self, run: Run, item: Item) -> Findings | None:
        """What of the item does not conform."""


Find = Callable[[str], Applied | None]


def base_type(canonical: str) -> str | None:
    """The type whose own definition this is: Patient of …/StructureDefinition/Patient; None for a profile."""
    name = canonical.partition("|")[0]
    return name.removeprefix(HL7) if name.startswith(HL7) else None


def is_a(release: Release, type_: str, ancestor: str) -> bool:
    """Whether a type is another, or a specialisation of it."""
    name: str | None = type_
    while name is not None and name != ancestor:
        found = structure(release, name)
        name = found.base if found else None
    return name is not None


def is_base(release: Release, canonical: str) -> bool:
    """Whether a canonical names a type of the specification, not a profile."""
    name = base_type(canonical)
    return name is not None and (structure(release, name) is not None or name in _ABSTRACT)


def rules(release: Release, node: Node, find: Find, notes: Notes) -> list[Check]:
    """The checks of an element's types, by the type of the item."""
    by_type: dict[str, list[Check]] = {}
    for type_ in node.types:
        made = _of_type(release, node, type_, find, notes)
        if made is not None:
            by_type.setdefault(type_.code, []).append(made)
    if not by_type:
        return []
    each = {code: checks[0] if len(checks) == 1 else either(checks) for code, checks in by_type.items()}
    anything = each.get("Resource")

    def check(run: Run, item: Item) -> Findings | None:
        one = each.get(item.type) or anything
        return one(run, item) if one else None

    return [check]


def _of_type(release: Release, node: Node, type_: Type, find: Find, notes: Notes) -> Check | None:
    checks: list[Check] = []
    if type_.code in ("Reference", "CodeableReference"):
        checks += _references(release, node, type_, find, notes)
    profiles = [each for each in type_.profiles if not is_base(release, each)]
    if profiles and len(profiles) == len(type_.profiles):
        applied = {each: found for each in profiles if (found := find(each)) is not None}
        if len(applied) == len(profiles):
            checks.append(either([found.flaws for found in applied.values()]))
        else:
            missing = ", ".join(f"'{each}'" for each in profiles if each not in applied)
            notes.append(Note(node.path, f"That it conforms to {missing} is not checked: it is not loaded."))
    elif len(type_.profiles) == 1 and (name := base_type(type_.profiles[0])) in resource_types(release):
        checks.append(_resource(release, str(name)))
    return together(checks)


def either(checks: Iterable[Check]) -> Check:
    """Passes what one of the checks passes; else the flaws of the one that finds the fewest."""
    each = tuple(checks)
    if len(each) == 1:
        return each[0]

    def check(run: Run, item: Item) -> Findings | None:
        least: Findings | None = None
        for one in each:
            flaws = one(run, item)
            if not flaws or all(flaw.severity != "error" for flaw in flaws):
                return flaws
            if least is None or len(flaws) < len(least):
                least = flaws
        return least

    return check


def _resource(release: Release, name: str) -> Check:
    def check(_run: Run, item: Item) -> Findings | None:
        kind = item.content.get("resourceType")
        if isinstance(kind, str) and is_a(release, kind, name):
            return None
        return [Finding("", "value", f"A {kind} stands here: the profile allows a {name}.")]

    return check


def _references(release: Release, node: Node, type_: Type, find: Find, notes: Notes) -> list[Check]:
    checks: list[Check] = []
    allowed, profiles = targets(release, type_, find)
    if allowed:
        make = reference if type_.code == "Reference" else codeable_reference
        looked = make(release, allowed)

        def check_type(_run: Run, item: Item) -> Findings | None:
            return looked(item.value)

        checks.append(check_type)
    if profiles:
        listed = ", ".join(f"'{each}'" for each in profiles)
        notes.append(
            Note(node.path, f"That it refers to what conforms to {listed} is checked within the resource only.")
        )
        applied = {each: found for each in profiles if (found := find(each)) is not None}
        if len(profiles) == len(type_.targets) == len(applied):
            checks.append(_target(type_.code, either([found.flaws for found in applied.values()])))
    if type_.aggregation or type_.versioning in ("independent", "specific"):
        checks.append(_form(type_))
    return checks


def targets(release: Release, type_: Type, find: Find) -> tuple[frozenset[str], list[str]]:
    """The resource types that a reference may name (empty for all), and the profiles among its targets."""
    allowed: set[str] = set()
    profiles = []
    open_ = not type_.targets
    for canonical in type_.targets:
        name = base_type(canonical)
        if name is not None and name in resource_types(release):
            allowed.add(name)
        elif name in _ABSTRACT:
            open_ = True
        else:
            profiles.append(canonical)
            found = find(canonical)
            open_ = open_ or found is None
            allowed |= {found.type} if found else set()
    return frozenset() if open_ else frozenset(allowed), profiles


def _said(item: Item) -> str | None:
    """The literal reference of a Reference or CodeableReference."""
    value = item.value
    if item.type == "CodeableReference":
        value = item.content.get("reference")
    text = value.get("reference") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def resolved(run: Run, item: Item) -> Item | None:
    """The resource that a reference names, when it is at hand."""
    found = run.target(_said(item)) if item.type in ("Reference", "CodeableReference") else None
    return None if found is None else Item(found[0], None, str(found[0].get("resourceType")), "")


def referred_type(run: Run, item: Item) -> str | None:
    """The type of resource that a reference names, as far as it says."""
    inner = resolved(run, item)
    if inner is not None:
        return inner.type
    text = _said(item)
    kind = named_type(run.release, text) if text else None
    if kind is None and isinstance(declared := item.content.get("type"), str):
        kind = declared
    return kind


def _target(code: str, conforms: Check) -> Check:
    step = ".reference" if code == "Reference" else ".reference.reference"

    def check(run: Run, item: Item) -> Findings | None:
        inner = resolved(run, item)
        flaws = conforms(run, inner) if inner else None
        if not flaws:
            return None
        said = "; ".join(f"{flaw.path.lstrip('.')} {flaw.sentence}".strip() for flaw in flaws[:3])
        return [Finding(step, "value", f"The resource that is referred to does not conform: {said}")]

    return check


def _form(type_: Type) -> Check:
    """How a reference may be made: to a contained resource, to one elsewhere, to a version."""
    inside = {"contained"} <= type_.aggregation
    outside = not type_.aggregation or bool(type_.aggregation & {"referenced", "bundled"})

    def check(_run: Run, item: Item) -> Findings | None:
        text = _said(item)
        if text is None:
            return None
        if text.startswith("#"):
            if outside and type_.aggregation and not inside:
                return [Finding(".reference", "value", "The profile allows no reference to a contained resource here.")]
            return None
        if not outside:
            return [Finding(".reference", "value", "The profile asks for a reference to a contained resource here.")]
        versioned = "/_history/" in text
        if type_.versioning == "specific" and not versioned:
            return [Finding(".reference", "value", "The profile asks for the version too: Type/id/_history/version.")]
        if type_.versioning == "independent" and versioned:
            return [Finding(".reference", "value", "The profile asks for a reference without a version here.")]
        return None

    return check
