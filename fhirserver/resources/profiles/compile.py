"""From the tree of a snapshot to one check: only what it adds to the base type becomes part of it.

https://hl7.org/fhir/R5/profiling.html#snapshot
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from fhirserver.resources.findings import Finding, Findings, below
from fhirserver.resources.profiles import coded, constraints, discriminators, types, values
from fhirserver.resources.profiles.codes import Codes
from fhirserver.resources.profiles.discriminators import Matcher, Sources
from fhirserver.resources.profiles.reading import Reader, reader
from fhirserver.resources.profiles.run import Check, Item, Member, Note, Notes, Run, together
from fhirserver.resources.profiles.slicing import Group, Rules, Slice
from fhirserver.resources.profiles.snapshot import Node
from fhirserver.resources.registry import Element, Release, structure

_ANY = frozenset({"Resource", "DomainResource"})

Counted = Callable[[Run, Sequence[Item]], Findings | None]
"""Looks at all occurrences of an element together."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node stands: the structure that its children belong to, and the one base element it describes, if one."""

    owner: str
    element: Element | None = None


class Compiler:
    """Makes the checks of one profile; `notes` says what of it is not checked."""

    def __init__(
        self,
        release: Release,
        profile: Callable[[str], types.Applied | None],
        root: Callable[[str], tuple[Node, str] | None],
        codes: Callable[[str], Codes | None],
    ) -> None:
        self.release = release
        self.notes: Notes = []
        self._profile = profile
        self._find_root = root
        self._codes = codes
        self._places: dict[Node, Place] = {}
        self._checks: dict[Node, Check | None] = {}
        self._foreign: set[Node] = set()

    def compile(self, root: Node, type_: str) -> Check | None:
        """The check of a whole profile of a type."""
        self._settle(root, Place(type_))
        return self._check(root)

    def _settle(self, node: Node, place: Place) -> None:
        """Notes the place of a node and of all below."""
        self._places[node] = place
        found = structure(self.release, place.owner)
        for child in node.children.values():
            name = child.name.removesuffix("[x]")
            names = found.choices.get(name, (name,)) if found else ()
            elements = [found.elements[each] for each in names if each in found.elements] if found else []
            self._settle(child, Place(_inner(self.release, child, elements), _lone(elements)))
        for slice_ in node.slices:
            self._settle(slice_, replace(place, owner=_only_type(self.release, slice_) or place.owner))

    def _root(self, canonical: str) -> Node | None:
        found = self._find_root(canonical)
        if found is None:
            return None
        if found[0] not in self._places:
            self._settle(found[0], Place(found[1]))
            self._foreign.update(found[0].walk())
        return found[0]

    def _check(self, node: Node) -> Check | None:
        """The check of one occurrence; what is not checked of another profile's nodes is not said here."""
        if node not in self._checks:
            kept = list(self.notes)
            self._checks[node] = self._made(node)
            if node in self._foreign:
                self.notes[:] = kept
        return self._checks[node]

    def _made(self, node: Node) -> Check | None:
        place = self._places[node]
        own = place.element.valueset if place.element else None
        checks = values.rules(node, self.notes)
        checks += types.rules(self.release, node, self._profile, self.notes)
        checks += coded.bindings(self.release, node, own, self._codes, self.notes)
        checks += constraints.constraints(self.release, node, self.notes)
        for child in node.children.values():
            if (member := self._member(child, place.owner)) is not None:
                checks.append(member)
        return together(checks)

    def _member(self, node: Node, owner: str) -> Member | None:
        """The check of all occurrences of a child."""
        name = node.name.removesuffix("[x]")
        read = reader(self.release, owner, name)
        found = structure(self.release, owner)
        if read is None or found is None:
            said = f"{self.release} {owner} has no element '{name}': what the profile says of it is not checked."
            self.notes.append(Note(node.path, said))
            return None
        elements = [found.elements[each] for each in found.choices.get(name, (name,))]
        parts = [_each(check) for check in (self._allowed(node, elements), self._check(node)) if check is not None]
        always: list[Counted] = []
        if (counted := _counted(node, name, elements)) is not None:
            always.append(counted)
        if node.slices and (group := self._group(node, node.slices)) is not None:
            (always if group.needs_some else parts).append(group.flaws)
        return _member(read, always, parts) if always or parts else None

    def _allowed(self, node: Node, elements: Sequence[Element]) -> Check | None:
        """The check of a choice's types, or of the types of a resource."""
        codes = {type_.code for type_ in node.types}
        base = {element.type for element in elements}
        if not codes or base & _ANY & codes:
            return None
        if base & _ANY:
            release = self.release

            def check_resource(_run: Run, item: Item) -> Findings | None:
                return None if any(types.is_a(release, item.type, code) for code in codes) else _type_flaw(item, codes)

            return check_resource
        if len(elements) == 1 or base <= codes:
            return None

        def check(_run: Run, item: Item) -> Findings | None:
            return None if item.type in codes else _type_flaw(item, codes)

        return check

    def _group(self, head: Node, slices: Sequence[Node]) -> Group | None:
        """The slicing of an element; None when it asks for nothing."""
        row = head.definition.get("slicing", {})
        by = row.get("discriminator", ())
        by_position = any(one.get("type") == "position" for one in by)
        made = []
        for node in slices:
            match = _always if by_position else self._matcher(head, node, by)
            if match is None:
                said = (
                    f"The slice '{node.slice}' cannot be told from the others by its discriminators: it is not checked."
                )
                self.notes.append(Note(head.path, said))
                # What no other slice claims may be this one's.
                match = _never_known
            inner = self._group(node, node.slices) if node.slices else None
            made.append(Slice(str(node.slice), match, self._check(node), node.min, node.max, inner))
        rules: Rules = row.get("rules", "open")
        ordered = row.get("ordered") is True
        idle = all(not (one.min or one.max is not None or one.check or one.inner) for one in made)
        if idle and rules == "open" and not ordered:
            return None
        name = head.name.removesuffix("[x]")
        return Group(name, f".{name}", tuple(made), rules, ordered, by_position)

    def _matcher(self, head: Node, node: Node, by: Sequence[Mapping[str, str]]) -> Matcher | None:
        if not by and head.name.endswith("[x]"):
            by = [{"type": "type", "path": "$this"}]
        elif not by and head.name in ("extension", "modifierExtension"):
            by = [{"type": "value", "path": "url"}]
        if not by:
            self.notes.append(Note(head.path, "The slicing has no discriminator: what fits a slice is taken for it."))
            return discriminators.by_content(self._check(node))
        return discriminators.matcher(Sources(self._profile, self._root, self._codes, self._check), node, by)


