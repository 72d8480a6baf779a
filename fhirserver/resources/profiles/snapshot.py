"""The elements of a snapshot as a tree: children by name, and slices beside what they slice.

https://hl7.org/fhir/R5/elementdefinition.html, https://hl7.org/fhir/R5/profiling.html#slicing
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.resources.profiles.run import Note, Notes
from fhirserver.resources.registry import Release, structure

HL7 = "http://hl7.org/fhir/StructureDefinition/"


@dataclass(frozen=True, slots=True)
class Type:
    """A type that an element may have, with the profiles it conforms to one of."""

    code: str
    profiles: tuple[str, ...]
    targets: tuple[str, ...]
    aggregation: frozenset[str]
    versioning: str | None


@dataclass(eq=False)
class Node:
    """One element of a snapshot; `name` of a choice ends in [x], `slice` is the sliceName of a slice."""

    path: str
    name: str
    definition: Mapping[str, Any]
    slice: str | None = None
    children: dict[str, Node] = field(default_factory=dict)
    slices: list[Node] = field(default_factory=list)

    @cached_property
    def types(self) -> tuple[Type, ...]:
        """The types of its `type`, in their order."""
        return tuple(_type(row) for row in self.definition.get("type", ()) if isinstance(row.get("code"), str))

    @cached_property
    def min(self) -> int:
        """The least number of occurrences."""
        found = self.definition.get("min", 0)
        return found if type(found) is int else 0

    @cached_property
    def max(self) -> int | None:
        """The greatest number of occurrences; None is any."""
        found = self.definition.get("max", "*")
        return int(found) if isinstance(found, str) and found.isascii() and found.isdecimal() else None

    def value(self, prefix: str) -> tuple[str, Any] | None:
        """(type, value) of fixed[x], pattern[x], minValue[x] or maxValue[x]; None where it is not given."""
        for key, value in self.definition.items():
            if key.startswith(prefix) and len(key) > len(prefix) and key[len(prefix)].isupper():
                return key[len(prefix) :], value
        return None

    def walk(self) -> Iterator[Node]:
        """This node and all below, slices included."""
        yield self
        for node in (*self.children.values(), *self.slices):
            yield from node.walk()


def _type(row: Mapping[str, Any]) -> Type:
    return Type(
        row["code"].removeprefix(HL7),
        tuple(row.get("profile", ())),
        tuple(row.get("targetProfile", ())),
        frozenset(row.get("aggregation", ())),
        row.get("versioning"),
    )


def elements(definition: Resource) -> list[Mapping[str, Any]]:
    """The snapshot's elements; empty when there is no snapshot."""
    return list(definition.get("snapshot", {}).get("element", ()))


def tree(release: Release, definition: Resource, notes: Notes) -> Node | None:
    """The root of a snapshot; None when there is none. What has no place in the tree is said in `notes`."""
    root: Node | None = None
    open_: dict[str, Node] = {}
    for row in elements(definition):
        path = row["path"]
        if root is None:
            root = open_[path] = Node(path, path, row)
            continue
        if not path.startswith(f"{root.path}."):
            notes.append(Note(root.path, f"The element '{path}' is none of {root.path}: it is not checked."))
            continue
        parent = _parent(release, path, open_)
        name = path.rpartition(".")[2]
        name, slice_ = _named(release, parent, name, row.get("sliceName"))
        node = Node(path, name, row, slice_)
        _place(parent, node)
        for known in [known for known in open_ if known == path or known.startswith(f"{path}.")]:
            del open_[known]
        open_[path] = node
    return root


def _parent(release: Release, path: str, open_: dict[str, Node]) -> Node:
    """The parent of a path; one that the snapshot leaves out says nothing of itself."""
    above = path.rpartition(".")[0]
    if above not in open_:
        holder = _parent(release, above, open_)
        name, slice_ = _named(release, holder, above.rpartition(".")[2], None)
        open_[above] = Node(above, name, {"path": above}, slice_)
        _place(holder, open_[above])
    return open_[above]


def _named(release: Release, parent: Node, name: str, slice_: str | None) -> tuple[str, str | None]:
    """Name and slice; 'valueQuantity' as a path is the slice of value[x] for that type."""
    owner = parent.types[0].code if parent.types else parent.path
    for place in (parent.path, owner):
        found = structure(release, place)
        element = found.elements.get(name) if found else None
        if element is not None and element.choice:
            return f"{element.choice}[x]", slice_ or name
    return name, slice_


def _place(parent: Node, node: Node) -> None:
    head = parent.children.get(node.name)
    if node.slice is None:
        parent.children[node.name] = node
        return
    if head is None:
        # A slice without the element that it slices: what is not said of that is the base's.
        bare = {"path": node.path, "min": 0, "max": "*"}
        head = parent.children[node.name] = Node(node.path, node.name, bare)
    if "/" in node.slice:
        outer = node.slice.rpartition("/")[0]
        inside = next((each for each in head.walk() if each.slice == outer and each.path == node.path), None)
        head = inside or head
    head.slices.append(node)
