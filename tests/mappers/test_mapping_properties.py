import copy
import importlib
import json
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import UUID, uuid5

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.errors import BadRequest, FhirError, Malformed
from fhirserver.fhirjson import dumps, is_id
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.eligibility import criteria
from fhirserver.mappers.identity import full_url, slug, slugs, uri
from fhirserver.mappers.readers import read

CASES = Path(__file__).parents[1] / "cases"
PAGE = (CASES / "mappers_page.txt").read_text().splitlines()
RECORD = json.loads((CASES / "mappers_page_record.json").read_text())
RECORD["protocolSection"]["contactsLocationsModule"]["locations"] = [
    {"facility": "X", "city": "Y", "country": "Z", "geoPoint": {"lat": 1.5, "lon": 2.5}}
]
RECORD["protocolSection"]["outcomesModule"] = {"primaryOutcomes": [{"measure": "M", "timeFrame": "14 days"}]}
RECORD["protocolSection"]["referencesModule"] = {"references": [{"pmid": "1", "citation": "C"}]}

NAMES = UUID("7b1d1c1e-4c39-5f0d-9a3e-2f6f0f9c1a55")
ENTRIES = UUID("c8f2f4a6-0d5b-5a86-8a44-64d1c0b9e7d3")


@cache
def model(kind):
    return getattr(importlib.import_module(f"fhir.resources.{kind.lower()}"), kind)


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["", " ", "<b>&", "N/A", "2014-13", "\x00", "＊", "UNKNOWN"]),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.none()), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def places(value, path=()):
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        found += [(*path, key), *places(child, (*path, key))]
    return found


PLACES = [place for place in places(RECORD) if place != ("protocolSection",)]


@few
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.one_of(st.just(...), odd)), max_size=8))
def test_a_record_with_fields_missing_or_of_odd_types_is_still_mapped(changes):
    record = copy.deepcopy(RECORD)
    for place, value in changes:
        target = record
        try:
            for key in place[:-1]:
                target = target[key]
            if value is ...:
                del target[place[-1]]
            else:
                target[place[-1]] = value
        except (KeyError, IndexError, TypeError):
            continue
    bundle, _ = transaction(read(json.dumps(record).encode()), at="2026-01-01T00:00:00Z")
    for entry in bundle["entry"]:
        model(entry["resource"]["resourceType"]).model_validate_json(dumps(entry["resource"]))
    assert all(is_id(entry["resource"]["id"]) for entry in bundle["entry"])
    assert len({entry["fullUrl"] for entry in bundle["entry"]}) == len(bundle["entry"])


@few
@given(st.lists(st.sampled_from(range(len(PAGE))), unique=True, max_size=60), st.text(max_size=30))
def test_a_page_with_lines_missing_or_added_is_mapped_or_refused(missing, extra):
    lines = [line for number, line in enumerate(PAGE) if number not in missing]
    lines.insert(len(lines) // 2, extra)
    try:
        reading = read("\n".join(lines).encode("utf-8", "replace"))
    except FhirError:
        return
    dumps(transaction(reading, at="2026-01-01T00:00:00Z")[0])


@few
@given(st.binary(max_size=200))
def test_bytes_are_read_or_refused(data):
    with suppress(BadRequest, Malformed):
        read(data)


@few
@given(st.text(max_size=200))
def test_no_criterion_is_empty_and_none_is_invented(text):
    for one in criteria(text):
        assert one.text.strip()
        assert all(word in text.expandtabs(4) for word in one.text.split())


@few
@given(st.lists(st.text(max_size=80), max_size=6))
def test_slugs_fit_an_id_and_differ(texts):
    found = slugs(texts)
    assert len(set(found)) == len(texts)
    assert all(is_id(f"NCT02083731-intervention-{one}") for one in found)
    assert all(len(slug(text)) <= 30 for text in texts)


@few
@given(st.text(st.characters(codec="utf-8"), max_size=80))
def test_names_of_resources_are_uuids_of_their_ids(text):
    assert uri("Group", text) == f"urn:uuid:{uuid5(NAMES, f'Group/{text}')}"
    assert full_url("Group", text) == f"urn:uuid:{uuid5(ENTRIES, f'Group/{text}')}"
