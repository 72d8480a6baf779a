import json
from pathlib import Path

import pytest

from fhirserver.mappers.eligibility import Criterion, criteria

CASES = json.loads((Path(__file__).parents[1] / "cases" / "mappers_eligibility.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_criteria_keep_their_words_side_and_order(case):
    expected = tuple(Criterion(one[0], one[1], one[2] if len(one) > 2 else None) for one in case["criteria"])
    assert criteria(case["text"]) == expected
