"""Kinds of functions: those whose arguments are values, and those that apply an expression to each item.

https://hl7.org/fhirpath/N1/#functions
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.values import Items

Evaluate = Callable[[Items, Environment], Items]
"""(focus, environment) → a collection."""


class Function(NamedTuple):
    """`call` takes the environment, the input and the value of each argument; `least` and `most` count these."""

    call: Callable[..., Items]
    least: int = 0
    most: int = 0


class Macro(NamedTuple):
    """`call` takes the environment, the input and each argument unevaluated."""

    call: Callable[..., Items]
    least: int = 1
    most: int = 1


Table = Mapping[str, Function | Macro]


def each(environment: Environment, items: Items, expression: Evaluate) -> Iterator[Items]:
    """What an expression gives for each item, which is $this, and its position $index."""
    before = environment.index
    environment.spend(len(items))
    try:
        for at, item in enumerate(items):
            environment.index = at
            yield expression([item], environment)
    finally:
        environment.index = before
