"""The present state of a subject, among all that its progress says."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.resources.research_subject import STATES, compose, reference, trail
from fhirserver.resources.validation import validate


def entry(
    state: str | None, start: str | None = None, end: str | None = None, type_: str | None = None
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if state:
        made["subjectState"] = {"coding": [{"system": STATES, "code": state}]}
    if type_:
        made["type"] = {"coding": [{"code": type_}]}
    return made | {name: value for name, value in (("startDate", start), ("endDate", end)) if value}


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        ([], ["candidate"]),
        ([entry(None, type_="Milestone")], ["candidate"]),
        ([entry("screening")], ["screening"]),
        ([entry("candidate", "2020", "2021"), entry("screening", "2021")], ["candidate", "screening"]),
        ([entry("screening", "2021"), entry("candidate", "2020", "2021")], ["candidate", "screening"]),
        ([entry("screening", "2021"), entry("candidate", "2022", "2023")], ["candidate", "screening"]),
        ([entry("candidate", "2020", "2021"), entry("off-study", "2021", "2021")], ["candidate", "off-study"]),
        ([entry("candidate"), entry("screening")], ["candidate", "screening"]),
        ([entry("on-study", "2020", type_="Enrollment"), entry("candidate", "2021", type_="Milestone")], ["on-study"]),
        ([entry("candidate", "not a date"), entry("screening", "2021")], ["candidate", "screening"]),
    ],
)
def test_the_trail_ends_in_the_present_state(progress: list[dict[str, Any]], expected: list[str]) -> None:
    assert list(trail({"resourceType": "ResearchSubject", "progress": progress})) == expected


def test_a_composed_subject_is_valid() -> None:
    made = compose("ResearchStudy/s", "Patient/p", "candidate", "2024-05-01", identifier=[{"value": "1"}], consent=None)
    assert validate("R5", made) == []
    assert reference(made, "study") == "ResearchStudy/s"
    assert reference({"study": "x"}, "study") is None