def _always(_run: Run, _item: Item) -> bool:
    return True


def _never_known(_run: Run, _item: Item) -> None:
    return None


def _only_type(release: Release, node: Node) -> str | None:
    """The one type that a node allows, if its children can be looked up by it."""
    codes = {type_.code for type_ in node.types}
    if len(codes) != 1 or (code := codes.pop()) in ("BackboneElement", "Element", *_ANY):
        return None
    return code if structure(release, code) else None


def _lone(elements: Sequence[Element]) -> Element | None:
    return elements[0] if len(elements) == 1 else None


def _inner(release: Release, node: Node, elements: Sequence[Element]) -> str:
    """The structure that the children of a node belong to."""
    if len(elements) == 1 and elements[0].type not in _ANY:
        return elements[0].type
    return _only_type(release, node) or ("DomainResource" if any(e.type in _ANY for e in elements) else "Element")


def _type_flaw(item: Item, codes: set[str]) -> Findings:
    return [Finding("", "value", f"A {item.type} stands here: the profile allows {' or '.join(sorted(codes))}.")]


def _each(check: Check) -> Counted:
    def flaws(run: Run, items: Sequence[Item]) -> Findings | None:
        found: Findings | None = None
        for item in items:
            if (bad := check(run, item)) is not None:
                found = (found or []) + below(item.step, bad)
        return found

    return flaws


def _counted(node: Node, name: str, elements: Sequence[Element]) -> Counted | None:
    """The check of min and max, where they are narrower than the base type's."""
    least = node.min if node.min > max(element.min for element in elements) else 0
    most = node.max
    if most is not None and (base := elements[0].max) is not None and most >= base:
        most = None
    if not least and most is None:
        return None

    def flaws(_run: Run, items: Sequence[Item]) -> Findings | None:
        count = len(items)
        if count < least:
            said = f"The profile needs at least {least} of '{name}' here, and there {_are(count)}: add it."
            return [Finding(f".{name}", "required", said)]
        if most is not None and count > most:
            allowed = f"at most {most} of" if most else "no"
            said = f"The profile allows {allowed} '{name}' here, and there {_are(count)}: take it out."
            return [Finding(f".{name}", "invalid", said)]
        return None

    return flaws


def _are(count: int) -> str:
    return "is none" if not count else "is 1" if count == 1 else f"are {count}"


def _member(read: Reader, always: Sequence[Counted], parts: Sequence[Counted]) -> Member:
    """The check of an element: `always` also where it is absent, `parts` of what there is."""
    each, every = tuple(always), (*always, *parts)

    def check(run: Run, item: Item) -> Findings | None:
        items = read(item.content)
        found: Findings | None = None
        for part in every if items else each:
            if (bad := part(run, items)) is not None:
                found = (found or []) + bad
        return found

    return check
