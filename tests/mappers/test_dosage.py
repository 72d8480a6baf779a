"""How a drug is given, coded from the record's words only where they leave no doubt."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver.fhirjson import dumps
from fhirserver.mappers.dosage import dosage

DAY = {"period": 1, "periodUnit": "d"}


@pytest.mark.parametrize(
    ("text", "timing", "route", "dose"),
    [
        ("300mg, orally, BID", DAY | {"frequency": 2}, "26643006", (300, "mg")),
        ("Erlotinib 150mg, orally once a day", DAY | {"frequency": 1}, "26643006", (150, "mg")),
        ("Given IV, 10mg/kg Q3W", {"frequency": 1, "period": 3, "periodUnit": "wk"}, "47625008", (10, "mg/kg")),
        ("1100 mg/m2 iv on day 1", None, "47625008", (1100, "mg/m2")),
        ("SC every two weeks", {"frequency": 1, "period": 2, "periodUnit": "wk"}, "34206005", None),
        ("a single 0.5 µg s.c. injection", None, "34206005", (Decimal("0.5"), "ug")),
        # Doubt: only the words stay.
        ("10 mg orally or 20 mg orally", None, None, None),
        ("10 mg orally, then 20 mg", None, None, None),
        ("5 to 10 mg intravenously", None, None, None),
        ("1,5 mg intravenously", None, None, None),
        ("placebo tablet taken orally", None, None, None),
        # One of them is in doubt.
        ("20mg orally daily", None, "26643006", None),
        ("150 mg tablet taken orally", None, "26643006", None),
        ("200 mg / ml, subcutaneous", None, "34206005", None),
        ("0.1 mmol Gd/kg, intravenous injection", None, "47625008", None),
        ("80 mg orally QD in cycles of 21 days", None, "26643006", (80, "mg")),
        ("80 mg orally, intravenously", None, None, (80, "mg")),
        ("80 mg inhaled orally", None, None, (80, "mg")),
        ("80 mg for oral mucositis", None, None, (80, "mg")),
        ("80 mg in stage IV disease", None, None, (80, "mg")),
    ],
)
def test_what_is_certain_is_coded(text, timing, route, dose):
    found = dosage(text)
    assert found["text"] == text
    assert found.get("timing", {}).get("repeat") == timing
    assert [one["code"] for one in found.get("route", {}).get("coding", ())] == ([route] if route else [])
    [quantity] = [one["doseQuantity"] for one in found.get("doseAndRate", ())] or [None]
    assert (quantity and (quantity["value"], quantity["code"])) == dose


@pytest.mark.parametrize("text", ["Placebo", "Treatment with any TKI", "As described for stage IV disease", ""])
def test_words_that_say_nothing_of_giving_make_no_dosage(text):
    assert dosage(text) is None


@given(st.text(max_size=80) | st.text("0123456789.,/ mgkQBIDorally\n", max_size=60))
def test_any_words_are_kept_whole(text):
    found = dosage(text)
    assert found is None or json.loads(dumps(found))["text"] == text
