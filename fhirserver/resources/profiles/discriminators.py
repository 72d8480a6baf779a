"""Which slice an item belongs to: what a discriminator's path finds, against what the slice says of that path.

https://hl7.org/fhir/R5/profiling.html#discriminator
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver.resources.profiles.coded import member
from fhirserver.resources.profiles.codes import Codes
from fhirserver.resources.profiles.paths import Step, select, steps
from fhirserver.resources.profiles.run import Check, Item, Run
from fhirserver.resources.profiles.snapshot import Node
from fhirserver.resources.profiles.types import Applied, base_type, is_a, referred_type
from fhirserver.resources.profiles.values import demand, fits

Matcher = Callable[[Run, Item], bool | None]
"""Whether an item belongs to a slice; None when that cannot be told."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What a discriminator may have to ask: profiles and their trees, value sets, and the check of a node."""

    profile: Callable[[str], Applied | None]
    root: Callable[[str], Node | None]
    codes: Callable[[str], Codes | None]
    check: Callable[[Node], Check | None]


def matcher(sources: Sources, slice_: Node, discriminators: Sequence[Any]) -> Matcher | None:
    """Tells the items of a slice; None when the discriminators do not tell them."""
    parts: list[Matcher] = []
    for row in discriminators:
        path = steps(str(row.get("path", "")))
        made = None if path is None else _matcher(sources, slice_, str(row.get("type")), path)
        if made is None:
            return None
        parts.append(made)
    return _all(parts) if parts else None


def by_content(check: Check | None) -> Matcher:
    """Without a discriminator, what meets the rules of a slice belongs to it."""

    if check is None:
        return lambda _run, _item: True

    def match(run: Run, item: Item) -> bool:
        key = (id(item.value), match)
        found = run.seen.get(key)
        if found is None:
            found = not any(flaw.severity == "error" for flaw in check(run, item) or ())
            if type(item.value) is dict:
                run.seen[key] = found
        return bool(found)

    return match


def _matcher(sources: Sources, slice_: Node, kind: str, path: tuple[Step, ...]) -> Matcher | None:
    match kind:
        case "value" | "pattern":
            return _value(sources, slice_, path, path)
        case "exists":
            return _exists(sources, slice_, path)
        case "type":
            return _type(sources, slice_, path)
        case "profile":
            return _profile(sources, slice_, path)
        case _:
            return None


def _all(parts: Sequence[Matcher]) -> Matcher:
    if len(parts) == 1:
        return parts[0]

    def match(run: Run, item: Item) -> bool | None:
        found: bool | None = True
        for part in parts:
            one = part(run, item)
            if one is False:
                return False
            found = one if one is None else found
        return found

    return match


def _any(path: Sequence[Step], test: Callable[[Run, Item], bool | None]) -> Matcher:
    """Whether a path finds an item that passes a test."""

    def match(run: Run, item: Item) -> bool | None:
        found = select(run, item, path)
        if found is None:
            return None
        judged = [test(run, one) for one in found]
        return True if True in judged else None if None in judged else False

    return match


def _value(sources: Sources, node: Node, path: tuple[Step, ...], rest: tuple[Step, ...]) -> Matcher | None:
    """The matcher of what a slice fixes at a path; `rest` is what of the path lies below `node`."""
    wanted = demand(node)
    if wanted is not None:
        parts = _within(wanted[0], rest)
        compare = wanted[1] if not rest else fits
        if parts:
            return _all([_any(path, _equal(part, compare)) for part in parts])
    if not rest:
        return _own(sources, node, path)
    step = rest[0]
    if step.kind == "name" and step.text == "url" and len(rest) == 1 and (url := _extension_url(node)):
        return _any(path, _equal(url, fits))
    for below in _below(sources, node, step):
        if (found := _value(sources, below, path, rest[1:])) is not None:
            return found
    for type_ in node.types:
        for canonical in type_.profiles:
            root = sources.root(canonical)
            if root is not None and (found := _value(sources, root, path, rest)) is not None:
                return found
    return None


def _own(sources: Sources, node: Node, path: tuple[Step, ...]) -> Matcher | None:
    """What the element at the end of the path says: to be absent, a required binding, or all its other rules."""
    if node.max == 0:
        return _there(path, wanted=False)
    row = node.definition.get("binding")
    if isinstance(row, dict) and row.get("strength") == "required" and isinstance(row.get("valueSet"), str):
        codes = sources.codes(row["valueSet"])
        if codes is not None:
            return _any(path, lambda _run, item: member(codes, item))
    check = sources.check(node)
    return None if check is None else _any(path, by_content(check))


