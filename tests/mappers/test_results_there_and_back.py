"""Posted results become Evidence and come back, word for word and number for number."""

import copy
import importlib
import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhirserver.fhirjson import dumps, is_id, loads
from fhirserver.mappers.back import rebuilt_bundle
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from fhirserver.mappers.results.names import distinct
from fhirserver.mappers.results.numbers import level, percentage, quantity, said
from fhirserver.resources.validation import validate

RECORD = loads((Path(__file__).parents[1] / "cases" / "mappers_results_record.json").read_bytes())
SECTIONS = ("resultsSection", "documentSection", "annotationSection", "derivedSection")
AT = "2026-01-01T00:00:00.000Z"


@cache
def model(kind):
    return getattr(importlib.import_module(f"fhir.resources.{kind.lower()}"), kind)


def mapped(record):
    """The Bundle as a server gets it, and the issues."""
    bundle, issues = transaction(read(dumps(record)), at=AT)
    return loads(dumps(bundle)), issues


def resources(bundle, kind):
    return {one["id"]: one for entry in bundle["entry"] if (one := entry["resource"])["resourceType"] == kind}


@pytest.fixture(scope="module")
def bundle():
    return mapped(RECORD)[0]


def test_every_field_of_results_documents_annotations_and_derived_data_comes_back(bundle):
    back = rebuilt_bundle(bundle)
    for section in SECTIONS:
        assert back[section] == RECORD[section], section
    assert back["hasResults"] is True


def test_nothing_of_them_is_reported_as_left_out():
    assert not [issue for issue in mapped(RECORD)[1] if issue.expression[0].startswith(SECTIONS)]


def test_the_study_leads_to_its_report_and_the_report_to_everything_found(bundle):
    of_url = {entry["fullUrl"]: entry["resource"] for entry in bundle["entry"]}
    study = of_url[bundle["entry"][0]["fullUrl"]]
    [result] = study["result"]
    report = of_url[result["reference"]]
    assert of_url[report["subject"]["characteristic"][0]["valueReference"]["reference"]] is study

    def reached(section):
        yield from (of_url[one["reference"]]["id"] for one in section.get("entryReference", ()))
        if "focusReference" in section:
            yield of_url[section["focusReference"]["reference"]]["id"]
        for inner in section.get("section", ()):
            yield from reached(inner)

    found = [id_ for section in report["section"] for id_ in reached(section)]
    assert len(found) == len(set(found))
    planned = ("-exposure-", "-outcome-")
    variables = {id_ for id_ in resources(bundle, "EvidenceVariable") if not any(part in id_ for part in planned)}
    assert set(found) == {*resources(bundle, "Evidence"), *variables}


def test_groups_of_several_tables_with_the_same_words_are_one(bundle):
    groups = [one["name"] for id_, one in resources(bundle, "Group").items() if "-group-" in id_]
    # The events' group of cold milk has no description: it is another.
    assert sorted(groups) == ["Cold Milk", "Cold Milk", "Everybody", "Total", "Warm Milk"]


def test_a_statistic_says_all_of_its_cell(bundle):
    evidence = resources(bundle, "Evidence")["NCT99999907-result-hours-slept-og000"]
    first = evidence["statistic"][0]
    assert first["description"] == "First night"
    ucum = {"system": "http://unitsofmeasure.org", "code": "h"}
    assert first["quantity"] == {"value": Decimal("6.80"), "unit": "hours", **ucum}
    assert str(first["quantity"]["value"]) == "6.80"
    assert first["sampleSize"] == {"numberOfParticipants": 12, "note": [{"text": "Beds: 10"}]}
    [interval] = first["attributeEstimate"]
    assert interval["type"]["coding"][0]["code"] == "C53324"
    assert interval["level"] == Decimal("0.95")
    assert interval["range"] == {"low": {"value": Decimal("6.10")}}
    assert interval["note"] == [{"text": "Upper limit as reported: NA"}]
    assert first["note"] == [{"text": "One never woke."}]


