"""Whom an eligibility Group admits: the ages, the sexes, whether healthy volunteers too, as far as it is coded.

A Group that is defined by its characteristics admits who has them all; one that says nothing of age limits no age. A
characteristic of age or sex that cannot be read, such as one in words, leaves it unknown whom the Group admits.
https://hl7.org/fhir/R5/group.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from fhirserver.fhirjson import Resource

SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
GENDER = "http://hl7.org/fhir/administrative-gender"
SEXES = ("female", "male", "other", "unknown")

MINUTES: Mapping[str, int] = MappingProxyType({"a": 525_960, "mo": 43_830, "wk": 10_080, "d": 1_440, "h": 60, "min": 1})
"""UCUM's units of age in minutes, exactly: a year is 365.25 days, a month a twelfth of it."""

_WORDS: Mapping[str, str] = MappingProxyType(
    {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}
)
_AGE = frozenset({(SNOMED, "397669002"), (SNOMED, "424144002"), (LOINC, "30525-0"), (LOINC, "21612-7")})
_SEX = frozenset({(LOINC, "46098-0"), (LOINC, "76689-9"), (SNOMED, "263495000"), (SNOMED, "734000001")})
_HEALTHY = frozenset({("http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl", "C98737")})
_SEX_OF: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        **{(GENDER, sex): sex for sex in SEXES},
        ("http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender", "F"): "female",
        ("http://terminology.hl7.org/CodeSystem/v3-AdministrativeGender", "M"): "male",
        (SNOMED, "248152002"): "female",
        (SNOMED, "248153007"): "male",
        (LOINC, "LA3-6"): "female",
        (LOINC, "LA2-8"): "male",
    }
)
_ANY = frozenset({"all", "both", "any"})

_STEP = Decimal("0.000001")
"""What an age is from a limit that it does not reach."""

Span = tuple[Decimal, Decimal | None]
"""Ages in minutes, both ends within; None is without end."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Whom a Group admits; None is unknown."""

    ages: tuple[Span, ...] | None
    sexes: tuple[str, ...] | None
    healthy: bool | None


def admitted(group: Resource) -> Facts | None:
    """Whom a Group of people admits; None for one that lists its members instead of defining them."""
    if group.get("type") != "person" or not _defines(group):
        return None
    ages: list[Span] | None = [(Decimal(0), None)]
    sexes: list[str] | None = list(SEXES)
    healthy: bool | None = None
    for each in group.get("characteristic", ()):
        excluded = each.get("exclude") is True
        if _is(each, _AGE, "age") and ages is not None:
            ages = _narrowed(ages, _ages(each), excluded)
        elif _is(each, _SEX, "sex", "gender") and sexes is not None:
            named = _sexes(each)
            sexes = None if named is None else [sex for sex in sexes if (sex in named) is not excluded]
        elif _is(each, _HEALTHY, "accepts healthy volunteers", "healthy volunteers"):
            flag = each.get("valueBoolean")
            healthy = flag is not excluded if isinstance(flag, bool) else None
    return Facts(None if ages is None else tuple(ages), None if sexes is None else tuple(sexes), healthy)


def _defines(group: Resource) -> bool:
    """R5 says how membership comes about, R4 whether members are actual ones."""
    return group.get("membership") == "definitional" if "membership" in group else group.get("actual") is False


def _is(characteristic: Resource, codes: frozenset[tuple[str, str]], *words: str) -> bool:
    code = characteristic.get("code") or {}
    if any(pair in codes for pair in _pairs(code)):
        return True
    return not code.get("coding") and str(code.get("text", "")).strip().casefold() in words


def _pairs(concept: Resource) -> list[tuple[str, str]]:
    return [(str(each.get("system")), str(each.get("code"))) for each in concept.get("coding") or () if each]


# -- ages --------------------------------------------------------------------------------------------------------------


def minutes(quantity: Any) -> Decimal | None:
    """An age in minutes, by its UCUM code or the name of its unit; None when that is no unit of age."""
    if not isinstance(quantity, dict):
        return None
    value, code = quantity.get("value"), quantity.get("code")
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    if code is None:
        code = _WORDS.get(str(quantity.get("unit", "")).strip().casefold().removesuffix("s"))
    elif quantity.get("system", UCUM) != UCUM:
        return None
    factor = MINUTES.get(str(code))
    try:
        return None if factor is None else value * Decimal(factor)
    except ArithmeticError:
        return None  # nobody is that old


def _ages(characteristic: Resource) -> Span | None:
    """The ages that a characteristic names; None when they cannot be read."""
    range_, quantity = characteristic.get("valueRange"), characteristic.get("valueQuantity")
    if isinstance(range_, dict):
        low, high = (minutes(range_.get(side)) for side in ("low", "high"))
        unread = (low is None and "low" in range_) or (high is None and "high" in range_)
        return None if unread or (low is None and high is None) else (low or Decimal(0), high)
    age = minutes(quantity)
    if age is None or quantity is None:
        return None
    match quantity.get("comparator"):
        case None:
            return age, age
        case ">=":
            return age, None
        case ">":
            return age + _STEP, None
        case "<=":
            return Decimal(0), age
        case "<":
            return Decimal(0), age - _STEP
    return None


def _narrowed(spans: Sequence[Span], by: Span | None, excluded: bool) -> list[Span] | None:
    """What is left of ages when only those of a span are admitted, or all but those."""
    if by is None:
        return None
    low, high = by
    if not excluded:
        return [left for span in spans if (left := _common(span, by))]
    below, above = (Decimal(0), low - _STEP), (None if high is None else high + _STEP)
    rest: list[Span] = [below] if above is None else [below, (above, None)]
    return [left for span in spans for each in rest if (left := _common(span, each))]


def _common(one: Span, other: Span) -> Span | None:
    low = max(one[0], other[0])
    highs = [high for _, high in (one, other) if high is not None]
    high = min(highs) if highs else None
    return None if high is not None and high < low else (low, high)


# -- sexes -------------------------------------------------------------------------------------------------------------


def _sexes(characteristic: Resource) -> tuple[str, ...] | None:
    """The sexes that a characteristic names; None when they cannot be read."""
    concept = characteristic.get("valueCodeableConcept")
    if not isinstance(concept, dict):
        return None
    named = tuple(sex for pair in _pairs(concept) if (sex := _SEX_OF.get(pair)))
    if named:
        return named
    words = str(concept.get("text", "")).strip().casefold()
    return SEXES if words in _ANY else (words,) if words in SEXES else None
