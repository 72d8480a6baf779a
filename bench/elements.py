"""The elements that synthetic resources share."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

Resource = dict[str, Any]

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
FIRST_DAY = datetime(2023, 1, 1)
DAYS = 730
"""What is dated falls on one of so many days."""


def new_id(rng: Random) -> str:
    """A random id in the form of a UUID."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def concept(system: str, code: str, display: str) -> Resource:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}


def quantity(value: Decimal, unit: str) -> Resource:
    """A Quantity in UCUM."""
    return {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def narrative(text: str) -> Resource:
    """A generated Narrative."""
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{text}</p></div>'}
