"""Parts of an expression that find the same again and again: of the resource, or of the element it is asked of.

https://hl7.org/fhir/R5/fhirpath.html#vars. '%resource.descendants()' within where() is found once, and what is looked
up in it by a key or as one of its items is not searched for item by item: the time stays linear in the content.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import lru_cache
from itertools import count
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.known import FUNCTIONS
from fhirserver.resources.fhirpath.functions.table import Evaluate, Macro
from fhirserver.resources.fhirpath.nodes import Node, child
from fhirserver.resources.fhirpath.syntax import Call, Dot, Index, Infix, Name, Path, Sign
from fhirserver.resources.fhirpath.values import EvaluationError, Items, identity, plain

Memory = dict[Hashable, Any]

_FOCUS, _CONTEXT, _RESOURCE = frozenset(("focus",)), frozenset(("context",)), frozenset(("resource",))
_NOWHERE = frozenset[str]()
_ROOTS = MappingProxyType({"%resource": _RESOURCE, "%rootResource": _RESOURCE, "%context": _CONTEXT})
_counter = count()


def _roots(tree: Path) -> frozenset[str]:
    """What an expression depends on: its 'focus', the 'context', the 'resource'."""
    match tree:
        case Name(name):
            return _ROOTS.get(name, _NOWHERE if name[0] == "%" else _FOCUS)
        case Dot(left, _) | Sign(_, left) | Infix("is" | "as", left, _):
            return _roots(left)
        case Call(left, "is" | "as" | "ofType", _):
            return _FOCUS if left is None else _roots(left)
        case Index(left, right) | Infix(_, left, right):
            return _roots(left) | _roots(right)
        case Call(left, function, arguments):
            given = _NOWHERE.union(*(_roots(argument) for argument in arguments))
            if isinstance(FUNCTIONS.get(function), Macro):
                given -= _FOCUS  # it is each item of what stands at the left
            return given | (_FOCUS if left is None else _roots(left))
    return _NOWHERE


def _kept(tree: Path) -> Callable[[Environment], Memory] | None:
    """Where what an expression finds may be kept; None of what depends on its focus, or on nothing."""
    roots = _roots(tree)
    if not roots or roots & _FOCUS:
        return None
    if roots == _RESOURCE:
        return lambda environment: environment.place.memory
    return lambda environment: environment.memory


@lru_cache(8192)
def _number(_tree: Path) -> int:
    """Equal expressions have equal numbers, and others never."""
    return next(_counter)


def remembered(tree: Path, evaluate: Evaluate) -> Evaluate:
    """The evaluation of an expression that finds what it found before."""
    kept = None if isinstance(tree, Name) else _kept(tree)
    if kept is None:
        return evaluate
    number = _number(tree)

    def recall(items: Items, environment: Environment) -> Items:
        memory = kept(environment)
        found: Items | None = memory.get(number)
        if found is None:
            found = memory[number] = evaluate(items, environment)
        return found

    return recall


def member(left: Evaluate, right: Path, among: Evaluate) -> Evaluate | None:
    """'left in right' where what stands at the right is remembered; None where it is not."""
    kept = _kept(right)
    if kept is None:
        return None
    key = ("in", _number(right))

    def evaluate(items: Items, environment: Environment) -> Items:
        one = left(items, environment)
        if len(one) > 1:
            raise EvaluationError(f"'in' takes one item at its left, {len(one)} are there")
        memory = kept(environment)
        known: frozenset[Hashable] | None = memory.get(key)
        if known is None:
            known = memory[key] = frozenset(identity(item) for item in among(items, environment))
        return [identity(one[0]) in known] if one else []

    return evaluate


def looked_up(left: Path, criteria: Path, compile_: Callable[[Path], Evaluate], search: Evaluate) -> Evaluate | None:
    """'left.where(name = key)' where the left side is of the resource and the key is not of the item; None otherwise.

    `search` is the evaluation item by item, for what has not one string under that name.
    """
    match criteria:
        case Infix("=", Name(name), right) if (
            name[0] != "%" and name != "$index" and _roots(left) == _RESOURCE and not _roots(right) & _FOCUS
        ):
            source, wanted, key = compile_(left), compile_(right), ("where", _number(left), name)
        case _:
            return None

    def evaluate(items: Items, environment: Environment) -> Items:
        value = wanted(items, environment)
        memory = environment.place.memory
        if key not in memory:
            memory[key] = _by_name(source(items, environment), name)
        index: dict[str, Items] | None = memory[key]
        if index is None or len(value) != 1 or type(text := plain(value[0])) is not str:
            return search(items, environment)
        return index.get(text, [])

    return evaluate


def _by_name(items: Items, name: str) -> dict[str, Items] | None:
    found: dict[str, Items] = {}
    for item in items:
        below = [item] if name == "$this" else child(item, name) if type(item) is Node else []
        if len(below) > 1 or (below and type(plain(below[0])) is not str):
            return None
        if below:
            found.setdefault(plain(below[0]), []).append(item)
    return found
