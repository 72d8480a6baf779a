"""What elements of a type must satisfy, made ready: each invariant with its condition, and when it is to be asked.

https://hl7.org/fhir/R5/conformance-rules.html#constraints. An invariant is met when its expression is true; when it is
false, or says nothing, or cannot be evaluated, it is broken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from fhirserver.resources.fhirpath.conditions import condition
from fhirserver.resources.fhirpath.environment import Place
from fhirserver.resources.fhirpath.guards import guard
from fhirserver.resources.fhirpath.routes import Condition
from fhirserver.resources.fhirpath.syntax import parse
from fhirserver.resources.fhirpath.values import EvaluationError
from fhirserver.resources.findings import DeepCheck, Findings
from fhirserver.resources.invariants.broken import broken
from fhirserver.resources.invariants.contained import QUICK
from fhirserver.resources.invariants.table import Invariant, invariants
from fhirserver.resources.registry import Release, structure


@dataclass(frozen=True, slots=True)
class Rule:
    """An invariant made ready for elements of one type: asked only of those that have one of `guards`, if any."""

    invariant: Invariant
    met: Condition
    guards: frozenset[str] | None


@cache
def rules(release: Release, type_: str, *, warnings: bool) -> tuple[Rule, ...]:
    """What every element of a type must satisfy, by its type and by those it derives from."""
    own = [each for name in _lineage(release, type_) for each in invariants(release, name)]
    return tuple(_rule(release, type_, each) for each in own if warnings or each.severity == "error")


@cache
def rules_of_element(release: Release, path: str, type_: str, *, warnings: bool) -> tuple[Rule, ...]:
    """What one element must satisfy beyond its type: 'Organization.contact', whose type is ExtendedContactDetail."""
    if structure(release, path) is not None:
        return ()
    own = invariants(release, path)
    return tuple(_rule(release, type_, each) for each in own if warnings or each.severity == "error")


def _rule(release: Release, type_: str, invariant: Invariant) -> Rule:
    tree = parse(invariant.expression)
    met, quick = condition(release, type_, tree), QUICK.get(invariant.key)
    if quick is not None:
        met = _either(quick, met)
    return Rule(invariant, met, guard(release, type_, tree))


def _either(quick: Condition, slow: Condition) -> Condition:
    return lambda value, place: quick(value, place) or slow(value, place)


def _lineage(release: Release, type_: str) -> list[str]:
    names: list[str] = []
    name: str | None = type_
    while name:
        names.insert(0, name)
        found = structure(release, name)
        name = found.base if found else None
    return names


def judged(release: Release, type_: str, asked: Sequence[Rule]) -> DeepCheck | None:
    """The check of the rules of elements of a type; None where there are none."""
    table = [(rule.guards, rule.met, rule.invariant) for rule in asked]

    def check(value: Any, place: Place) -> Findings | None:
        findings: Findings | None = None
        for guards, met, invariant in table:
            if guards is not None and guards.isdisjoint(value):
                continue
            reason = ""
            try:
                if met(value, place):
                    continue
            except (EvaluationError, ArithmeticError, RecursionError) as error:
                reason = f" ({error})"
            findings = (findings or []) + broken(release, type_, invariant, value, place, reason)
        return findings

    return check if table else None
