"""When a condition need not be asked: the elements without which it is met.

https://hl7.org/fhirpath/N1/#existence. 'value.empty() or system.exists()' is met by whatever has no value.
"""

from __future__ import annotations

from fhirserver.resources.fhirpath.conditions import Conditions
from fhirserver.resources.fhirpath.logic import is_boolean
from fhirserver.resources.fhirpath.routes import Route
from fhirserver.resources.fhirpath.syntax import Call, Dot, Infix, Path
from fhirserver.resources.registry import Release

_EMPTY_OF_EMPTY = frozenset(("select", "where", "first", "last", "tail", "resolve", "ofType", "distinct", "trace"))


def guard(release: Release, type_: str, tree: Path) -> frozenset[str] | None:
    """Properties without any of which an element meets the condition; None when nothing can be said."""
    return _without(Conditions(release, type_), tree, wanted=True)


def _without(known: Conditions, tree: Path, *, wanted: bool) -> frozenset[str] | None:
    """Properties without any of which the expression is `wanted`."""
    match tree:
        case Infix("implies", left, right):
            one, other = _without(known, left, wanted=not wanted), _without(known, right, wanted=wanted)
            return _joined(known, one, other, every=not wanted)
        case Infix("and" | "or" as operator, left, right):
            one, other = _without(known, left, wanted=wanted), _without(known, right, wanted=wanted)
            return _joined(known, one, other, every=(operator == "and") is wanted)
        case Call(left, "not", ()) if left is not None and is_boolean(left):
            return _without(known, left, wanted=not wanted)
        case Call(left, "exists" | "hasValue" | "empty" | "all" | "isDistinct" as function, _):
            path = _source(known, left)
            says = function in ("empty", "all", "isDistinct")
            return path.names if path is not None and says is wanted else None
    return None


def _joined(
    known: Conditions, one: frozenset[str] | None, other: frozenset[str] | None, *, every: bool
) -> frozenset[str] | None:
    if every:
        return None if one is None or other is None else one | other
    return min((each for each in (one, other) if each is not None), key=known.commonness, default=None)


def _source(known: Conditions, tree: Path | None) -> Route | None:
    """The path without which a collection is empty."""
    found = known.route(tree)
    if found is None:
        match tree:
            case Dot(left, _):
                return _source(known, left)
            case Call(left, function, _) if function in _EMPTY_OF_EMPTY:
                return _source(known, left)
    return found
