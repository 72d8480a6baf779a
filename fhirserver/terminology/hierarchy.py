"""What is above and below a concept, and which of two subsumes the other.

https://hl7.org/fhir/R5/codesystem.html#subsumption
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from fhirserver.terminology.codesystem import CodeSystem, Concept
from fhirserver.terminology.reasons import Undecided, named

Outcome = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed"]


def concept(system: CodeSystem, code: str) -> Concept:
    """The concept of a code; Undecided where the code system that is loaded does not have it."""
    found = system.find(code)
    if found is None:
        whole = "has no" if system.complete else f"is loaded in part only ({system.content}), without the"
        raise Undecided("code-invalid", f"The code system '{named(system.url, system.version)}' {whole} code '{code}'.")
    return found


def subsuming(system: CodeSystem) -> None:
    """Undecided where the hierarchy is not one of kinds, or its meaning is not said."""
    if system.meaning == "is-a" or not system.hierarchical:
        return
    what = f"says '{system.meaning}'" if system.meaning else "is missing"
    raise Undecided(
        "not-supported",
        f"The hierarchy of '{named(system.url, system.version)}' is not known to be one of kinds (hierarchyMeaning "
        f"{what}), so what subsumes what cannot be told: load it with hierarchyMeaning 'is-a' if it is one.",
    )


def below(system: CodeSystem, top: Concept) -> dict[str, Concept]:
    """All below a concept, without itself, by code in their order; what stands in a circle is met once."""
    return _walked(system, top, lambda each: each.children)


def above(system: CodeSystem, bottom: Concept) -> dict[str, Concept]:
    """All above a concept, without itself, the nearest first."""
    return _walked(system, bottom, lambda each: each.parents)


def _walked(system: CodeSystem, start: Concept, following: Callable[[Concept], list[str]]) -> dict[str, Concept]:
    found: dict[str, Concept] = {}
    todo = list(reversed(following(start)))
    while todo:
        code = todo.pop()
        if code not in found and code != start.code:
            each = system.concepts[code]
            found[code] = each
            todo += reversed(following(each))
    return found


def outcome(system: CodeSystem, left: str, right: str) -> Outcome:
    """How two codes of a system relate; Undecided where that is not known."""
    one, other = concept(system, left), concept(system, right)
    if one is other:
        return "equivalent"
    subsuming(system)
    up, down = one.code in above(system, other), other.code in above(system, one)
    match up, down:
        case True, True:
            return "equivalent"
        case True, False:
            return "subsumes"
        case False, True:
            return "subsumed-by"
    if not system.complete:
        raise Undecided(
            "not-found",
            f"'{named(system.url, system.version)}' is loaded in part only ({system.content}), and what is there does "
            f"not relate '{left}' and '{right}': load all of it.",
        )
    return "not-subsumed"
