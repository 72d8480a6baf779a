"""What FHIR says about types, elements, search parameters and compartments, by release, read from generated tables.

https://hl7.org/fhir/R5/resourcelist.html; the tables are written by tools/generate_definitions.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module, resources
from types import MappingProxyType
from typing import Any, Literal, get_args

import msgspec

from fhirserver.resources.own_parameters import ROWS, Own

Release = Literal["R5", "R4"]
RELEASES: tuple[Release, ...] = ("R5", "R4")
VERSIONS: Mapping[Release, str] = MappingProxyType({"R5": "5.0.0", "R4": "4.0.1"})

LENSES = frozenset(
    {
        *("ResearchStudy", "ResearchSubject", "Group", "PlanDefinition", "ActivityDefinition", "EvidenceVariable"),
        *("Patient", "Practitioner", "PractitionerRole", "Organization", "Location", "Consent", "Condition"),
        *("Observation", "Provenance", "AuditEvent", "Questionnaire", "QuestionnaireResponse", "Subscription"),
        *("CapabilityStatement", "OperationOutcome", "Bundle", "Parameters", "ValueSet", "CodeSystem"),
        # Those that have one shape in both releases.
        *("Binary", "EnrollmentRequest", "EnrollmentResponse", "Flag", "Linkage", "RelatedPerson"),
        *("SubstanceNucleicAcid", "SubstanceProtein", "SubstanceSourceMaterial", "VisionPrescription"),
    }
)
"""The types that are stored in one form and served in every release."""

Kind = Literal["token", "string", "reference", "date", "uri", "number", "quantity", "composite", "special"]
_KINDS: Mapping[str, Kind] = MappingProxyType({kind: kind for kind in get_args(Kind)})


@dataclass(frozen=True, slots=True)
class Element:
    """One JSON property of a structure: 'valueQuantity' is an element of its own, of the choice 'value'.

    `type` is a FHIR type name ('Quantity', 'code') or the path of a backbone element ('Patient.contact').
    """

    name: str
    type: str
    min: int = 0
    max: int | None = None
    valueset: str | None = None
    targets: frozenset[str] = frozenset()
    choice: str | None = None

    @property
    def many(self) -> bool:
        """Whether the JSON value is an array."""
        return self.max != 1


@dataclass(frozen=True, slots=True)
class Structure:
    """A resource type, data type, primitive or backbone element; `choices` lists the properties of each choice."""

    name: str
    kind: Literal["resource", "complex-type", "primitive-type", "backbone"]
    abstract: bool
    base: str | None
    elements: Mapping[str, Element]
    choices: Mapping[str, tuple[str, ...]]
    regex: str | None = None


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A search parameter of one type; `expression` holds only the FHIRPath branches that concern that type.

    `targets` is empty when any type may be referenced. `components` are (definition url, expression) of a composite.
    The url of one of our `own` is what follows a base of the server: 'SearchParameter/Group-admits-age'. One that
    reads a resource as another release sees it names that release as its `view`.
    """

    code: str
    kind: Kind
    expression: str
    url: str
    targets: frozenset[str] = frozenset()
    components: tuple[tuple[str, str], ...] = ()
    own: Own | None = None
    view: Release | None = None


@cache
def _table(release: Release, name: str) -> dict[str, Any]:
    data = resources.files("fhirserver.resources").joinpath("definitions", release, f"{name}.json").read_bytes()
    table: dict[str, Any] = msgspec.json.decode(data)
    return table


def has_lens(type_: str) -> bool:
    """Whether a type is one resource for all releases; what has no lens belongs to the release it was written in."""
    return type_ in LENSES


def stored_release(release: Release, type_: str) -> Release:
    """The release in whose form a base of `release` stores a type."""
    return "R5" if type_ in LENSES else release


def place(release: Release, type_: str) -> str:
    """Where a base of `release` keeps a type: 'Patient' in every release, 'Encounter' in R5, 'Encounter.R4' in R4."""
    return type_ if release == "R5" or type_ in LENSES else f"{type_}.{release}"


