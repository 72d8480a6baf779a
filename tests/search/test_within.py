"""Chains into contained resources: MongoDB and the matcher find the same, and containers alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shelf import Shelf, document
from test_search_property import BASES, CALM, CONCEPT, MISSING, NAME, ON_PATIENT, WORD, asked, some

from fhirserver.errors import BadRequest
from fhirserver.search.ast import Ids, Within
from fhirserver.search.indexing import entry
from fhirserver.search.match import matches
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import parse
from fhirserver.search.within import plain

IDS = st.sampled_from(["a", "b"])
CONTAINED = st.one_of(
    st.builds(lambda id_, rest: {"resourceType": "Patient", "id": id_} | rest, IDS, some(
        name=st.lists(NAME, min_size=1, max_size=2), birthDate=st.sampled_from(["1974", "1974-12-25"]),
        gender=st.sampled_from(["male", "female"]), active=st.booleans(),
    )),
    st.builds(lambda id_, rest: {"resourceType": "Group", "id": id_} | rest, IDS, some(code=CONCEPT)),
)  # fmt: skip
REFERENCE = st.builds(lambda text: {"reference": text}, st.sampled_from(["#a", "#b", "#c", "Patient/a"]))
OBSERVATION = st.builds(
    lambda rest: {"resourceType": "Observation"} | rest,
    some(
        # An id is that of one contained resource.
        contained=st.lists(CONTAINED, max_size=2, unique_by=lambda each: str(each["id"])),
        subject=REFERENCE,
        performer=st.lists(REFERENCE, min_size=1, max_size=1),
    ),
)
ON_ANY = st.one_of(
    ON_PATIENT,
    asked(["gender", "gender:not"], st.sampled_from(["male", "female"])),
    asked(["name:contains", "family"], WORD),
    st.tuples(st.sampled_from(["gender:missing", "birthdate:missing"]), MISSING),
)


@pytest.fixture(scope="module")
def shelf(shelves: Callable[[str], Shelf]) -> Shelf:
    return shelves("within")


@settings(CALM, max_examples=30)
@given(
    resources=st.lists(OBSERVATION, min_size=4, max_size=10),
    searches=st.lists(st.tuples(st.sampled_from(["subject", "performer"]), ON_ANY), min_size=10, max_size=10),
)
def test_mongodb_finds_what_the_matcher_says(
    shelf: Shelf, resources: list[dict[str, Any]], searches: list[tuple[str, tuple[str, str]]]
) -> None:
    shelf.collection.delete_many({})
    held = {f"r{number}": resource | {"id": f"r{number}"} for number, resource in enumerate(resources)}
    shelf.put([document("R5", resource) for resource in held.values()])
    for code, param in searches:
        try:
            inner = parse("R5", "Patient", [param], strict=True, base_urls=BASES).filter
        except BadRequest:
            continue  # a value that the parameter does not take
        node = Within("Observation", code, "Patient", plain(inner))
        wanted = sorted(id_ for id_, resource in held.items() if matches(node, resource, "R5"))
        assert shelf.ids(node) == wanted, (code, param)


def test_what_is_contained_is_no_resource_of_its_own() -> None:
    patient = {"resourceType": "Patient", "id": "p", "gender": "male"}
    resource = {"resourceType": "Observation", "id": "o", "contained": [patient], "subject": {"reference": "#p"}}
    found = entry("R5", resource)
    assert "subject^Patient^gender|male" in found.t
    assert "patient^Patient^gender|male" in found.t
    assert not any(each.startswith("gender") for each in found.t)
    assert "subject^Patient^gender" not in found.s
    for node in (Ids(("p",)), Ids(("o",))):
        inside = Within("Observation", "subject", "Patient", node)
        assert matches(inside, resource, "R5") is False
        assert {"_id": {"$in": []}} in to_mongo(inside, "R5")["$and"]


@pytest.mark.parametrize("contained", [None, {}, [None, 3, {"id": "p"}, {"resourceType": "Nothing", "id": "p"}], [{}]])
def test_what_contains_nothing_sound_is_indexed_without_it(contained: Any) -> None:
    resource = {"resourceType": "Observation", "id": "o", "contained": contained, "subject": {"reference": "#p"}}
    assert not any("^" in each for each in entry("R5", resource).t)