def test_what_was_measured_leads_to_what_was_planned(bundle):
    of_url = {entry["fullUrl"]: entry["resource"]["id"] for entry in bundle["entry"]}
    for id_, planned in (("hours-slept-og000", "outcome-primary-hours-slept"), ("naps-og000", None)):
        variable = resources(bundle, "Evidence")[f"NCT99999907-result-{id_}"]["variableDefinition"][1]
        found = of_url.get(variable.get("intended", {}).get("reference"))
        assert found == (f"NCT99999907-{planned}" if planned else None)


def test_a_p_value_below_a_limit_is_a_number_with_a_comparator(bundle):
    evidence = resources(bundle, "Evidence")["NCT99999907-result-hours-slept-analysis-1"]
    p_value = evidence["statistic"][0]["attributeEstimate"][0]
    assert p_value["type"]["coding"][0]["code"] == "C44185"
    assert p_value["quantity"] == {"comparator": "<", "value": Decimal("0.001")}
    roles = [one["variableRole"]["coding"][0]["code"] for one in evidence["variableDefinition"]]
    assert roles == ["exposure", "exposure", "measuredVariable"]


def test_events_are_counted_with_those_affected_and_at_risk(bundle):
    other = resources(bundle, "Evidence")["NCT99999907-other-events-eg000"]
    assert other["statistic"] == [
        {"id": "all", "numberAffected": 3, "sampleSize": {"knownDataCount": 12}},
        {
            "id": "e1",
            "category": {"text": "Snoring"},
            "numberOfEvents": 40,
            "numberAffected": 3,
            "sampleSize": {"knownDataCount": 12},
        },
    ]


def test_a_record_without_results_has_no_report():
    record = {"protocolSection": RECORD["protocolSection"], "hasResults": False}
    found, _ = mapped(record)
    assert not resources(found, "EvidenceReport")
    back = rebuilt_bundle(found)
    assert back["hasResults"] is False
    assert back.keys() == {"protocolSection", "hasResults"}


def test_a_study_is_found_by_the_broader_terms_of_its_condition(bundle):
    study = bundle["entry"][0]["resource"]
    codes = {coding["code"] for one in study["classifier"] for coding in one.get("coding", ())}
    assert {"D012893", "D001628"} <= codes


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("12.30", {"value": Decimal("12.30")}),
        ("-3", {"value": -3}),
        ("<0.001", {"comparator": "<", "value": Decimal("0.001")}),
        (">= 5", {"comparator": ">=", "value": 5}),
        ("≤7", {"comparator": "<=", "value": 7}),
        (".05", {"value": Decimal("0.05")}),
        ("+4", {"value": 4}),
        ("5.", {"value": 5}),
        ("007", {"value": 7}),
        ("1,000", {}),
        ("NA", {}),
        ("1e3", {}),
        ("12 (3)", {}),
        ("٣", {}),
        ("1" * 30, {}),
        ("", {}),
        (None, {}),
    ],
)
def test_reported_numbers_are_read_exactly_or_left_as_words(text, found):
    assert quantity(text) == found


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_a_number_written_plainly_comes_back_as_it_was(number):
    text = format(number, "f")
    if text.startswith("-0.0000"):
        text = "0.0000"
    assert said(quantity(text)) == text


@given(st.lists(st.sampled_from(["", "A", "a", "a-2", "Change from baseline in a long thing", "年齢"]), max_size=30))
def test_parts_of_ids_differ_and_are_short(titles):
    found = distinct(titles)
    assert len(set(found)) == len(titles)
    assert all(len(one) <= 22 and is_id(f"record-0123456789ab-baseline-{one}-analysis-99") for one in found)


def test_the_level_of_an_interval_is_a_share():
    for text, share in (("95", "0.95"), ("97.5", "0.975"), ("95.0", "0.950"), ("99.9", "0.999")):
        assert str(level(text)) == share
        assert percentage(level(text)) == text
    assert level("95%") is None
    assert level("950") is None


odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "<b>&", "NA", "2014-13", "\x00", "OG001", "og000", "-0", "1e9", "Value as reported: 3", "<1"]
    ),
    st.lists(st.one_of(st.text(max_size=5), st.integers(), st.none(), st.just({})), max_size=3),
    st.dictionaries(st.sampled_from(["id", "groupId", "value", "x"]), st.integers(), max_size=2),
)


def places(value, path=()):
    found = []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        found += [(*path, key), *places(child, (*path, key))]
    return found


PLACES = [place for place in places(RECORD) if place[0] in SECTIONS]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.one_of(st.just(...), odd)), max_size=12))
def test_results_with_fields_missing_or_of_odd_types_are_mapped_and_rebuilt(changes):
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
    found = transaction(read(json.dumps(record, default=str).encode()), at=AT)[0]
    for entry in found["entry"]:
        resource = entry["resource"]
        assert is_id(resource["id"])
        model(resource["resourceType"]).model_validate_json(dumps(resource))
        assert not validate("R5", loads(dumps(resource)))
    assert len({entry["fullUrl"] for entry in found["entry"]}) == len(found["entry"])
    rebuilt_bundle(found)


words = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)
values = st.one_of(
    st.decimals(allow_nan=False, places=2, min_value=-999, max_value=999).map(lambda one: format(one, "f")),
    st.integers(0, 10**6).map(str),
    st.sampled_from(["NA", "<0.1", "> 9", "1,000", "-0", "007", ".5", "0.0"]),
    words,
)


@st.composite
def tables(draw):
    """A measure's table with groups, rows, columns and cells of any number."""
    ids = [f"OG{number:03d}" for number in range(draw(st.integers(1, 3)))]
    cell = st.fixed_dictionaries(
        {"value": values}, optional={"spread": values, "lowerLimit": values, "upperLimit": values}
    )

    def cells():
        return [{"groupId": id_, **draw(cell)} for id_ in ids if draw(st.booleans())]

    def counts():
        found = [{"groupId": id_, "value": draw(values)} for id_ in ids if draw(st.booleans())]
        return [{"units": draw(st.sampled_from(["Participants", "Eyes"])), "counts": found}] if found else []

    def pruned(one):
        return {name: value for name, value in one.items() if value not in ([], None)}

    def columns(titled):
        named = [f"C{number}" for number in range(draw(st.integers(1, 3)))] if titled else [None]
        return [pruned({"title": title, "measurements": cells()}) for title in named]

    rows = []
    for number in range(draw(st.integers(1, 3))):
        categories = [one for one in columns(draw(st.booleans())) if one]
        row = pruned({"title": f"R{number}", "denoms": counts(), "categories": categories})
        rows.append(row)
    return pruned(
        {
            "type": "PRIMARY",
            "title": draw(words),
            "reportingStatus": "POSTED",
            "paramType": draw(st.sampled_from(["MEAN", "NUMBER", "COUNT_OF_UNITS"])),
            "dispersionType": draw(st.sampled_from(["Standard Deviation", "90% Confidence Interval", "Full Range"])),
            "unitOfMeasure": draw(words),
            "groups": [{"id": id_, "title": draw(words)} for id_ in ids],
            "denoms": counts(),
            "classes": rows,
        }
    )


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(tables(), min_size=1, max_size=2))
def test_any_table_comes_back_cell_by_cell(measures):
    record = {
        "protocolSection": RECORD["protocolSection"],
        "resultsSection": {"outcomeMeasuresModule": {"outcomeMeasures": measures}},
    }
    found, _ = mapped(record)
    back = rebuilt_bundle(found)["resultsSection"]["outcomeMeasuresModule"]["outcomeMeasures"]
    for one, measure in zip(back, measures, strict=True):
        assert one == measure
