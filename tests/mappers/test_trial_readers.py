import json
from dataclasses import replace
from pathlib import Path

import pytest

from fhirserver.errors import BadRequest, FhirError, Malformed
from fhirserver.mappers.parts import Value
from fhirserver.mappers.readers import page_values, read
from fhirserver.mappers.readers.plain import one_line, plain

VALUES = json.loads((Path(__file__).parents[1] / "cases" / "mappers_page_values.json").read_text())


def as_bytes(record):
    return json.dumps(record).encode()


def as_html(text):
    """The page as a browser would save it: menus, scripts and a footer around lists and headings."""
    body, list_open = [], 0
    for line in text.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 if "•" in line else 0
        depth = {0: 0, 1: 1, 3: 2}[depth]
        body.append("<ul>" * (depth - list_open) + "</ul>" * (list_open - depth))
        list_open = depth
        words = line.replace("•", "").strip().replace("10\\^6", "10<sup>6</sup>").replace("&", "&amp;")
        body.append(f"<li>{words}</li>" if depth else f"<div><span>{words}</span></div>")
    return (
        "<!DOCTYPE html><html><head><title>x</title><script>var a = '<p>Sex</p>';</script></head><body>"
        "<nav><a>Conditions</a><a>Menu</a></nav><main>" + "".join(body) + "</main>"
        "<footer>Status and phase</footer></body></html>"
    )


def test_a_page_and_a_record_of_one_trial_give_the_same_trial(made_up_page, made_up_record):
    page = read(made_up_page.encode()).trial
    record = read(as_bytes(made_up_record)).trial
    # Only the page names kinds of funders without their names.
    assert replace(page, funders=()) == record


def test_a_page_saved_as_html_gives_the_same_trial(made_up_page):
    assert read(as_html(made_up_page).encode()).trial == read(made_up_page.encode()).trial


def test_the_order_of_sections_and_missing_ones_do_not_matter(made_up_page):
    head, _, rest = made_up_page.partition("Status and phase")
    status, _, rest = rest.partition("Conditions\n")
    moved = head + "Conditions\n" + rest.replace("Trial contacts", "Status and phase" + status + "Trial contacts")
    assert read(moved.encode()).trial == read(made_up_page.encode()).trial
    short = made_up_page.partition("Trial design")[0].replace("Study type\n\nInterventional\n", "")
    trial = read(short.encode()).trial
    assert trial.title == Value("Warm Tea for Hiccups")
    assert trial.arms == ()
    assert trial.design.study_type is None


def test_a_heading_without_its_value_does_not_swallow_the_next(made_up_page):
    trial = read(made_up_page.replace("Female\n", "").replace("Treatment\n\nAllocation", "Allocation").encode()).trial
    assert trial.eligibility.sex is None
    assert trial.design.purpose is None
    assert trial.eligibility.minimum_age.value == 18
    assert trial.design.allocation == Value("RANDOMIZED")


def test_headings_inside_prose_are_prose(made_up_page):
    page = made_up_page.replace("First paragraph.", "First.\n\nInclusion Criteria:\n\nSex:\n\nTREATMENT")
    trial = read(page.encode()).trial
    assert trial.description.value.startswith("First.\n\nInclusion Criteria:\n\nSex:\n\nTREATMENT")
    assert trial.eligibility == read(made_up_page.encode()).trial.eligibility


def test_the_seed_and_the_real_page_agree_on_the_facts(seed, page_bytes):
    page = read(page_bytes)
    assert page.format == "registry-page"
    for name in ("identifiers", "title", "sponsor", "status", "conditions", "design", "enrolment", "eligibility"):
        mine, theirs = getattr(seed.trial, name), getattr(page.trial, name)
        assert (replace(mine, agency=None) if name == "sponsor" else mine) == theirs, name
    assert seed.trial.contacts == page.trial.contacts
    assert seed.trial.interventions == page.trial.interventions
    assert [(arm.label, arm.type, arm.interventions) for arm in seed.trial.arms] == [
        (arm.label, arm.type, arm.interventions) for arm in page.trial.arms
    ]
    assert "1×10^6 cells/kg" in page.trial.arms[0].description


