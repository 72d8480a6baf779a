"""The orders in which documents lie: sort keys as strings that compare like the values, and the order key of a type.

Every key ends in something of the resource's id, so that no two are equal and a page can go on behind any.
https://hl7.org/fhir/R5/search.html#sort
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Context, Decimal
from functools import cache
from hashlib import blake2b
from typing import Any, Final

from fhirserver.resources import registry
from fhirserver.resources.registry import Release
from fhirserver.search.kinds.date import DAY, EARLIEST, LATEST
from fhirserver.search.parameters import Parameter, standard
from fhirserver.search.paths import Branch, Key

END: Final = "\0"
"""What ends the value of a key; no string of FHIR holds it."""

HIGHEST: Final = "-"
"""What follows a parameter's code in the key of its highest value, kept where that is not its lowest."""

DIGITS: Final = 13
"""Characters of an instant in a key."""

_EXACT = Context(prec=50)
_COMPLEMENT = str.maketrans("0123456789", "9876543210")
_MILLISECOND = timedelta(milliseconds=1)

NONE, MOMENTS, DAYS, MONTHS, YEARS, LONG = range(6)
"""The classes of a resource's span of the main date: none, up to a minute, a day, a month, a year, longer or several.

A date that is asked for is as long as one of them: what is longer than that cannot lie within it, and is not looked at.
"""

_MAIN = (
    "date",
    "birthdate",
    "recorded-date",
    "recorded",
    "authoredon",
    "authored",
    "authored-on",
    "created",
    "sent",
    "effective",
    "issued",
    "period",
)
"""The parameters that may be the main date of a type, from the most usual one on."""


@cache
def main_date(release: Release, type_: str) -> str | None:
    """The parameter whose dates the resources of a type lie in the order of; one that can have a single value only."""
    known = standard(release, type_)
    return next((code for code in _MAIN if code in known and _single(known[code])), None)


def _single(parameter: Parameter) -> bool:
    """Whether all branches are the choices of one property: 'effectiveDateTime', 'effectivePeriod'."""
    if parameter.kind != "date" or not all(len(branch.steps) == 1 for branch in parameter.branches):
        return False
    ends = [(getattr(branch.steps[0], "name", ""), branch.type) for branch in parameter.branches]
    stems = {name.removesuffix(type_[:1].upper() + type_[1:]) for name, type_ in ends}
    return len(stems) == 1


@cache
def ranged(release: Release, type_: str) -> frozenset[str]:
    """The parameters of which many resources have several values: the highest key is kept even where it is the lowest.

    A name and an address are several strings; a part that repeats, such as Observation.component, has its own in each.
    """
    return frozenset(
        code
        for code, each in standard(release, type_).items()
        if each.types & {"HumanName", "Address"} or any(_is_of_parts(each.release, type_, b) for b in each.branches)
    )


def _is_of_parts(release: Release, type_: str, branch: Branch) -> bool:
    """Whether a branch leads into a backbone element that repeats."""
    whole, first = registry.structure(release, type_), branch.steps[:1]
    if whole is None or len(branch.steps) < 2 or not isinstance(first[0], Key):
        return False
    part = whole.elements.get(first[0].name)
    return part is not None and part.many and "." in part.type


def instant(at: datetime) -> str:
    """Thirteen digits that sort like the instant."""
    return f"{(at - EARLIEST) // _MILLISECOND:0{DIGITS}x}"


def number(value: Decimal) -> str:
    """A string that sorts like the number: sign, exponent, digits."""
    if not value:
        return "1"
    exponent = value.adjusted()
    digits = str(_EXACT.scaleb(value.copy_abs(), -exponent)).replace(".", "").rstrip("0")
    size = f"{exponent + 10_000:05}"
    return f"2{size}{digits}" if value > 0 else "0" + (size + digits).translate(_COMPLEMENT) + "~"


def key(value: str | datetime | Decimal) -> str:
    """The sort key of a value, without its end."""
    if isinstance(value, str):
        return value.replace(END, "") if END in value else value
    return instant(value) if isinstance(value, datetime) else number(value)


def end(id_: str) -> str:
    """What all sort keys of one resource end in."""
    return f"{END}{id_ if len(id_) < 12 else blake2b(id_.encode(), digest_size=6).hexdigest()}"


def place(main: str | None, elements: list[dict[str, Any]]) -> tuple[int, str]:
    """The class and the beginning of the order key of a resource with these ranges."""
    if main is None:
        return NONE, ""
    spans = [(each["lo"], each["hi"]) for each in elements if each["k"] == main]
    if not spans:
        return NONE, "-"
    low, high = spans[0]
    if len(spans) > 1:
        return LONG, instant(min(low for low, _ in spans))
    return next((class_ for class_, most in LENGTHS.items() if high - low <= most), LONG), instant(low)


LENGTHS: Final = {
    MOMENTS: timedelta(minutes=1),
    DAYS: DAY,
    MONTHS: timedelta(days=31),
    YEARS: timedelta(days=366),
    LONG: LATEST - EARLIEST,
}
"""How long the spans of a class may be."""
