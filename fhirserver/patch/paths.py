"""The paths of a FHIRPath Patch: which of FHIRPath they may use, and the elements that they find.

https://hl7.org/fhir/R5/fhirpatch.html, https://hl7.org/fhir/R5/fhirpath.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from fhirserver.errors import BadRequest, NotSupported, TooLarge, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.patch.values import named
from fhirserver.resources.fhirpath.compiler import compiled
from fhirserver.resources.fhirpath.environment import Environment, Place
from fhirserver.resources.fhirpath.functions.table import Evaluate
from fhirserver.resources.fhirpath.nodes import Node, ancestry, node
from fhirserver.resources.fhirpath.syntax import Call, Dot, Index, Infix, Literal, Name, NotUnderstood, Sign, parse
from fhirserver.resources.fhirpath.syntax import Path as Tree
from fhirserver.resources.fhirpath.values import EvaluationError
from fhirserver.resources.registry import Release

MOST_SIGNS = 2_000
"""Characters of a path."""
_ROOTS = frozenset({"%resource", "%rootResource", "%context", "$this"})
_FUNCTIONS = frozenset(
    {
        *("where", "first", "last", "tail", "skip", "take", "single", "ofType", "as", "extension", "resolve", "repeat"),
        *("is", "exists", "all", "empty", "not", "count", "hasValue", "hasExtension"),
        *("startsWith", "endsWith", "contains", "lower", "upper", "length"),
    }
)
"""What leads to elements, or decides about them, in time that grows with the resource and no faster."""


@dataclass(frozen=True, slots=True)
class Path:
    """A path that was understood: `text` is what the client wrote."""

    text: str
    tree: Tree
    evaluate: Evaluate

    @property
    def last(self) -> str:
        """The element's name with which the path ends; empty when it ends otherwise."""
        return self.tree.name if isinstance(self.tree, (Dot, Name)) else ""

    @property
    def parent(self) -> Path | None:
        """The path without that name; None when it ends otherwise."""
        match self.tree:
            case Dot(left, _):
                return Path(self.text, left, compiled(left))
            case Name(name) if name[0].islower():
                return Path(self.text, Name("$this"), compiled(Name("$this")))
        return None


@lru_cache(4096)
def path(text: str) -> Path:
    """The path; BadRequest when it is no FHIRPath, NotSupported when it uses more than leads to elements."""
    if len(text) > MOST_SIGNS:
        raise TooLarge(f"a path has at most {MOST_SIGNS:,} characters; this one has {len(text):,}.")
    try:
        tree = parse(text)
        _tame(tree, begins=True)
        return Path(text, tree, compiled(tree))
    except (NotUnderstood, RecursionError):
        raise BadRequest(f"'{text[:200]}' is no FHIRPath that a patch can use: check how it is written.") from None


def _tame(tree: Tree, *, begins: bool) -> None:
    """Refuses functions that make values, or whose cost explodes; `begins` where the path itself begins."""
    match tree:
        case Name(name) if name[0] in "%$" and not ((begins and name in _ROOTS) or name == "$this"):
            raise NotSupported(f"a patch's path does not use {name[:64]}: begin with the type or %resource.")
        case Dot(left, _):
            _tame(left, begins=begins)
        case Index(left, position):
            _tame(left, begins=begins)
            if not isinstance(position, Literal):
                raise NotSupported("an index in a patch's path is a whole number: [0], [1] …")
        case Call(left, function, arguments):
            if function not in _FUNCTIONS:
                raise NotSupported(
                    f"a patch's path does not use {function[:64]}(): say where the element is with names, indexes, "
                    "where(), first(), last(), ofType() and extension()."
                )
            if left is not None:
                _tame(left, begins=begins)
            for argument in arguments:
                _tame(argument, begins=False)
        case Infix(_, left, right):
            _tame(left, begins=begins)
            _tame(right, begins=False)
        case Sign(_, operand):
            _tame(operand, begins=False)


def found(release: Release, wanted: Path, resource: Resource) -> list[Node]:
    """The elements that a path finds in a resource, each once."""
    return _nodes(release, wanted.tree, wanted.evaluate, resource)


def _nodes(release: Release, tree: Tree, evaluate: Evaluate, resource: Resource) -> list[Node]:
    focus = node(release, resource, "Resource")
    try:
        items = evaluate([focus], Environment(release, focus, Place(resource, resource)))
    except (EvaluationError, ArithmeticError, RecursionError) as error:
        raise Unprocessable(f"the path cannot be evaluated here: {error}.") from None
    if any(type(item) is not Node for item in items):
        raise Unprocessable("the path finds a value, not an element: end it with the element's name.")
    places = {(id(item.owner), item.key, item.at) if item.owner is not None else id(item.value): item for item in items}
    return list(places.values())


def one(release: Release, wanted: Path, resource: Resource) -> Node:
    """The one element that a path finds."""
    nodes = found(release, wanted, resource)
    if len(nodes) == 1:
        return nodes[0]
    if nodes:
        raise several(len(nodes))
    raise Unprocessable(f"no such element: {astray(release, wanted, resource)[0]}.", code="not-found")


def several(number: int) -> Unprocessable:
    """The refusal of a path that does not say which."""
    return Unprocessable(
        f"the path finds {number} elements: name one, with [0], first() or where().", code="multiple-matches"
    )


def astray(release: Release, wanted: Path, resource: Resource) -> tuple[str, bool]:
    """Where a path that finds nothing leaves the resource; True when no resource of this type could have it there."""
    before = [node(release, resource, "Resource")]
    for tree in _stations(wanted.tree):
        nodes = _nodes(release, tree, compiled(tree), resource)
        if not nodes:
            return _left(release, tree, before)
        before = nodes
    return "the path leads nowhere", False


def _stations(tree: Tree) -> Iterator[Tree]:
    """The path's beginnings, from the shortest to the whole."""
    match tree:
        case Dot(left, _) | Index(left, _) | Infix("as", left, _):
            yield from _stations(left)
        case Call(left, _, _) if left is not None:
            yield from _stations(left)
    yield tree


def _left(release: Release, tree: Tree, before: list[Node]) -> tuple[str, bool]:
    types = ", ".join(dict.fromkeys(item.type for item in before))
    match tree:
        case Name(name) if name[0].isupper() and name not in ancestry(release, before[0].type):
            return f"the path begins with {name[:64]}, the resource is a {types}", True
        case Dot(_, name) | Name(name):
            if not any(named(release, item.type, name) for item in before):
                return f"{types} has no element '{name[:64]}'", True
            return f"there is no '{name[:64]}' in this {types}", False
        case Index(_, Literal(at)):
            return f"there are {len(before)}, so none is at [{at}]: indexes begin at 0", False
        case Call(_, function, _):
            return f"{function}() finds none among {len(before)} of {types}", False
    return f"none of {types} is of that type", False
