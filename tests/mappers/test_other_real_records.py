"""Real records of other formats, where they are at hand: each is read, every resource of it is valid."""

import importlib
from functools import cache

import pytest

from fhirserver.fhirjson import dumps, is_id
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from tests.mappers.conftest import SHARED

FOLDERS = {
    "ctgov-xml": "ctgov_xml/*.xml",
    "usdm": "usdm/*.json",
    "ctis": "other_registries/ctis/*.json",
    "euctr": "other_registries/euctr/*.json",
    "isrctn": "other_registries/isrctn/*.json",
}
EVERY = {"ctgov-xml": 4}
"""Of these, one in so many."""


@cache
def model(kind):
    return getattr(importlib.import_module(f"fhir.resources.{kind.lower()}"), kind)


@pytest.mark.parametrize("name", FOLDERS)
def test_they_are_read_and_every_resource_is_valid(name):
    paths = sorted(SHARED.glob(FOLDERS[name]))[:: EVERY.get(name, 1)]
    if not paths:
        pytest.skip(f"the records are not at hand (../shared/trials/{FOLDERS[name]})")
    seen = set()
    for path in paths:
        reading = read(path.read_bytes())
        assert reading.format == name
        bundle, issues = transaction(reading, at="2026-01-01T00:00:00Z")
        urls = [entry["fullUrl"] for entry in bundle["entry"]]
        assert len(urls) == len(set(urls)), path
        # A reference in the prose of a definition may lead nowhere; nothing else is odd in real records.
        odd = [one for one in issues if one.severity != "information" and "referred to" not in one.diagnostics]
        assert not odd, path
        for entry in bundle["entry"]:
            resource = entry["resource"]
            data = dumps(resource)
            assert is_id(resource["id"]), path
            if data not in seen:
                seen.add(data)
                model(resource["resourceType"]).model_validate_json(data)
