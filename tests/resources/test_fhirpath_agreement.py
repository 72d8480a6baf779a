"""Invariants on official and on altered examples: quick conditions, compiled closures and the full engine agree."""

from __future__ import annotations

import copy
import functools
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.resources.fhirpath import EvaluationError, Place
from fhirserver.resources.fhirpath.compiler import compiled
from fhirserver.resources.fhirpath.engine import engine
from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.table import Evaluate
from fhirserver.resources.fhirpath.nodes import Node, descendants, node
from fhirserver.resources.fhirpath.syntax import parse
from fhirserver.resources.fhirpath.values import truth
from fhirserver.resources.invariants.rules import Rule, rules
from fhirserver.resources.registry import RELEASES, Release
from tests.packages import examples

LACKING = ("hasValue", "lowBoundary", "comparable", "htmlChecks", "memberOf", "trace('unmatched'")
"""What the engine has no function for; what of these the compiler says is in the tables of cases."""
OTHERWISE = {
    ("R5", "csd-4"): "the engine does not begin at a type's name when it is given a typed element",
    ("R5", "sdf-26"): "the engine takes no index within where()",
}
"""Expressions that the engine evaluates otherwise, and why the compiler is right."""


def _asked(release: Release, resource: dict[str, Any]) -> Iterator[tuple[Node, Rule]]:
    """Every element of a resource with each of its rules; guards are looked at by the caller."""
    root = node(release, resource, "Resource")
    for element in (root, *descendants(root)):
        contained = element is not root and type(element.value) is dict and "resourceType" in element.value
        if type(element.value) is dict and not contained:
            for rule in rules(release, element.type, warnings=True):
                yield element, rule


def _said(release: Release, resource: dict[str, Any], element: Node, evaluate: Evaluate) -> bool | str | None:
    focus = node(release, element.value, element.type)
    try:
        return truth(evaluate([focus], Environment(release, focus, Place(resource, resource))))
    except EvaluationError:
        return "cannot be evaluated"


def _quickly(resource: dict[str, Any], element: Node, rule: Rule) -> bool | str | None:
    try:
        return rule.met(element.value, Place(resource, resource))
    except EvaluationError:
        return "cannot be evaluated"


def _compare(release: Release, resource: dict[str, Any], *, with_engine: bool) -> tuple[int, int]:
    """How many invariants were compared, and how many of them are broken."""
    count = broken = 0
    for element, rule in _asked(release, resource):
        invariant = rule.invariant
        closures = _said(release, resource, element, _compiled(invariant.expression))
        assert _quickly(resource, element, rule) == closures, (invariant, element.value)
        if rule.guards is not None and rule.guards.isdisjoint(element.value):
            assert closures is True, (invariant, element.value)
        known = (release, invariant.key) not in OTHERWISE and not any(word in invariant.expression for word in LACKING)
        if with_engine and known:
            theirs = _said(release, resource, element, engine(release, invariant.expression))
            assert theirs == closures, (invariant, element.value)
        count += 1
        broken += closures is not True
    return count, broken


@functools.cache
def _compiled(expression: str) -> Evaluate:
    return compiled(parse(expression))


@functools.cache
def _some(release: Release, step: int) -> list[dict[str, Any]]:
    found = [resource for _, resource in examples(release, step) if len(str(resource)) < 15000]
    for resource in found:
        resource.pop("text", None)
    return found


@pytest.mark.parametrize(("release", "step"), [("R5", 30), ("R4", 90)])
def test_all_three_agree_on_official_examples(release: Release, step: int) -> None:
    counts = [_compare(release, resource, with_engine=True) for resource in _some(release, step)]
    assert sum(count for count, _ in counts) > 2000


TEXTS = ("#x", "#", "group", "display", "draft", "active", "2020", "Patient/1", "fixed", "x")


def _altered(resource: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """The resource with some of its elements gone, doubled or of another text; its shape stays right."""
    resource = copy.deepcopy(resource)
    for _ in range(chance.choice((1, 2, 5))):
        spots = list(_spots(resource))
        if not spots:
            break
        holder, key = chance.choice(spots)
        match chance.randrange(4):
            case 0 if isinstance(holder[key], str):
                holder[key] = chance.choice(TEXTS)
            case 1 if isinstance(holder[key], list):
                holder[key] = holder[key] * 2
            case _ if len(holder) > 1:
                del holder[key]
    return resource


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(value, dict) and key != "resourceType" and not key.startswith("_"):
            yield value, key
        yield from _spots(item)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), release=st.sampled_from(RELEASES))
def test_quick_conditions_say_what_the_closures_say(seed: int, release: Release) -> None:
    chance = random.Random(seed)
    _compare(release, _altered(chance.choice(_some(release, 9)), chance), with_engine=False)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), release=st.sampled_from(RELEASES))
def test_the_closures_say_what_the_full_engine_says(seed: int, release: Release) -> None:
    chance = random.Random(seed)
    _compare(release, _altered(chance.choice(_some(release, 9)), chance), with_engine=True)
