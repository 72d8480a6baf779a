"""Units of UCUM reduced to base units, with exact factors: 5.4 g and 5400 mg are the same quantity.

The grammar and the table of units are those of the package ucumvert; its own conversions are floating point, and count
arbitrary units as plain numbers, so the arithmetic is done here, in fractions. https://ucum.org/ucum
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from fhirserver.search import numbers

SYSTEMS = frozenset({"http://unitsofmeasure.org", "urn:oid:2.16.840.1.113883.6.8"})
"""What the system of UCUM's codes is called."""

LONGEST = 60
"""Characters of a code that is taken apart: the longest of the official examples has half of them."""

_HIGHEST_EXPONENT = 30
_DIGITS = 80
"""Digits of a factor; a code that needs more is no unit that anybody measures in."""

_EXACT = Context(prec=400, Emin=-99999, Emax=99999, traps=[])
_ROUNDED = Context(prec=34, Emin=-6143, Emax=6144, clamp=1, traps=[])

_BOUNDLESS = 6_100
"""Powers of ten above which a number stands for an open end."""

_SYNONYMS = MappingProxyType({"[IU]": "[iU]"})

_OWN_DIMENSION = frozenset({"mol"})
"""UCUM counts a mole as 6×10²³ of anything; amounts of substance and counts are no units of one another here."""

_SCALES: Mapping[str, tuple[Fraction, Fraction]] = MappingProxyType(
    {
        "Cel": (Fraction("273.15"), Fraction(1)),
        "[degF]": (Fraction("459.67"), Fraction(5, 9)),
        "[degRe]": (Fraction("218.52"), Fraction(5, 4)),
    }
)
"""Scales of temperature: what to add to a value, and the kelvins of a degree."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as so many base units, `name`d like 'g.m-3'; (value + shift) × numerator ÷ denominator are those."""

    name: str
    shift: Decimal
    numerator: Decimal
    denominator: Decimal

    def base(self, value: Decimal) -> Decimal:
        """A value in base units: exact where 34 digits can hold it, else rounded once. Open ends stay open."""
        if value.adjusted() > _BOUNDLESS:
            return value
        if self.shift:
            value = _EXACT.add(value, self.shift)
        if self.denominator == 1:
            found = _ROUNDED.multiply(value, self.numerator)
        else:
            found = _ROUNDED.divide(_EXACT.multiply(value, self.numerator), self.denominator)
        return found if found.is_finite() else numbers.bounded(found)


@lru_cache(maxsize=2048)
def unit(code: str) -> Unit | None:
    """The unit of a code, comparable with all of the same name; None for what is no code, or no linear unit.

    The first call of a process loads the grammar (about 0.2 s); a new code costs about a millisecond.
    """
    if not code or len(code) > LONGEST or not code.isascii():
        return None
    scale = _SCALES.get(code)
    if scale:
        return _made(Fraction(1), (("K", 1),), *scale)
    found = _parsed(code)
    return _made(found.factor, found.dimensions) if found else None


def comparable(code: str, name: str) -> bool:
    """Whether a code is a unit of the base unit `name`, as 'km' is of 'm'."""
    found = unit(code)
    return found is not None and found.name == name and not found.shift


@dataclass(frozen=True, slots=True)
class _Product:
    """A factor, and base units with their exponents, sorted."""

    factor: Fraction
    dimensions: tuple[tuple[str, int], ...] = ()

    def power(self, exponent: int) -> _Product:
        return _Product(self.factor**exponent, tuple((name, n * exponent) for name, n in self.dimensions))

    def times(self, other: _Product) -> _Product:
        total = dict(self.dimensions)
        for name, exponent in other.dimensions:
            total[name] = total.get(name, 0) + exponent
        return _Product(self.factor * other.factor, tuple(sorted((n, e) for n, e in total.items() if e)))


class _NotLinear(Exception):
    """A unit on a scale of its own (pH, decibel), or a power that is out of all measure."""


_ONE = _Product(Fraction(1))


def _made(
    factor: Fraction,
    dimensions: tuple[tuple[str, int], ...],
    shift: Fraction = Fraction(0),
    degree: Fraction = Fraction(1),
) -> Unit | None:
    whole = factor * degree
    if max(len(str(whole.numerator)), len(str(whole.denominator))) > _DIGITS:
        return None
    name = ".".join(base if exponent == 1 else f"{base}{exponent}" for base, exponent in dimensions)
    added = Decimal(shift.numerator) / Decimal(shift.denominator)
    return Unit(name or "1", added, Decimal(whole.numerator), Decimal(whole.denominator))


def _parsed(code: str) -> _Product | None:
    from lark.exceptions import LarkError

    try:
        return _evaluated(_parser()(code))
    except (LarkError, _NotLinear):
        return None


@cache
def _parser() -> Callable[[str], Any]:
    from ucumvert import get_ucum_parser

    return get_ucum_parser().parse  # type: ignore[no-any-return]


def _evaluated(tree: Any) -> _Product:
    """What a tree of the grammar stands for; operators apply from left to right, a leading solidus inverts."""
    if isinstance(tree, str):
        return _ONE  # an annotation
    parts = tree.children
    match tree.data:
        case "main_term":
            return _evaluated(parts[0]) if len(parts) == 1 else _inverted(parts[1])
        case "term":
            left, operator, right = parts
            return _evaluated(left).times(_evaluated(right).power(-1 if operator == "/" else 1))
        case "component":
            return _evaluated(parts[0])
        case "annotatable":
            exponent = int(parts[1])
            if abs(exponent) > _HIGHEST_EXPONENT:
                raise _NotLinear
            return _evaluated(parts[0]).power(exponent)
    return _simple(*parts)


def _inverted(tree: Any) -> _Product:
    """'/a.b' is one a-th times b."""
    if not isinstance(tree, str) and tree.data == "term":
        left, operator, right = tree.children
        return _inverted(left).times(_evaluated(right).power(-1 if operator == "/" else 1))
    return _evaluated(tree).power(-1)


def _simple(*tokens: Any) -> _Product:
    *prefixes, atom = tokens
    if atom.type == "FACTOR":
        return _Product(Fraction(atom.value))
    found = _atom(_SYNONYMS.get(atom.value, atom.value))
    return _Product(_prefixes()[prefixes[0].value]).times(found) if prefixes else found


@cache
def _atom(code: str) -> _Product:
    definition = _definitions().get(code)
    if definition is None or code in _OWN_DIMENSION or definition.is_arbitrary:
        return _Product(Fraction(1), ((code, 1),))
    if definition.is_special:
        raise _NotLinear
    return _Product(Fraction(definition.conversion_factor)).times(_evaluated(_parser()(definition.defining_unit)))


@cache
def _definitions() -> Mapping[str, Any]:
    from ucumvert.xml_util import get_units_with_full_definition

    return {each.code_cs: each for each in get_units_with_full_definition()}


@cache
def _prefixes() -> Mapping[str, Fraction]:
    from ucumvert.xml_util import root

    return {
        prefix.attrib["Code"]: Fraction(value.attrib["value"])
        for prefix in root.findall("{*}prefix")
        for value in prefix.findall("{*}value")
    }
