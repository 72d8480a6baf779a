"""Numbers as the index compares them: decimals of at most 34 digits, a search value with its implicit precision.

https://hl7.org/fhir/R5/search.html#number
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal

_CONTEXT = Context(prec=34, Emin=-6143, Emax=6144, clamp=1, traps=[])
"""IEEE 754 decimal128, which is what the database holds."""

HIGHEST = Decimal((0, (9,) * 34, 6111))
LOWEST = Decimal((1, (9,) * 34, 6111))
"""The open ends: the largest numbers that a decimal128 holds, so that the index never holds an infinity."""

_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,4})?")


def bounded(value: int | Decimal) -> Decimal:
    """The nearest decimal128."""
    found = _CONTEXT.plus(value if isinstance(value, Decimal) else Decimal(value))
    if found.is_finite():
        return found
    return HIGHEST if found > 0 else LOWEST


@dataclass(frozen=True, slots=True)
class Precise:
    """A number as a client wrote it: its value, and [low, high) that its digits stand for."""

    value: Decimal
    low: Decimal
    high: Decimal


def read(text: str) -> Precise | None:
    """'100' is [99.5, 100.5), '100.00' is [99.995, 100.005); None for what is no number."""
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    digits = len(value.as_tuple().digits)
    if match[2] and not match[1] and digits == 1:
        exponent -= 1  # The specification reads '1e2' as [95, 105): an exponent alone gives two digits.
    half = Decimal((0, (5,), exponent - 1))
    return Precise(bounded(value), bounded(_CONTEXT.subtract(value, half)), bounded(_CONTEXT.add(value, half)))


def about(number: Precise) -> tuple[Decimal, Decimal]:
    """The closed range of 'ap': a tenth of the value to each side, at least the implicit precision."""
    tenth = _CONTEXT.multiply(_CONTEXT.abs(number.value), Decimal("0.1"))
    low = min(number.low, _CONTEXT.subtract(number.value, tenth))
    return bounded(low), bounded(max(number.high, _CONTEXT.add(number.value, tenth)))
