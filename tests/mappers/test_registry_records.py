"""Every real record at hand is mapped, and every resource is valid."""

import importlib
import time
from functools import cache

import pytest

from fhirserver.fhirjson import dumps, is_id
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read

AT = "2026-01-01T00:00:00.000Z"


@cache
def model(kind):
    return getattr(importlib.import_module(f"fhir.resources.{kind.lower()}"), kind)


@pytest.fixture(scope="module")
def bundles(records):
    return {name: transaction(read(data), at=AT) for name, data in records.items()}


def test_every_resource_is_valid(bundles):
    seen = set()
    for name, (bundle, _) in bundles.items():
        for entry in bundle["entry"]:
            resource = entry["resource"]
            assert is_id(resource["id"]), name
            data = dumps(resource)
            if data not in seen:
                seen.add(data)
                model(resource["resourceType"]).model_validate_json(data)


def test_one_id_never_has_two_contents(bundles):
    contents = {}
    for name, (bundle, _) in bundles.items():
        urls = [entry["fullUrl"] for entry in bundle["entry"]]
        assert len(urls) == len(set(urls)), name
        for entry in bundle["entry"]:
            data = dumps(entry["resource"])
            assert contents.setdefault(entry["fullUrl"], data) == data, name


def test_only_what_has_no_place_is_reported(bundles):
    severities = {issue.severity for _, issues in bundles.values() for issue in issues}
    assert severities <= {"information"}


def test_results_have_a_report_where_there_are_any(bundles, records):
    for name, (bundle, _) in bundles.items():
        reports = [one for entry in bundle["entry"] if (one := entry["resource"])["resourceType"] == "EvidenceReport"]
        assert len(reports) == (b'"resultsSection"' in records[name]), name
        assert len(bundle["entry"][0]["resource"].get("result", ())) == len(reports), name


def test_nearly_all_criteria_have_their_side(bundles):
    one_sided = 0
    for bundle, _ in bundles.values():
        group = bundle["entry"][1]["resource"]
        sides = {one["exclude"] for one in group["characteristic"] if "criterion" in one["code"]["text"]}
        one_sided += sides != {True, False}
    assert one_sided <= len(bundles) * 0.05


def test_mapping_takes_milliseconds(records):
    sample = list(records.values())[::5]
    start = time.process_time()
    for data in sample:
        transaction(read(data), at=AT)
    # Processor time, a quarter of the rate measured: slow and busy machines pass, a quadratic step does not.
    assert len(sample) / (time.process_time() - start) > 100
