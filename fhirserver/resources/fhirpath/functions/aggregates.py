"""One value of many: aggregate, sum, min, max, avg.

https://hl7.org/fhirpath/N1/#aggregates
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.table import Evaluate, Function, Macro, Table
from fhirserver.resources.fhirpath.values import EvaluationError, Items, order, plain


def _aggregate(environment: Environment, items: Items, step: Evaluate, start: Evaluate | None = None) -> Items:
    before = environment.index, environment.total
    environment.total = start(items, environment) if start else []
    try:
        for at, item in enumerate(items):
            environment.index = at
            environment.total = step([item], environment)
        return environment.total
    finally:
        environment.index, environment.total = before


def _numbers(items: Items) -> list[int | Decimal]:
    values = [plain(item) for item in items]
    if not all(type(value) is int or type(value) is Decimal for value in values):
        raise EvaluationError("numbers are expected")
    return values


def _extreme(sign: int) -> Callable[[Environment, Items], Items]:
    def better(one: Any, other: Any) -> Any:
        return other if order([other], [one]) == sign else one

    return lambda _, items: [reduce(better, items)] if items else []


AGGREGATES: Table = MappingProxyType(
    {
        "aggregate": Macro(_aggregate, 1, 2),
        "sum": Function(lambda _, items: [sum(_numbers(items))] if items else []),
        "avg": Function(lambda _, items: [sum(_numbers(items), Decimal(0)) / len(items)] if items else []),
        "min": Function(_extreme(-1)),
        "max": Function(_extreme(1)),
    }
)
