"""What the first trial becomes, reviewed once: run with UPDATE_GOLDEN=1 to write the files anew."""

import json
import os
from pathlib import Path

from fhirserver.fhirjson import dumps
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read

GOLDEN = Path(__file__).parents[1] / "golden" / "mappers"
AT = "2026-01-01T00:00:00.000Z"
LONGEST = 160


def digest(value):
    """The Bundle as a reviewer wants it: long prose cut, links by the ids they lead to, narratives by their length."""
    if isinstance(value, dict):
        return {name: digest(child) for name, child in value.items()}
    if isinstance(value, list):
        return [digest(child) for child in value]
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:60]}… ({len(value)} characters)"
    return value


def compare(name, data):
    bundle = json.loads(dumps(transaction(read(data), at=AT)[0]))
    text = dumps(bundle).decode()
    for entry in bundle["entry"]:
        resource = entry["resource"]
        text = text.replace(entry["fullUrl"], f"{resource['resourceType']}/{resource['id']}")
    found = json.dumps(digest(json.loads(text)), indent=1, ensure_ascii=False) + "\n"
    path = GOLDEN / f"{name}.json"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(found)
    assert found == path.read_text()


def test_the_seed_record(seed_bytes):
    compare("seed", seed_bytes)


def test_the_page(page_bytes):
    compare("page", page_bytes)


def test_a_page_in_two_groups(made_up_page):
    compare("made_up_page", made_up_page.encode())


def test_a_record_with_posted_results():
    compare("posted_results", (GOLDEN.parents[1] / "cases" / "mappers_results_record.json").read_bytes())


def test_a_record_with_every_field_of_its_protocol_section():
    compare("every_field", (GOLDEN.parents[1] / "cases" / "mappers_full_record.json").read_bytes())
