"""docs/mapping.md says what the code does."""

from pathlib import Path

from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.codes import STATUS

PAGE = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text()


def test_every_registry_status_is_in_the_table():
    for code, (state, words) in STATUS.items():
        assert f"| {code} | {state or f'words only: {words}'}" in PAGE


def test_every_resource_type_is_in_the_table(seed):
    for entry in transaction(seed)[0]["entry"]:
        assert entry["resource"]["resourceType"] in PAGE


def test_the_ids_of_the_first_trial_are_as_said(seed):
    ids = {entry["resource"]["id"] for entry in transaction(seed)[0]["entry"]}
    for said in ("NCT02083731", "NCT02083731-eligibility", "NCT02083731-enrolled", "NCT02083731-protocol"):
        assert said in ids
        assert f"`{said}`" in PAGE
