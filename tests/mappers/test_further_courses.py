import json
from dataclasses import asdict
from pathlib import Path

import pytest

from fhirserver.mappers.courses import further_courses

CASES = json.loads((Path(__file__).parents[1] / "cases" / "mappers_courses.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"][:40] or "nothing")
def test_a_conditional_further_course_is_found_word_for_word_and_nothing_else(case):
    found = [asdict(course) for course in further_courses(case["text"])]
    if case["course"] is None:
        assert found == []
        return
    [course] = found
    sentence = course.pop("sentence")
    assert sentence in case["text"]
    assert course == case["course"]
