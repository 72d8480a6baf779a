"""A mapped record as R4: valid, closed in itself, and honest about what is not in it."""

from pathlib import Path
from typing import Any

import pytest

from fhirserver.fhirjson import dumps, loads
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.resources.registry import resource_types
from fhirserver.resources.validation import validate

CASES = Path(__file__).parents[1] / "cases"
WITH_RESULTS = CASES / "mappers_results_record.json"
AT = "2026-01-01T00:00:00.000Z"


def _mapped(data: bytes) -> tuple[dict[str, Any], list[str]]:
    bundle, issues = transaction(read(data), release="R4", at=AT)
    return loads(dumps(bundle)), [issue.diagnostics for issue in issues if issue.code == "not-supported"]


def _links(value: Any) -> set[str]:
    if isinstance(value, list):
        return {link for one in value for link in _links(one)}
    if not isinstance(value, dict):
        return set()
    own = value.get("reference")
    return {link for one in value.values() for link in _links(one)} | ({own} if isinstance(own, str) else set())


@pytest.mark.parametrize(
    "path", [CASES.parents[1] / "seed" / "trials" / "NCT02083731.json", WITH_RESULTS], ids=lambda p: p.stem
)
def test_every_resource_is_valid_and_refers_to_what_is_there(path: Path) -> None:
    bundle, _ = _mapped(path.read_bytes())
    there = {entry["fullUrl"] for entry in bundle["entry"]}
    for entry in bundle["entry"]:
        resource = entry["resource"]
        assert resource["resourceType"] in resource_types("R4")
        assert validate("R4", resource) == [], resource["id"]
        assert {link for link in _links(resource) if link.startswith("urn:uuid:")} <= there


def test_results_are_left_out_and_the_study_says_where_they_are() -> None:
    bundle, said = _mapped(WITH_RESULTS.read_bytes())
    assert [each.split(" ")[4] for each in said] == ["Evidence", "EvidenceReport"]
    study = bundle["entry"][0]["resource"]
    documents = [one["document"]["url"] for one in study["relatedArtifact"] if one["display"] == "Posted results"]
    assert documents == [f"https://clinicaltrials.gov/study/{study['id']}?tab=results"]


def test_a_record_without_results_is_mapped_whole(seed_bytes: bytes) -> None:
    bundle, said = _mapped(seed_bytes)
    assert said == []
    assert len(bundle["entry"]) == len(transaction(read(seed_bytes), at=AT)[0]["entry"])


def test_every_real_record_is_valid(records: dict[str, bytes]) -> None:
    for name, data in list(records.items())[::40]:
        for entry in _mapped(data)[0]["entry"]:
            assert validate("R4", entry["resource"]) == [], f"{name} {entry['fullUrl']}"