def _equal(part: Any, compare: Callable[[Any, Any], bool]) -> Callable[[Run, Item], bool | None]:
    return lambda _run, item: compare(item.value, part)


def _within(value: Any, path: Sequence[Step]) -> list[Any]:
    """What a path finds in a fixed value or pattern."""
    found = [value]
    for step in path:
        after: list[Any] = []
        for one in found:
            inner = one.get(step.text) if step.kind == "name" and isinstance(one, dict) else None
            after += inner if isinstance(inner, list) else [] if inner is None else [inner]
        found = after
    return found


def _extension_url(node: Node) -> str | None:
    """The url of an extension that a slice describes by its profile alone."""
    if [type_.code for type_ in node.types] == ["Extension"] and len(node.types[0].profiles) == 1:
        return node.types[0].profiles[0].partition("|")[0]
    return None


def _below(sources: Sources, node: Node, step: Step) -> list[Node]:
    """The nodes that say something of what one step leads to; slices that must be there before what they slice."""
    match step.kind:
        case "name":
            child = node.children.get(step.text) or node.children.get(f"{step.text}[x]")
            return [] if child is None else [*(each for each in child.slices if each.min), child, *child.slices]
        case "url":
            head = node.children.get("extension")
            return [each for each in (head.slices if head else ()) if _url_of(each) == step.text]
        case "type":
            typed = [each for each in node.slices if any(type_.code == step.text for type_ in each.types)]
            return [*typed, node]
        case _:
            targets = [canonical for type_ in node.types for canonical in type_.targets]
            return [root for canonical in targets if (root := sources.root(canonical)) is not None]


def _url_of(node: Node) -> str | None:
    child = node.children.get("url")
    fixed = demand(child) if child else None
    return fixed[0] if fixed and isinstance(fixed[0], str) else _extension_url(node)


def _there(path: Sequence[Step], wanted: bool) -> Matcher:
    def match(run: Run, item: Item) -> bool | None:
        found = select(run, item, path)
        return None if found is None else bool(found) is wanted

    return match


def _end(sources: Sources, node: Node, path: Sequence[Step]) -> Node | None:
    """The node that a path leads to within a slice."""
    for step in path:
        below = _below(sources, node, step)
        if not below:
            return None
        node = below[0]
    return node


def _exists(sources: Sources, slice_: Node, path: tuple[Step, ...]) -> Matcher | None:
    node = _end(sources, slice_, path)
    if node is None or (node.max != 0 and not node.min):
        return None
    return _there(path, wanted=node.max != 0)


def _type(sources: Sources, slice_: Node, path: tuple[Step, ...]) -> Matcher | None:
    by_reference = bool(path) and path[-1].kind == "resolve"
    node = _end(sources, slice_, path[:-1] if by_reference else path)
    if node is None or not node.types:
        return None
    if not by_reference:
        codes = _types_of(node)
        return _any(path, lambda run, item: any(is_a(run.release, item.type, code) for code in codes))
    targets = [canonical for type_ in node.types for canonical in type_.targets]
    named = {base_type(each) or (found.type if (found := sources.profile(each)) else None) for each in targets}
    if None in named or not named:
        return None

    def refers(run: Run, item: Item) -> bool | None:
        kind = referred_type(run, item)
        return None if kind is None else any(is_a(run.release, kind, str(name)) for name in named)

    return _any(path[:-1], refers)


def _types_of(node: Node) -> list[str]:
    """The types of a node; of a resource in a Bundle, say, those whose definitions are named as its profile."""
    codes = []
    for type_ in node.types:
        named = [name for each in type_.profiles if (name := base_type(each))]
        codes += named if type_.code == "Resource" and named else [type_.code]
    return codes


def _profile(sources: Sources, slice_: Node, path: tuple[Step, ...]) -> Matcher | None:
    by_reference = bool(path) and path[-1].kind == "resolve"
    node = _end(sources, slice_, path[:-1] if by_reference else path)
    if node is None:
        return None
    named = [each for type_ in node.types for each in (type_.targets if by_reference else type_.profiles)]
    found = [sources.profile(each) for each in named]
    if not found or None in found:
        return None
    tests = [by_content(each.flaws) for each in found if each is not None]
    return _any(path, lambda run, item: any(test(run, item) for test in tests))
