"""Whole resources to begin with: those of the seed and the mapped trials, and HL7's examples where they are at hand."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fhirserver.releases import converted
from fhirserver.resources.registry import has_lens
from tests.official import REFUSED
from tests.packages import examples

ROOT = Path(__file__).parents[2]
BUNDLES = (ROOT / "seed" / "fhir" / "patients.json", *sorted((ROOT / "tests" / "golden" / "mappers").glob("*.json")))
SMALL = 6000
"""Characters of an example that is worth damaging: what is wrong with a large one is wrong with a small one too."""

Json = dict[str, Any]


@cache
def own() -> tuple[Json, ...]:
    """Resources of this repository, one of a type and id."""
    entries = (entry for file in BUNDLES for entry in json.loads(file.read_text())["entry"])
    # Narratives of the golden files are cut short.
    resources = ({name: part for name, part in entry["resource"].items() if name != "text"} for entry in entries)
    found = {(one["resourceType"], one["id"]): one for one in resources if "id" in one}
    return tuple(found.values())


@cache
def older() -> tuple[Json, ...]:
    """The same as R4 writes them, those of types that both releases share."""
    return tuple(converted(one, "R5", "R4") for one in own() if has_lens(one["resourceType"]))


@cache
def whole() -> tuple[Json, ...]:
    """The same and, where they can be had, official examples of every type."""
    try:
        official = [
            json.loads(json.dumps(resource, default=float))
            for name, resource in examples("R5", 8)
            if name not in REFUSED["R5"] and "id" in resource
        ]
    except pytest.skip.Exception:
        official = []
    return (*own(), *(one for one in official if len(json.dumps(one)) < SMALL))
