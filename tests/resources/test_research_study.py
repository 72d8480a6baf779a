"""Where a study stands today, among all that its progressStatus says."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.resources.research_study import STATUS, arm, progress, recruitment, title


def entry(
    code: str | None, start: str | None = None, end: str | None = None, text: str | None = None, **more: Any
) -> dict[str, Any]:
    state: dict[str, Any] = {"coding": [{"system": STATUS, "code": code}]} if code else {}
    if text:
        state["text"] = text
    period = {name: value for name, value in (("start", start), ("end", end)) if value}
    return {"state": state} | ({"period": period} if period else {}) | more


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([], (None, "")),
        ([entry("recruiting")], ("recruiting", "recruiting")),
        ([entry("overall-study", "2014", "2020")], (None, "")),
        ([entry("overall-study", "2014"), entry("recruiting")], ("recruiting", "recruiting")),
        ([entry("recruiting", "2014", "2020"), entry("completed", "2020")], ("completed", "completed")),
        ([entry("recruiting", "2014"), entry("closed-to-accrual", "2030")], ("recruiting", "recruiting")),
        ([entry("recruiting", "2014"), entry("completed", "2024-05", actual=False)], ("recruiting", "recruiting")),
        ([entry(None, text="Unknown"), entry("recruiting", None, "2016-05")], (None, "Unknown")),
        ([entry(None, text="Unknown"), entry("recruiting")], (None, "Unknown")),
        ([entry("recruiting", "2010", "2012"), entry("completed", "2012", "2013")], ("completed", "completed")),
        ([entry("recruiting", "2024-05-01"), entry("approved", "2020")], ("recruiting", "recruiting")),
        ([entry("recruiting", "no date")], ("recruiting", "recruiting")),
        ([{"state": {"coding": [{"system": "http://x", "code": "completed"}]}}], (None, "completed")),
    ],
)
def test_the_present_state(entries: list[dict[str, Any]], expected: tuple[str | None, str]) -> None:
    assert progress({"progressStatus": entries}, "2024-05-01") == expected


def test_parts_that_are_not_there() -> None:
    assert recruitment({}) == {}
    assert arm({"comparisonGroup": [{"name": "A"}]}, "a") is None
    assert title({"id": "7"}) == "ResearchStudy/7"
