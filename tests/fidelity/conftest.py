"""A made-up record that has every field of a ClinicalTrials.gov v2 protocol section."""

import json
from pathlib import Path

import pytest

CASES = Path(__file__).parents[1] / "cases"


@pytest.fixture
def full_record():
    return json.loads((CASES / "mappers_full_record.json").read_text())
