"""Who may take part: eligibilityModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#EligibilityModule
"""

from __future__ import annotations

from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import markup, text_of, unworded
from fhirserver.mappers.group import SAMPLING

_UNITS = {"a": "Year", "mo": "Month", "wk": "Week", "d": "Day", "h": "Hour", "min": "Minute"}
_YEARS = {"a": 1.0, "mo": 12.0, "wk": 52.1775, "d": 365.25, "h": 8766.0, "min": 525960.0}
_STANDARD = (("CHILD", 0.0, 18.0), ("ADULT", 18.0, 65.0), ("OLDER_ADULT", 65.0, 200.0))
"""The registry's age groups, in years: each from its first up to, but not at, its second."""


def module(found: Gathered) -> Resource:
    """The whole text, and the limits from the characteristics beside it."""
    group = found.get(found.study.get("recruitment", {}).get("eligibility")) or {}
    characteristics = group.get("characteristic", ())
    text = group.get("description")
    if not text and not characteristics:
        return {}
    said = {text_of(one.get("code")): one for one in reversed(characteristics)}
    low, high = _limits(characteristics)
    sampling = _words(said.get("Sampling method"))
    return {
        "eligibilityCriteria": markup(text),
        "healthyVolunteers": said.get("Accepts healthy volunteers", {}).get("valueBoolean"),
        "sex": unworded(_words(said.get("Sex")) or "ALL"),
        "genderBased": said.get("Gender-based eligibility", {}).get("valueBoolean"),
        "genderDescription": markup(_words(said.get("Gender eligibility"))),
        "minimumAge": _age(low),
        "maximumAge": _age(high),
        "stdAges": _standard(low, high),
        "studyPopulation": markup(_words(said.get("Study population"))),
        "samplingMethod": next((code for code, words in SAMPLING.items() if words == sampling), None)
        or (unworded(sampling) if sampling else None),
    }


def _words(characteristic: Any) -> str | None:
    return text_of(characteristic.get("valueCodeableConcept")) if isinstance(characteristic, dict) else None


def _limits(characteristics: Any) -> tuple[Resource | None, Resource | None]:
    """The ends of the age limit, which may stand in one Range or in two."""
    ends: dict[str, Resource] = {}
    for one in characteristics:
        if text_of(one.get("code")) == "Age" and not one.get("exclude"):
            for side in ("low", "high"):
                if side in one.get("valueRange", {}):
                    ends.setdefault(side, one["valueRange"][side])
    return ends.get("low"), ends.get("high")


def _age(limit: Resource | None) -> str | None:
    """'8 Months', '1 Year'."""
    unit = _UNITS.get(limit.get("code", "")) if limit else None
    if limit is None or unit is None:
        return None
    return f"{limit.get('value')} {unit}{'' if limit.get('value') == 1 else 's'}"


def _years(limit: Resource) -> float:
    return float(limit.get("value", 0)) / _YEARS.get(limit.get("code", ""), 1.0)


def _standard(low: Resource | None, high: Resource | None) -> list[str]:
    """The registry's age groups that the limits touch."""
    youngest = _years(low) if low else 0.0
    oldest = _years(high) if high else 199.0
    return [name for name, start, end in _STANDARD if youngest < end and oldest >= start]
