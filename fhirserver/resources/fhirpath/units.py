"""Units that convert into each other by a factor: durations, and mass, volume, length and amount with metric prefixes.

https://hl7.org/fhirpath/N1/#quantity and https://ucum.org. Of other units only quantities of the same one compare.
"""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType

from fhirserver.resources.fhirpath.syntax import Measure

_PREFIXES = MappingProxyType(
    {"k": 3, "": 0, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12},
)
_DURATIONS = MappingProxyType(
    {
        ("ms", "millisecond", "milliseconds"): Decimal("0.001"),
        ("s", "second", "seconds"): Decimal(1),
        ("min", "minute", "minutes"): Decimal(60),
        ("h", "hour", "hours"): Decimal(3600),
        ("d", "day", "days"): Decimal(86400),
        ("wk", "week", "weeks"): Decimal(604800),
    }
)
_MONTHS = MappingProxyType({("month", "months"): Decimal(1), ("year", "years"): Decimal(12)})
"""Calendar durations; UCUM's 'mo' and 'a' are no months and years but so many seconds."""

_FACTORS = MappingProxyType(
    {
        f"{prefix}{base}": (base, Decimal(1).scaleb(power))
        for base in ("g", "m", "mol")
        for prefix, power in _PREFIXES.items()
    }
    | {f"{prefix}{name}": ("L", Decimal(1).scaleb(power)) for name in ("L", "l") for prefix, power in _PREFIXES.items()}
    | {name: ("s", factor) for names, factor in _DURATIONS.items() for name in names}
    | {name: ("month", factor) for names, factor in _MONTHS.items() for name in names}
)


def common(one: Measure, other: Measure) -> tuple[int | Decimal, int | Decimal] | None:
    """Both numbers in one unit; None when there is none known."""
    if one.unit == other.unit:
        return one.value, other.value
    left, right = _FACTORS.get(one.unit), _FACTORS.get(other.unit)
    if left is None or right is None or left[0] != right[0]:
        return None
    return one.value * left[1], other.value * right[1]
