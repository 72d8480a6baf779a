import copy
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.mappers.tracing import trace
from tests.mappers.test_mapping_properties import PLACES, RECORD, odd


def traced(data):
    reading = read(data)
    bundle, issues = transaction(reading, at="2026-01-01T00:00:00Z")
    return {(row.path, row.fate): row for row in trace(data, bundle, issues)}


def fates(data):
    return dict(traced(data))


def test_each_path_has_its_fate_with_the_elements_or_the_reason(seed_bytes):
    found = traced(seed_bytes)
    assert list(found["protocolSection.identificationModule.briefTitle", "mapped"].targets) == ["ResearchStudy.title"]
    assert "ResearchStudy.progressStatus" in str(found["protocolSection.statusModule.overallStatus", "mapped"].targets)
    assert ("protocolSection.eligibilityModule.healthyVolunteers", "recoded") in found
    ages = found["protocolSection.eligibilityModule.stdAges[*]", "left out"]
    assert ages.values == 3
    assert "derives" in ages.why


def test_what_was_reported_is_left_out_with_its_reason(seed_bytes):
    record = json.loads(seed_bytes)
    record["protocolSection"]["identificationModule"]["nickname"] = {"a": ["Blue Sea Trial", "Red Sea Trial"]}
    row = traced(json.dumps(record).encode())["protocolSection.identificationModule.nickname.a[*]", "left out"]
    assert row.values == 2
    assert "no place" in row.why


def test_an_extension_is_told_from_an_element(made_up_record):
    made_up_record["protocolSection"]["statusModule"]["studyFirstSubmitDate"] = "1999-12-31"
    row = traced(json.dumps(made_up_record).encode())["protocolSection.statusModule.studyFirstSubmitDate", "kept"]
    assert "extension" in next(iter(row.targets))


def test_lines_of_a_page_are_traced_too(made_up_page):
    assert "mapped" in {fate for _, fate in traced(made_up_page.encode())}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), odd), max_size=6))
def test_every_value_of_an_odd_record_has_exactly_one_fate(changes):
    record = copy.deepcopy(RECORD)
    for place, value in changes:
        target = record
        try:
            for key in place[:-1]:
                target = target[key]
            target[place[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    data = json.dumps(record).encode()
    assert sum(row.values for row in traced(data).values()) == count(record)


def count(value):
    if isinstance(value, dict):
        return sum(count(child) for child in value.values())
    if isinstance(value, list):
        return sum(count(child) for child in value)
    return value is not None and value != ""
