"""Quantities: a number with a unit. Those of UCUM are compared in base units, others in the unit that was written.

Elements of x: {k, lo, hi, u} as written, where u holds the code and the name of the unit and k is the code of the
parameter; and {k, lo, hi} with k code|g.m-3 in base units, or code|system|unit where no factor leads to them. So a
search with a coded unit reads that unit's range alone. https://hl7.org/fhir/R5/search.html#quantity
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.search import escapes, numbers, ucum
from fhirserver.search.kinds import number
from fhirserver.search.kinds.number import Number
from fhirserver.search.kinds.terms import Filter, Span, quote
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink

MODIFIERS = ()
CURRENCY = "urn:iso:std:iso:4217"


@dataclass(frozen=True, slots=True)
class Quantity:
    """A comparison in a unit: of any system where `system` is empty, any at all where `unit` is None.

    Where `base` names base units the number is of those.
    """

    number: Number
    system: str
    unit: str | None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """What a value of a resource says: a closed range, and what its unit is called."""

    low: Decimal
    high: Decimal
    system: str
    code: str
    unit: str


@dataclass(frozen=True, slots=True)
class Exact:
    """A closed range of a coded unit: in base units, named as they are, or as written, named system|code."""

    name: str
    low: Decimal
    high: Decimal


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
    unit = ucum.unit(parts[2]) if parts[1] in ucum.SYSTEMS else None
    if unit is None:
        return Quantity(compared, parts[1], parts[2])
    exact, low, high = unit.base(compared.value), unit.base(compared.low), unit.base(compared.high)
    return Quantity(Number(compared.prefix, exact, low, high, compared.wide), parts[1], parts[2], unit.name)


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
    """What a search that names no system may call the unit."""
    return list(dict.fromkeys(name for name in (it.code, it.unit) if name))


def exact(it: Measure) -> Exact | None:
    """The range of a measure in its coded unit; None where its unit has no code of a system."""
    if not it.code or not it.system:
        return None
    unit = ucum.unit(it.code) if it.system in ucum.SYSTEMS else None
    if unit is None:
        return Exact(f"{quote(it.system)}|{quote(it.code)}", it.low, it.high)
    low = unit.base(it.low)
    return Exact(unit.name, low, low if it.low == it.high else unit.base(it.high))


def elements(
    code: str, it: Measure, coded: Exact | None, *, sign: str = "|", more: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    """The elements of x for a measure; `sign` stands before the name of its coded unit, `more` in each of them."""
    found = number.elements(code, it.low, it.high, {"u": units(it), **(more or {})})
    return found + number.elements(f"{code}{sign}{coded.name}", coded.low, coded.high, more) if coded else found


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code = parameter.code

    def index(value: Any, sink: Sink) -> None:
        it = measure(type_, value)
        if it is None:
            return
        coded = exact(it)
        sink.x += elements(code, it, coded)
        sink.sort(code, coded.low if coded else it.low)

    return index


# -- query -----------------------------------------------------------------------------------------------------------


def to_mongo(code: str, test: Test, extra: Filter | None = None, sign: str = "|") -> Filter:
    """The filter of a test; `extra` is asked of the same element."""
    named = {"u": test.unit} if test.unit and not test.system else {}
    return number.to_mongo(_key(code, test, sign), test.number, {**named, **(extra or {})})


def spans(code: str, test: Test, sign: str = "|") -> tuple[Span, ...]:
    """The parts of the index that hold all that a test may find."""
    return number.spans(_key(code, test, sign), test.number)


def name(test: Test) -> str | None:
    """What the coded unit of a test is called in the index; None where any unit, or any system, will do."""
    return test.base or (f"{quote(test.system)}|{quote(test.unit)}" if test.unit and test.system else None)


def _key(code: str, test: Test, sign: str) -> str:
    coded = name(test)
    return f"{code}{sign}{coded}" if coded else code


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    it = measure(type_, value)
    if it is None:
        return False
    wanted = name(test)
    if wanted:
        coded = exact(it)
        return coded is not None and coded.name == wanted and number.compare(test.number, coded.low, coded.high)
    return number.compare(test.number, it.low, it.high) and (not test.unit or test.unit in (it.code, it.unit))
