"""Records to map: the seed's, a page of a made-up trial, and the real ones where they are at hand."""

import json
from pathlib import Path

import pytest

from fhirserver.mappers.readers import read

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "trials"
AT = "2026-01-01T00:00:00.000Z"


@pytest.fixture
def seed_bytes():
    return (ROOT / "seed" / "trials" / "NCT02083731.json").read_bytes()


@pytest.fixture
def seed(seed_bytes):
    return read(seed_bytes)


@pytest.fixture
def page_bytes():
    """The real page of the first trial."""
    found = sorted(SHARED.glob("pages/*.txt"))
    if not found:
        pytest.skip("the saved registry page is not at hand (../shared/trials/pages)")
    return found[0].read_bytes()


@pytest.fixture(scope="session")
def records():
    """All real records, by file name."""
    found = sorted(SHARED.glob("ctgov_v2/*.json"))
    if not found:
        pytest.skip("the registry records are not at hand (../shared/trials/ctgov_v2)")
    return {path.name: path.read_bytes() for path in found}


@pytest.fixture
def made_up_page():
    """The page of a trial that does not exist, in two groups."""
    return (ROOT / "tests" / "cases" / "mappers_page.txt").read_text()


@pytest.fixture
def made_up_record():
    """The same trial as a ClinicalTrials.gov record."""
    return json.loads((ROOT / "tests" / "cases" / "mappers_page_record.json").read_text())
