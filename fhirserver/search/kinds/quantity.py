"""Quantities: a number with a unit, in the unit that was written (no conversion).

Element of x: {k, lo, hi, u}, where u holds system|code, |code and |unit; k is the code of the parameter, and once more
code|unit of measure, so that a search with a coded unit reads that unit's range alone. https://hl7.org/fhir/R5/search.html#quantity
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.search import escapes, numbers
from fhirserver.search.kinds import number
from fhirserver.search.kinds.number import Number
from fhirserver.search.kinds.terms import Filter, Span, quote
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ()
CURRENCY = "urn:iso:std:iso:4217"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A comparison, with system|code (`unit` is None for any, '|code' for a code or unit of any system)."""

    number: Number
    system: str
    unit: str | None


@dataclass(frozen=True, slots=True)
class Measure:
    """What a value of a resource says: a closed range, and what its unit is called."""

    low: Decimal
    high: Decimal
    system: str
    code: str
    unit: str


Test = Quantity


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Test:
    """The test of one value: number, number|system|code or number||code."""
    parts = [escapes.plain(part, given) for part in escapes.split(value, "|")]
    if len(parts) not in (1, 3):
        raise BadRequest(f"'{value}' is no quantity: write 5.4, 5.4|system|code or 5.4||code.", expression=given)
    compared = number.read(parts[0], given, parameter.wide)
    if len(parts) == 1 or not (parts[1] or parts[2]):
        return Quantity(compared, "", None)
    if not parts[2]:
        raise BadRequest(f"'{value}' names a system of units but no unit: write the code after it.", expression=given)
    return Quantity(compared, parts[1], parts[2])


# -- index -----------------------------------------------------------------------------------------------------------


def measure(type_: str, value: Any) -> Measure | None:
    """The range and the unit of a value; None where it holds no number."""
    if not isinstance(value, dict):
        return None
    if type_ == "Range":
        ends = [value.get("low") or {}, value.get("high") or {}]
        found = number.span("Range", value)
        said = ends[0] if ends[0].get("value") is not None else ends[1]
    elif type_ == "SampledData":
        ends = [value.get("lowerLimit"), value.get("upperLimit")]
        found = number.span("Range", {"low": {"value": ends[0]}, "high": {"value": ends[1]}})
        said = value.get("origin") or {}
    else:
        found = number.span("decimal", value.get("value"))
        said = value
        if found:
            comparator = value.get("comparator")
            if comparator in ("<", "<="):
                found = numbers.LOWEST, found[1]
            elif comparator in (">", ">="):
                found = found[0], numbers.HIGHEST
        if type_ == "Money":
            said = {"system": CURRENCY, "code": value.get("currency")}
    if found is None:
        return None
    return Measure(*found, said.get("system") or "", said.get("code") or "", said.get("unit") or "")


def units(it: Measure) -> list[str]:
    """What a search may call the unit, from the most exact on."""
    names = dict.fromkeys(name for name in (it.code, it.unit) if name)
    exact = [f"{it.system}|{it.code}"] if it.code and it.system else []
    return [*exact, *(f"|{name}" for name in names)]


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code = parameter.code

    def index(value: Any, sink: Sink) -> None:
        it = measure(type_, value)
        if it is None:
            return
        called = {"u": units(it)}
        sink.x += number.elements(code, it.low, it.high, called)
        if it.code:
            sink.x += number.elements(f"{code}|{quote(it.code)}", it.low, it.high, called)
        sink.sort(code, it.low)

    return index


# -- query -----------------------------------------------------------------------------------------------------------


def unit_filter(test: Quantity) -> Filter:
    """The condition on u; empty where any unit will do."""
    return {"u": f"{test.system}|{test.unit}"} if test.unit else {}


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    return number.to_mongo(_key(code, test), test.number, unit_filter(test))


def spans(code: str, test: Test) -> tuple[Span, ...]:
    """The parts of the index that hold all that a test may find."""
    return number.spans(_key(code, test), test.number)


def _key(code: str, test: Test) -> str:
    return f"{code}|{quote(test.unit)}" if test.unit and test.system else code


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    it = measure(type_, value)
    if it is None or not number.compare(test.number, it.low, it.high):
        return False
    if not test.unit:
        return True
    if test.system:
        return it.system == test.system and it.code == test.unit
    return test.unit in (it.code, it.unit)
