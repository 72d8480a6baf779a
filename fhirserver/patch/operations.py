"""The five operations of a FHIRPath Patch, each done in place on the JSON of a resource.

https://hl7.org/fhir/R5/fhirpatch.html#concept
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.errors import Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.patch import edits
from fhirserver.patch.edits import Holder
from fhirserver.patch.paths import Path, astray, found, one, several
from fhirserver.patch.values import Content, Given, append, content, insert, length, named
from fhirserver.resources.fhirpath.nodes import Node
from fhirserver.resources.registry import Release


@dataclass(frozen=True, slots=True)
class Add:
    """Appends to a list, or sets an element that is not there yet; `where` is the value's FHIRPath in the patch."""

    path: Path
    name: str
    value: Given
    where: str


@dataclass(frozen=True, slots=True)
class Insert:
    """Puts a value into a list, before the one that is at `index`."""

    path: Path
    index: int
    value: Given
    where: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Removes an element, if it is there."""

    path: Path


@dataclass(frozen=True, slots=True)
class Replace:
    """Puts a value in the place of an element."""

    path: Path
    value: Given
    where: str


@dataclass(frozen=True, slots=True)
class Move:
    """Gives a value of a list another place in it; `destination` counts without that value."""

    path: Path
    source: int
    destination: int


Kind = Add | Insert | Delete | Replace | Move


def apply(release: Release, operation: Kind, resource: Resource) -> None:
    """Carries out one operation on `resource`; Unprocessable when it cannot be done there."""
    match operation:
        case Add(path, name, value, where):
            node = one(release, path, resource)
            _inside(release, resource, node)
            _add(node, content(release, node.type, name, value, where), release)
        case Insert(path, index, value, where):
            owner, type_, name = _collection(release, path, resource)
            new = content(release, type_, name, value, where)
            size = length(owner, name)
            if not 0 <= index <= size:
                raise Unprocessable(f"the list has {size} values: index goes from 0 to {size}.", code="value")
            insert(owner, name, index, new.value, new.sibling)
        case Delete(path):
            _delete(release, path, resource)
        case Replace(path, value, where):
            around = _inside(release, resource, one(release, path, resource))
            holder = _last(around, "use PUT for the whole resource")
            element = named(release, holder.type, holder.key)[0]
            new = content(release, holder.type, element.choice or element.name, value, where)
            edits.substitute(holder.value, holder.key, holder.at, new)
        case Move(path, source, destination):
            owner, _, name = _collection(release, path, resource)
            size = length(owner, name)
            if not size:
                raise Unprocessable("the list is empty, so there is nothing to move.", code="not-found")
            for told, at in (("source", source), ("destination", destination)):
                if not 0 <= at < size:
                    raise Unprocessable(f"the list has {size} values: {told} goes from 0 to {size - 1}.", code="value")
            edits.move(owner, name, source, destination)


def _add(node: Node, new: Content, release: Release) -> None:
    owner = _owner(node)
    if new.element.many:
        append(owner, new.element.name, new.value, new.sibling)
        return
    head = new.element.choice or new.element.name
    for element in named(release, node.type, head):
        if element.name in owner or f"_{element.name}" in owner:
            raise Unprocessable(f"there is a '{head}' already, which is not repeated: use replace.", code="duplicate")
    edits.put(owner, new)


def _owner(node: Node) -> Resource:
    """The object that has an element's children: of a primitive the one beside it, which need not be there yet."""
    if isinstance(node.value, dict):
        return node.value
    if node.sibling is not None:
        return node.sibling
    if node.owner is None or node.key == "id":
        raise Unprocessable("an id has no extensions.")
    fresh: Resource = {}
    key = f"_{node.key}"
    if node.at is None:
        node.owner[key] = fresh
    else:
        listed = node.owner.setdefault(key, [])
        listed += [None] * (length(node.owner, node.key) - len(listed))
        listed[node.at] = fresh
    return fresh


def _delete(release: Release, path: Path, resource: Resource) -> None:
    nodes = found(release, path, resource)
    if len(nodes) > 1:
        raise several(len(nodes))
    if not nodes:
        told, wrong = astray(release, path, resource)
        if wrong:
            raise Unprocessable(f"there never is such an element: {told}.", code="not-found")
        return
    around = _inside(release, resource, nodes[0])
    holder = _last(around, "use DELETE for the whole resource")
    edits.take(holder.value, holder.key, holder.at)
    edits.prune(around[:-1], holder.value)


def _inside(release: Release, resource: Resource, node: Node) -> list[Holder]:
    """The objects around an element, the last of which has it; refuses one of another resource."""
    if node.value is resource:
        return []
    # resolve() gives a resource without its place, and one that is elsewhere as a stub.
    inner = node.value if node.owner is None else node.owner
    around = edits.holders(release, resource, inner)
    if around is None:
        raise Unprocessable("the path leaves the resource: a patch changes nothing else.", code="not-supported")
    if node.owner is None:
        return around[0]
    return [*around[0], Holder(node.owner, around[1], node.key, node.at)]


def _last(around: list[Holder], remedy: str) -> Holder:
    if not around:
        raise Unprocessable(f"the path is the resource itself: {remedy}.")
    return around[-1]


def _collection(release: Release, path: Path, resource: Resource) -> tuple[Resource, str, str]:
    """The object that has a list, its type, and the list's name; the list may be empty, which JSON leaves out."""
    parent = path.parent
    if parent is None:
        raise Unprocessable("the path of a list ends with its name, such as Patient.name.")
    node = one(release, parent, resource)
    _inside(release, resource, node)
    elements = named(release, node.type, path.last)
    if not elements:
        raise Unprocessable(f"no such element: {node.type} has no element '{path.last[:64]}'.", code="not-found")
    if not elements[0].many:
        raise Unprocessable(f"'{path.last[:64]}' is no list: use add or replace.", code="not-supported")
    return _owner(node), node.type, path.last