def test_what_has_no_place_is_reported_by_path_and_counted(made_up_record):
    sites = [{"facility": "A", "hue": "RED"}, {"facility": "B", "hue": "BLUE"}]
    made_up_record["protocolSection"]["contactsLocationsModule"]["locations"] = sites
    made_up_record["resultsSection"] = {"anything": [1]}
    issues = {issue.expression[0]: issue for issue in read(as_bytes(made_up_record)).issues}
    assert issues["resultsSection.anything"].severity == "information"
    [site] = [issue for path, issue in issues.items() if "locations" in path]
    assert "(2 places" in site.diagnostics


@pytest.mark.parametrize(
    ("data", "error", "said"),
    [
        (b"", Malformed, "empty"),
        (b"  \n", Malformed, "empty"),
        (b"hello", BadRequest, "not read"),
        (b'{"resourceType": "Patient"}', BadRequest, "not read"),
        (b'{"studies": []}', BadRequest, "one study at a time"),
        (b"[]", BadRequest, "one study at a time"),
        (b'{"protocolSection": ', Malformed, "not JSON"),
        (b'{"protocolSection": []}', BadRequest, "not read"),
        (b"{\xff\xfe", Malformed, "UTF-8"),
        (b"\x81\x8d\x00", Malformed, "no text"),
        (b"<html><body><p>Status and phase</p></body></html>", BadRequest, "not read"),
        (b"<clinical_study/>", BadRequest, "ClinicalTrials.gov API v2"),
    ],
)
def test_what_is_no_record_is_refused_and_says_what_was_expected(data, error, said):
    with pytest.raises(error) as refusal:
        read(data)
    assert said in str(refusal.value)
    assert isinstance(refusal.value, FhirError)


def test_odd_types_are_reported_and_the_rest_is_read(made_up_record):
    protocol = made_up_record["protocolSection"]
    protocol["identificationModule"]["briefTitle"] = 7
    protocol["designModule"]["phases"] = {"a": 1}
    protocol["conditionsModule"]["conditions"] = ["Hiccups", 3, None, ""]
    protocol["designModule"]["enrollmentInfo"]["count"] = -1
    protocol["statusModule"]["startDateStruct"] = {"date": "next spring"}
    protocol["eligibilityModule"]["minimumAge"] = "grown up"
    reading = read(as_bytes(made_up_record))
    assert reading.trial.title is None
    assert [value.value for value in reading.trial.conditions] == ["Hiccups"]
    assert reading.trial.enrolment is None
    assert reading.trial.start is None
    odd = {issue.expression[0] for issue in reading.issues if issue.severity == "warning"}
    assert odd >= {
        "protocolSection.identificationModule.briefTitle",
        "protocolSection.designModule.phases",
        "protocolSection.conditionsModule.conditions[1]",
        "protocolSection.designModule.enrollmentInfo.count",
        "protocolSection.statusModule.startDateStruct.date",
        "protocolSection.eligibilityModule.minimumAge",
    }


def test_every_value_carries_the_path_it_came_from(seed):
    assert seed.trial.title.path == "protocolSection.identificationModule.briefTitle"
    assert seed.trial.arms[0].path == "protocolSection.armsInterventionsModule.armGroups[0]"


@pytest.mark.parametrize(("text", "low", "high"), VALUES["ages"])
def test_ages_of_a_page(text, low, high):
    found = page_values.ages(text)
    assert [[age.value, age.unit] if age else None for age in found[:2]] == [low, high]
    assert found[2] is None


@pytest.mark.parametrize(("text", "count", "actual"), VALUES["enrolment"])
def test_enrolment_of_a_page(text, count, actual):
    assert page_values.enrolment(text) == (count, actual)


@pytest.mark.parametrize(("text", "date"), VALUES["dates"])
def test_dates_of_a_page(text, date):
    assert page_values.date(text) == date


def test_escapes_of_the_source_are_undone():
    assert plain(r"1×10\^6 \> \<5 \[x\] a\\b") == r"1×10^6 > <5 [x] a\b"
    assert one_line(" a\u00a0 b\r\nc\x00 ") == "a b c"


def test_a_page_in_an_older_encoding_is_read(made_up_page):
    data = made_up_page.replace("Warm Tea", "Café").encode("windows-1252")
    assert read(data).trial.title == Value("Café for Hiccups")
