"""Conditions on plain JSON: what invariants are mostly made of, without a Node or a list.

https://hl7.org/fhirpath/N1/#boolean-logic. Whatever is not said here, the compiler's closures say; both are equal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import ge, gt, le, lt
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.compiler import CONSTANTS, compiled
from fhirserver.resources.fhirpath.environment import Environment, Place
from fhirserver.resources.fhirpath.functions.table import Evaluate
from fhirserver.resources.fhirpath.logic import DEFINITE, LOGIC, is_boolean, is_definite, negated
from fhirserver.resources.fhirpath.nodes import node
from fhirserver.resources.fhirpath.routes import Condition, Route, any_of, count, objects, present, route
from fhirserver.resources.fhirpath.syntax import Call, Infix, Literal, Name, Path
from fhirserver.resources.fhirpath.values import truth
from fhirserver.resources.registry import Release, is_primitive, structure

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = MappingProxyType({"<": lt, "<=": le, ">": gt, ">=": ge})
_MOMENTS = frozenset(("date", "dateTime", "instant"))
_TEXTS = frozenset(
    ("code", "string", "markdown", "uri", "url", "canonical", "oid", "uuid", "id", "base64Binary", "xhtml")
)


def condition(release: Release, type_: str, tree: Path) -> Condition:
    """The condition that an expression is on an element of `type_`."""
    return Conditions(release, type_).condition(tree)


class Conditions:
    """Compiles the conditions on one type."""

    def __init__(self, release: Release, type_: str) -> None:
        self.release, self.type = release, type_

    def condition(self, tree: Path) -> Condition:
        """The quickest condition that an expression is."""
        return self._quick(tree) or general(self.release, self.type, compiled(tree))

    def _quick(self, tree: Path) -> Condition | None:
        """The condition on plain JSON; None where there is none."""
        match tree:
            case Literal(True | False as value):
                said = value is True
                return lambda value, place: said
            case Infix("or", _, _) if (names := self._names(tree)) is not None:
                return any_of(names)
            case Infix("and" | "or" | "implies" | "xor" as operator, left, right):
                definite = DEFINITE.get(operator) if is_definite(left) and is_definite(right) else None
                return (definite or LOGIC[operator])(self.condition(left), self.condition(right))
            case Call(left, "not", ()) if left is not None and is_boolean(left):
                return negated(self.condition(left))
            case Call(left, "exists" | "empty" | "all" | "hasValue" as function, arguments):
                return self._existence(left, function, arguments)
            case Infix("=" | "!=" as operator, left, Literal(value) as right):
                quick = self._equality(left, value, negated=operator == "!=")
                return quick or (self._sums("=", left, right) if operator == "=" else None)
            case Infix("=" | "!=" as operator, left, Name(name)) if name in CONSTANTS:
                return self._equality(left, CONSTANTS[name], negated=operator == "!=")
            case Infix("=" | "!=" as operator, left, right) if is_boolean(left) and is_boolean(right):
                return LOGIC["xor" if operator == "!=" else "="](self.condition(left), self.condition(right))
            case Infix("in", left, right) if (choices := _strings(right)) is not None:
                return self._membership(left, choices)
            case Infix("<" | "<=" | ">" | ">=" as operator, left, right):
                return self._ordering(operator, left, right)
            case Call(left, "startsWith", (Literal(str() as start),)):
                return self._of_text(left, lambda value: value.startswith(start))
        return None

    def route(self, tree: Path | None) -> Route | None:
        """The path that an expression is; None where it is more."""
        return route(self.release, self.type, tree, lambda type_, criteria: condition(self.release, type_, criteria))

    def commonness(self, names: frozenset[str]) -> int:
        """How likely an element has any of these properties, roughly: what it must have counts for many."""
        known = structure(self.release, self.type)
        elements = known.elements if known else {}
        return sum(20 if name in elements and elements[name].min else 1 for name in names)

    def _names(self, tree: Path) -> frozenset[str] | None:
        """The properties of which 'a.exists() or b.exists()' wants one."""
        match tree:
            case Infix("or", left, right):
                one, other = self._names(left), self._names(right)
                return None if one is None or other is None else one | other
            case Call(left, "exists", ()):
                path = self.route(left)
                return path.names if path is not None and len(path.hops) == 1 and not path.hops[0].kept else None
        return None

    def _existence(self, left: Path | None, function: str, arguments: tuple[Path, ...]) -> Condition | None:
        path = self.route(left)
        if path is None:
            return None
        match function, arguments:
            case "exists", ():
                return present(path)
            case "empty", ():
                return negated(present(path))
            case "hasValue", () if (step := path.lone) and step.under:
                key = step.key
                return lambda value, place: key in value
            case "exists" | "all", (criteria,) if path.type and not is_primitive(self.release, path.type):
                each, found = condition(self.release, path.type, criteria), objects(path)
                if function == "all":
                    return lambda value, place: all(each(item, place) for item in found(value, place))
                return lambda value, place: any(each(item, place) for item in found(value, place))
        return None

    def _equality(self, left: Path, wanted: str | int | bool | Decimal, *, negated: bool) -> Condition | None:
        path = self.route(left)
        step = path.lone if path else None
        texts = type(wanted) is str and step is not None and step.type in _TEXTS
        if step is None or not (texts or (type(wanted) is bool and step.type == "boolean")):
            return None
        key, under = step.key, step.under or step.key

        def check(value: Any, place: Place) -> bool | None:
            item = value.get(key)
            if item is None:
                return None if under not in value else negated
            return (item == wanted) is not negated

        return check

    def _membership(self, left: Path, choices: frozenset[str]) -> Condition | None:
        path = self.route(left)
        step = path.lone if path else None
        if step is None or step.type not in _TEXTS:
            return None
        key, under = step.key, step.under or step.key

        def check(value: Any, place: Place) -> bool | None:
            item = value.get(key)
            if item is None:
                return None if under not in value else False
            return item in choices

        return check

    def _of_text(self, left: Path | None, test: Callable[[str], bool]) -> Condition | None:
        path = self.route(left)
        step = path.lone if path else None
        if step is None or step.type not in _TEXTS:
            return None
        key = step.key

        def check(value: Any, place: Place) -> bool | None:
            item = value.get(key)
            return test(item) if type(item) is str else None

        return check

    def _ordering(self, operator: str, left: Path, right: Path) -> Condition | None:
        if (sums := self._sums(operator, left, right)) is not None:
            return sums
        if operator not in ("<=", ">="):
            return None
        paths = self.route(_without_boundary(left)), self.route(_without_boundary(right))
        one, other = (path.lone if path else None for path in paths)
        if one is None or other is None or not {one.type, other.type} <= _MOMENTS:
            return None
        first, second, compare = one.key, other.key, _ORDERS[operator]
        slow = general(self.release, self.type, compiled(Infix(operator, left, right)))

        def check(value: Any, place: Place) -> bool | None:
            a, b = value.get(first), value.get(second)
            # Of one precision and one zone, dates are in the order of their letters.
            if (
                type(a) is str
                and type(b) is str
                and len(a) == len(b)
                and (len(a) < 11 or a[-6:] == b[-6:] or a[-1] == b[-1] == "Z")
            ):
                return compare(a, b)
            return slow(value, place)

        return check

    def _sums(self, operator: str, left: Path, right: Path) -> Condition | None:
        """Comparisons of counts: a.count() + b.count() <= 1."""
        one, other = self._number(left), self._number(right)
        if one is None or other is None:
            return None
        compare: Callable[[Any, Any], bool] = _ORDERS.get(operator, lambda a, b: bool(a == b))
        return lambda value, place: compare(one(value, place), other(value, place))

    def _number(self, tree: Path) -> Callable[[Any, Place], int] | None:
        match tree:
            case Literal(int() as number):
                return lambda value, place: number
            case Call(left, "count", ()) if (path := self.route(left)) is not None:
                return count(path)
            case Infix("+", left, right):
                one, other = self._number(left), self._number(right)
                if one is not None and other is not None:
                    return lambda value, place: one(value, place) + other(value, place)
        return None


def general(release: Release, type_: str, evaluate: Evaluate) -> Condition:
    """The condition of a compiled expression."""

    def check(value: Any, place: Place) -> bool | None:
        focus = node(release, value, type_)
        return truth(evaluate([focus], Environment(release, focus, place)))

    return check


def _without_boundary(tree: Path) -> Path | None:
    match tree:
        case Call(left, "lowBoundary" | "highBoundary", ()):
            return left
    return tree


def _strings(tree: Path) -> frozenset[str] | None:
    match tree:
        case Literal(str() as value):
            return frozenset((value,))
        case Infix("|", left, right):
            one, other = _strings(left), _strings(right)
            return None if one is None or other is None else one | other
    return None
