"""Data types whose shapes differ between R4 and R5, as far as their tables do not say it.

https://hl7.org/fhir/R5/datatypes.html, https://hl7.org/fhir/R5/metadatatypes.html
"""

from __future__ import annotations

from decimal import Decimal
from types import MappingProxyType
from typing import Any

from fhirserver.releases.forms import moved
from fhirserver.releases.parts import Change, Coded, Node, Reshaped, Rules, Swapped, Walk
from fhirserver.releases.targets import named
from fhirserver.releases.type_names import R4_TYPES, R5_TYPES
from fhirserver.resources.registry import Release, codes, resource_types


def _everywhere(text: Any) -> bool:
    """Whether a reference can be read in both releases: neither knows all types of the other."""
    name = named(text)
    return name is None or (name in resource_types("R4") and name in resource_types("R5"))


def _known_in(release: Release) -> Change:
    def change(form: Node, _old: Node, walk: Walk) -> Node:
        if (name := named(form.get("reference"))) is None or name in resource_types(release):
            return moved(form, "reference", "reference", walk)
        return {}

    return change


_PARTS_OF_A_NUMBER = frozenset(
    f"http://hl7.org/fhir/StructureDefinition/contactpoint-{part}" for part in ("area", "country", "extension", "local")
)
_MILLISECONDS = MappingProxyType({"ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000})


def _period(form: Node, _old: Node, _walk: Walk) -> Node:
    """R4 counts milliseconds between samples, R5 in any unit of time."""
    interval, unit = form.get("interval"), form.get("intervalUnit")
    if not isinstance(interval, int | Decimal) or not isinstance(unit, str) or unit not in _MILLISECONDS:
        return {}
    return {"period": interval if unit == "ms" else interval * _MILLISECONDS[unit]}


def _interval(form: Node, _old: Node, _walk: Walk) -> Node:
    return {"interval": form["period"], "intervalUnit": "ms"} if "period" in form else {}


def _as_needed_one(form: Node, _old: Node, walk: Walk) -> Node:
    """R4 says either whether or for what, and for one thing only."""
    if form.get("asNeededFor"):
        return {"asNeededCodeableConcept": walk("CodeableConcept", form["asNeededFor"][0])}
    return moved(form, "asNeeded", "asNeededBoolean", walk)


def _as_needed(form: Node, _old: Node, walk: Walk) -> Node:
    if "asNeededCodeableConcept" in form:
        return {"asNeededFor": [walk("CodeableConcept", form["asNeededCodeableConcept"])]}
    return moved(form, "asNeededBoolean", "asNeeded", walk)


_R4_ARTIFACTS = codes("R4", "http://hl7.org/fhir/ValueSet/related-artifact-type") or frozenset()
_R5_ARTIFACTS = codes("R5", "http://hl7.org/fhir/ValueSet/related-artifact-type") or frozenset()
_ARTIFACTS = MappingProxyType(
    dict.fromkeys(_R5_ARTIFACTS - _R4_ARTIFACTS, "documentation")
    | {
        "cites": "citation",
        "cite-as": "citation",
        "supported-with": "justification",
        "contains": "composed-of",
        "replaces": "predecessor",
        "replaced-with": "successor",
        "transforms": "derived-from",
    }
)
"""R5's relations as the nearest of R4's eight, which demands one: more about it, when nothing is nearer."""

_R4_ALL = codes("R4", "http://hl7.org/fhir/ValueSet/all-types") or frozenset()
_R5_ALL = codes("R5", "http://hl7.org/fhir/ValueSet/fhir-types") or frozenset()
_ANY = MappingProxyType(dict.fromkeys(_R5_ALL - _R4_ALL, "Any") | dict(R4_TYPES))
_BASE = MappingProxyType(
    dict.fromkeys(_R4_ALL - _R5_ALL, "Base")
    | {"MoneyQuantity": "Quantity", "SimpleQuantity": "Quantity", "Media": "DocumentReference", "Type": "DataType"}
    | dict(R5_TYPES)
)

RULES: Rules = MappingProxyType(
    {
        "Reference": (
            Reshaped(
                ("reference",), ("reference",), _known_in("R4"), _known_in("R5"), quiet={"reference": _everywhere}
            ),
        ),
        "ContactPoint": (Swapped("value", _PARTS_OF_A_NUMBER),),
        "SampledData": (Reshaped(("interval", "intervalUnit"), ("period",), _period, _interval),),
        "Dosage": (
            Reshaped(
                ("asNeeded", "asNeededFor"),
                ("asNeededBoolean", "asNeededCodeableConcept"),
                _as_needed_one,
                _as_needed,
            ),
        ),
        "DataRequirement": (Coded("type", "type", _ANY, _BASE),),
        "ParameterDefinition": (Coded("type", "type", _ANY, _BASE),),
        "RelatedArtifact": (Coded("type", "type", _ARTIFACTS, MappingProxyType({})),),
    }
)
