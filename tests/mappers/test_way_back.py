"""The way back: what was mapped is a record again, whatever was missing or odd, and the same one ever after."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.errors import BadRequest
from fhirserver.fhirjson import dumps, loads
from fhirserver.mappers.back import rebuilt, rebuilt_bundle
from fhirserver.mappers.back.shape import markup, pruned
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.mappers.readers.plain import plain
from tests.packages import examples

RECORD = json.loads((Path(__file__).parents[1] / "cases" / "mappers_full_record.json").read_text())
AT = "2026-01-01T00:00:00Z"

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(max_size=20),
    st.sampled_from(["", " ", "<b>&", "N/A", "2014-13", "UNKNOWN", "OTHER", "NCT12345678", "a: b", "Time frame: x"]),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def mapped(record):
    return loads(dumps(transaction(read(json.dumps(record).encode()), at=AT)[0]))


def again(record):
    """What comes back of a record, as JSON."""
    return json.loads(dumps(rebuilt_bundle(mapped(record))))


def places(value, path=()):
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        found += [(*path, key), *places(child, (*path, key))]
    return found


def changed(value, changes):
    """A copy with places taken out or filled with something else; places that are gone are passed over."""
    value = copy.deepcopy(value)
    for place, new in changes:
        target = value
        try:
            for key in place[:-1]:
                target = target[key]
            if new is ...:
                del target[place[-1]]
            else:
                target[place[-1]] = new
        except (KeyError, IndexError, TypeError):
            continue
    return value


PLACES = [place for place in places(RECORD) if place != ("protocolSection",)]
BUNDLE = mapped(RECORD)
# What remains is FHIR still, or nearly so: its entries keep their resources, and these their types and ids.
CUTS = [p for p in places(BUNDLE["entry"]) if len(p) > 2 and p[1] == "resource" and p[2] not in ("resourceType", "id")]


def test_a_record_with_every_field_comes_back_whole():
    assert again(RECORD) == RECORD


@few
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.one_of(st.just(...), odd)), max_size=8))
def test_what_came_back_once_comes_back_the_same(changes):
    record = again(changed(RECORD, changes))
    if "protocolSection" in record:
        assert again(record) == record


@few
@given(st.lists(st.sampled_from(CUTS), max_size=30))
def test_any_part_of_the_resources_makes_a_record(cuts):
    bundle = changed(BUNDLE, [(("entry", *cut), ...) for cut in cuts])
    assert pruned(rebuilt_bundle(bundle))["hasResults"] is False


@given(st.text("\\<>[]^~&*-1. \nabc", max_size=40))
def test_prose_is_escaped_as_it_is_read(text):
    once = markup(plain(text))
    assert plain(once or "") == plain(plain(text)) or "\\" in plain(text)
    assert markup(plain(once or "")) == once or "\\" in plain(text)


def test_resources_that_no_record_made_are_a_record_too():
    for _, example in examples("R5"):
        if example["resourceType"] == "ResearchStudy":
            assert isinstance(rebuilt([example], example["id"]), dict)


@pytest.mark.parametrize("resources", [[], [{"resourceType": "Patient", "id": "p"}]])
def test_without_a_study_there_is_no_record(resources):
    with pytest.raises(BadRequest):
        rebuilt(resources)
