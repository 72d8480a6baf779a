import json
from decimal import Decimal
from pathlib import Path

import pytest

from fhirserver.mappers.eligibility import Criterion, all_criteria, criteria, whole_text
from fhirserver.mappers.parts import Eligibility, Stated, Value
from fhirserver.mappers.readers.ages import age

CASES = json.loads((Path(__file__).parents[1] / "cases" / "mappers_eligibility.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_criteria_keep_their_words_side_and_order(case):
    expected = tuple(Criterion(one[0], one[1], one[2] if len(one) > 2 else None) for one in case["criteria"])
    assert criteria(case["text"]) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("14 Years", (14, "a")),
        ("1 Year", (1, "a")),
        ("8 Months", (8, "mo")),
        ("6 Weeks", (6, "wk")),
        ("30 Days", (30, "d")),
        ("12 Hours", (12, "h")),
        ("90 Minutes", (90, "min")),
        ("18 years old", (18, "a")),
        ("18.0 Years", (18, "a")),
        ("2.5 Years", (Decimal("2.5"), "a")),
        ("18 yrs.", (18, "a")),
        ("N/A", None),
        ("No limit", None),
    ],
)
def test_ages_in_any_unit(said, expected):
    issues = []
    found = age(Value(said, "minimumAge"), issues)
    assert (found and (found.value, found.unit)) == expected
    assert not issues


@pytest.mark.parametrize("said", ["eighteen", "18", "Adult", "18 to 65 Years", "1e5 Years"])
def test_what_is_no_age_is_reported_with_its_path(said):
    issues = []
    assert age(Value(said, "eligibilityModule.minimumAge"), issues) is None
    assert [issue.expression for issue in issues] == [("eligibilityModule.minimumAge",)]


def test_criteria_whose_side_the_record_gives_come_with_their_labels():
    facts = Eligibility(
        stated=(
            Stated("1. A\n2. B", exclude=False),
            Stated("Part 1:\n* C", exclude=True, name="Main"),
            Stated("1. D and E", exclude=True, single=True, name="E1"),
        )
    )
    assert all_criteria(facts) == (
        Criterion("A", False),
        Criterion("B", False),
        Criterion("C", True, "Main – Part 1"),
        Criterion("1. D and E", True, "E1"),
    )
    assert whole_text(facts) == (
        "Inclusion criteria:\n\n1. A\n2. B\n\nExclusion criteria:\n\nPart 1:\n* C\n\n- 1. D and E"
    )