def placed(place_: str) -> str:
    """The type that is kept at a place."""
    return place_.partition(".")[0]


@cache
def structure(release: Release, name: str) -> Structure | None:
    """The structure of a type ('Patient', 'HumanName') or backbone element ('Patient.contact'); None if unknown."""
    row = _table(release, "structures").get(name)
    if row is None:
        return None
    elements = {
        key: Element(
            key,
            value["t"],
            value.get("r", 0),
            value.get("m"),
            value.get("b"),
            frozenset(value.get("g", ())),
            value.get("c"),
        )
        for key, value in row["elements"].items()
    }
    choices: dict[str, tuple[str, ...]] = {}
    for element in elements.values():
        if element.choice:
            choices[element.choice] = (*choices.get(element.choice, ()), element.name)
    return Structure(name, row["kind"], row["abstract"], row["base"], elements, choices, row.get("regex"))


@cache
def resource_types(release: Release) -> frozenset[str]:
    """The concrete resource types."""
    rows = _table(release, "structures").items()
    return frozenset(name for name, row in rows if row["kind"] == "resource" and not row["abstract"])


@cache
def is_primitive(release: Release, name: str) -> bool:
    """Whether a type is a primitive ('code', 'dateTime', also the 'string' of an id)."""
    row = _table(release, "structures").get(name)
    return row is not None and row["kind"] == "primitive-type"


@cache
def valueset(release: Release, url: str) -> Mapping[str, frozenset[str]] | None:
    """System → codes of a required binding's value set; None when its content is open (languages, media types …)."""
    row = _table(release, "valuesets").get(url)
    return None if row is None else {system: frozenset(codes) for system, codes in row.items()}


@cache
def codes(release: Release, url: str) -> frozenset[str] | None:
    """All codes of a required binding's value set, whatever their system; None when its content is open."""
    found = valueset(release, url)
    return None if found is None else frozenset().union(*found.values())


@cache
def search_parameters(release: Release, type_: str) -> Mapping[str, SearchParameter]:
    """Code → parameter of a type, those of Resource and DomainResource included."""
    tables = _table(release, "search_parameters")
    found: dict[str, SearchParameter] = {}
    for name in (*_ancestors(release, type_), type_):
        for code, (kind, expression, url, *more) in tables.get(name, {}).items():
            if not expression and not code.startswith("_"):
                continue
            extra = more[0] if more else {}
            found[code] = SearchParameter(
                code,
                kind,
                expression,
                url,
                frozenset(extra.get("targets", ())),
                tuple((definition, path) for definition, path in extra.get("components", ())),
            )
    for row in ROWS[release].get(type_, ()):
        url = f"SearchParameter/{type_}-{row.code}"
        of = frozenset(row.targets)
        found[row.code] = SearchParameter(row.code, _KINDS[row.kind], row.expression, url, of, own=row.own)
    return found


def _ancestors(release: Release, type_: str) -> list[str]:
    names: list[str] = []
    row = _table(release, "structures").get(type_)
    while row and row["base"]:
        names.insert(0, row["base"])
        row = _table(release, "structures").get(row["base"])
    return names


@cache
def compartments(release: Release) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Compartment → type → the search parameters that put a resource into it."""
    tables = _table(release, "compartments")
    return {code: {name: tuple(params) for name, params in rows.items()} for code, rows in tables.items()}


_MODEL_PACKAGES: Mapping[Release, str] = MappingProxyType({"R5": "fhir.resources", "R4": "fhir.resources.R4B"})


@cache
def model(release: Release, type_: str) -> Any | None:
    """The fhir.resources class of a type, imported when first asked for; None where the library has none."""
    try:
        return getattr(import_module(f"{_MODEL_PACKAGES[release]}.{type_.lower()}"), type_)
    except (ImportError, AttributeError):
        return None
