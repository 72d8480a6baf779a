"""What to do about a broken invariant, in words: its own where it is met often, else what its expression shows.

https://hl7.org/fhir/R5/conformance-rules.html#constraints
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhirserver.resources.fhirpath.syntax import Call, Dot, Infix, Literal, Name, Path

_LONGEST = 400

_NAME = "programs use the name; begin it with a capital letter and go on with letters, digits and underscores"
_REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "cnl-0": _NAME,
        "cnl-1": "the url is shown by others with a version behind it; leave out '|', '#' and blanks",
        "dom-6": "the resource has no narrative for people; add 'text'",
        "bdl-7": "a fullUrl stands twice with the same version; give each entry its own",
        "bdl-8": "a fullUrl names no version; cut it off before '/_history/'",
        "con-3": "what has abated is inactive, resolved or in remission; give that clinicalStatus",
        "con-4": "what has abated is inactive, resolved or in remission; give that clinicalStatus",
        "dom-3": "nothing in the resource refers to this contained resource, and it does not refer to '#';"
        " name it in a reference or leave it out",
        "dom-4": "a contained resource has no meta.versionId and no meta.lastUpdated; leave them out",
        "dom-5": "a contained resource has no meta.security; put the labels on the resource itself",
        "obs-7": "a component has the code of the Observation, which has a value of its own; leave one value out",
        "per-1": "the period ends before it starts; exchange or mend the dates",
        "que-2": "a linkId stands twice; give each item its own",
        "ref-1": "the reference names a contained resource that is not there; contain it, or mend the id behind '#'",
        "rng-2": "'low' is above 'high'; exchange or mend them",
        "sdf-1": "a path stands twice in the snapshot; give each element its own",
    }
)


def remedy(key: str, expression: str, tree: Path) -> str:
    """What is wrong and what mends it, with the expression behind it."""
    said = _REMEDIES.get(key) or _described(tree)
    if key.endswith("-0") and "name.matches" in expression:
        said = _NAME
    source = " ".join(expression.split())
    shown = source if len(source) <= _LONGEST else source[:_LONGEST] + "…"
    return f"{said} ({shown})" if said else f"this must be true: {shown}"


def _described(tree: Path) -> str | None:
    """The commonest forms of an expression as a sentence."""
    match tree:
        case Infix("or", _, _) if wanted := _given(tree):
            return f"give at least one of {_listed(wanted)}"
        case Call(_, "exists", ()) if wanted := _given(tree):
            return f"add {wanted[0]}"
        case Call(Call(_, "exists", ()) as given, "not", ()) if wanted := _given(given):
            return f"leave {wanted[0]} out"
        case Infix(">", sums, Literal(0)) if len(wanted := _counted(sums)) > 1:
            return f"give at least one of {_listed(wanted)}"
        case Infix("xor" | "!=", left, right) if len(wanted := _both(left, right)) == 2:
            return f"give exactly one of {_listed(wanted)}"
        case Infix("=", left, right) if len(wanted := _both(left, right)) == 2:
            return f"give both {wanted[0]} and {wanted[1]}, or neither"
        case Infix("or", Call(left, "empty", ()), Call(right, "empty", ())) if (pair := _pair(left, right)) is not None:
            return f"{pair[0]} and {pair[1]} exclude each other; leave one of them out"
        case Infix("implies", Call(left, "exists", ()), Call(right, "empty", ())) if (
            pair := _pair(left, right)
        ) is not None:
            return f"{pair[0]} and {pair[1]} exclude each other; leave one of them out"
        case Infix("or", Call(left, "empty", ()), Call(right, "exists", ())) | Infix(
            "implies", Call(left, "exists", ()), Call(right, "exists", ())
        ) if (pair := _pair(left, right)) is not None:
            return f"{pair[0]} needs {pair[1]} beside it; add {pair[1]} or leave {pair[0]} out"
        case Call(Call(left, "select", (inner,)), "isDistinct", ()) if (pair := _pair(left, inner)) is not None:
            return f"a {pair[1]} stands twice in {pair[0]}; give each its own"
    return None


def _given(tree: Path) -> list[str]:
    """The elements of 'a.exists() or b.exists() …'; none when it is anything else too."""
    match tree:
        case Infix("or", left, right):
            return _both(left, right)
        case Call(left, "exists", ()) if path := _path(left):
            return [path]
    return []


def _both(left: Path, right: Path) -> list[str]:
    one, other = _given(left), _given(right)
    return [*one, *other] if one and other else []


def _counted(tree: Path) -> list[str]:
    match tree:
        case Infix("+", left, right):
            one, other = _counted(left), _counted(right)
            return [*one, *other] if one and other else []
        case Call(left, "count", ()) if path := _path(left):
            return [path]
    return []


def _pair(left: Path | None, right: Path | None) -> tuple[str, str] | None:
    one, other = _path(left), _path(right)
    return (one, other) if one and other else None


def _path(tree: Path | None) -> str | None:
    match tree:
        case Name(name) if name[0] not in "%$":
            return f"'{name}'"
        case Dot(left, name) if path := _path(left):
            return f"{path[:-1]}.{name}'"
    return None


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
