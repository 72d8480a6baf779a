"""The declared differences of all structures, each type's from its own module.

https://hl7.org/fhir/R5/diff.html
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from fhirserver.releases.parts import Part, Rules

MODULES = (
    "datatypes",
    "activity_definition",
    "audit_event",
    "condition",
    "conformance",
    "consent",
    "evidence_variable",
    "group",
    "location",
    "organization",
    "plan_definition",
    "practitioner_role",
    "provenance",
    "questionnaire",
    "research_study",
    "research_subject",
    "subscription",
)
"""Modules that declare RULES."""


@cache
def _all() -> Rules:
    found: dict[str, tuple[Part, ...]] = {}
    for name in MODULES:
        module = import_module(f"fhirserver.releases.{name}")
        found |= module.RULES
    return found


def rules(structure: str) -> tuple[Part, ...]:
    """The differences of a structure, by its R5 name."""
    return _all().get(structure, ())
