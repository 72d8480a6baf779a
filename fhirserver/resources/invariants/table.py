"""The invariants of the specification, where each is defined.

https://hl7.org/fhir/R5/conformance-rules.html#constraints; the table is written by tools/generate_definitions.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

import msgspec

from fhirserver.resources.invariants.apart import APART, CORRECTED, COVERED, REWORDED
from fhirserver.resources.registry import Release

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Invariant:
    """A rule on the element at `path`, which is a type, a backbone element or one property (ElementDefinition.max)."""

    path: str
    key: str
    severity: Severity
    expression: str


@cache
def invariants(release: Release, path: str) -> tuple[Invariant, ...]:
    """The invariants defined at a type or element, as they are evaluated: without those that are checked elsewhere."""
    found = []
    for key, severity, expression in published(release).get(path, ()):
        if key not in COVERED and (release, path, key) not in APART:
            corrected = CORRECTED.get((release, path, key)) or REWORDED.get((release, expression))
            found.append(Invariant(path, key, severity, corrected.expression if corrected else expression))
    return tuple(found)


@cache
def published(release: Release) -> Mapping[str, list[tuple[str, Severity, str]]]:
    """Type or element → (key, severity, expression) of each invariant that is defined there, as published."""
    data = resources.files("fhirserver.resources").joinpath("definitions", release, "invariants.json").read_bytes()
    table: dict[str, list[tuple[str, Severity, str]]] = msgspec.json.decode(data)
    return table
