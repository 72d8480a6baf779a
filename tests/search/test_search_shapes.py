"""The shapes of resources: what :missing and sorts are answered by, while they are few."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.search import shapes
from fhirserver.search.indexing import entry
from fhirserver.search.parse import parse
from fhirserver.search.plan import Search, narrowed, plan
from fhirserver.search.segments import Placed
from fhirserver.search.shapes import Shape, Shapes, heads_of
from fhirserver.store import shapes as stored
from fhirserver.store.store import Store
from tests.store.things import Entry, patient, put

OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "status": "final",
    "code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}], "text": "a"},
    "effectivePeriod": {"start": "2020"},
    "subject": {"identifier": {"value": "7"}},
}


def test_resources_with_values_of_the_same_parameters_have_one_shape() -> None:
    other = OBSERVATION | {"status": "amended", "effectivePeriod": {"end": "2021"}}
    other["code"] = {"coding": [{"system": "http://snomed.info/sct", "code": "2"}], "text": "b"}
    assert entry("R5", OBSERVATION).shape == entry("R5", other).shape
    assert entry("R5", OBSERVATION).shape != entry("R5", OBSERVATION | {"language": "en"}).shape


def test_a_shape_names_what_a_parameter_may_be_found_by() -> None:
    codes = entry("R5", OBSERVATION).shape.codes
    assert {"status", "code", "code@", "code:text", "date", "subject:identifier"} <= set(codes)
    known = Shapes([entry("R5", OBSERVATION).shape])
    assert known.within(heads_of("subject"), missing=True) == []
    assert known.within(heads_of("encounter"), missing=True) == [known.known[0].posting]
    assert known.within(heads_of("encounter"), missing=False) == []


@pytest.mark.parametrize("whole", [True, False])
def test_more_shapes_than_a_condition_may_name_are_no_condition(whole: bool) -> None:
    many = Shapes([Shape(str(number), ("code",)) for number in range(shapes.MOST + 1)], whole)
    assert many.within(["code"], missing=False) is None
    node = parse("R5", "Observation", [("code:missing", "false")], strict=True).filter
    assert narrowed(node, "R5", many) == node
    (segment, *_) = plan(
        Search("R5", "Observation", parse("R5", "Observation", [], strict=True).filter, (("code", False),), many)
    )
    assert segment == Placed({"$and": [{"t": "|live"}, {"s.code": None}]})


async def test_a_type_with_too_many_shapes_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        await put(store, patient(n=number), str(number), Entry(shape=Shape(str(number), ("name", f"x{number}"))))
    assert {each.name for each in (await store.shapes("Patient")).known} == {"0", "1", "2"}
    assert (await store.shapes("Person")).known == []
    monkeypatch.setattr(stored, "MOST", 2)
    assert not (await store.shapes("Patient")).whole
