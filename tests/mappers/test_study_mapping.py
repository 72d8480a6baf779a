import json
from urllib.parse import unquote

import pytest

from fhirserver.fhirjson import canonical, is_id
from fhirserver.mappers import codes
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read

AT = "2026-01-01T00:00:00.000Z"


def mapped(record, at=AT):
    data = record if isinstance(record, bytes) else json.dumps(record).encode()
    bundle, issues = transaction(read(data), at=at)
    return bundle, issues


def of_type(bundle, kind):
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def study_of(record):
    return of_type(mapped(record)[0], "ResearchStudy")[0]


@pytest.fixture
def record(seed_bytes):
    return json.loads(seed_bytes)


@pytest.fixture
def bundle(seed_bytes):
    return mapped(seed_bytes)[0]


def assert_first_trial(bundle):
    [study] = of_type(bundle, "ResearchStudy")
    assert study["identifier"][0] == {
        "use": "official",
        "system": "http://clinicaltrials.gov",
        "value": "NCT02083731",
    }
    assert study["identifier"][1]["value"] == "NFH-MSC-CMV-2014"
    assert study["title"] == "MSC for Treatment of CMV Infection"
    assert study["recruitment"]["targetNumber"] == 120
    assert "actualNumber" not in study["recruitment"]
    [arm] = study["comparisonGroup"]
    assert arm["linkId"] == "mscs"
    assert arm["type"]["coding"][0]["code"] == "experimental"
    assert "1×10^6 cells/kg" in arm["description"]
    assert study["progressStatus"] == [{"state": {"text": "Unknown"}}]

    group = next(one for one in of_type(bundle, "Group") if one["membership"] == "definitional")
    by_code = {}
    for one in group["characteristic"]:
        by_code.setdefault(one["code"]["text"], []).append(one)
    [age] = by_code.pop("Age")
    assert (age["valueRange"]["low"]["value"], age["valueRange"]["high"]["value"]) == (14, 65)
    assert age["valueRange"]["low"]["code"] == "a"
    assert "Sex" not in by_code
    assert by_code.pop("Accepts healthy volunteers")[0]["valueBoolean"] is False
    inclusion = by_code.pop("Inclusion criterion")
    assert [one["valueCodeableConcept"]["text"] for one in inclusion] == [
        "A patient age of 14-65 years",
        "Refractory CMV infection or CMV-associated diseases",
        "Subjects (or their legally acceptable representatives) must have signed an informed consent document "
        "indicating that they understand the purpose of and procedures required for the study and are willing to "
        "participate in the study",
    ]
    exclusion = by_code.pop("Exclusion criterion")
    assert [one["valueCodeableConcept"]["text"] for one in exclusion] == [
        "Any abnormality in a vital sign (e.g., heart rate, respiratory rate, or blood pressure)",
        "Patients with any conditions not suitable for the trial (investigators' decision)",
    ]
    assert {one["exclude"] for one in inclusion} == {False}
    assert {one["exclude"] for one in exclusion} == {True}
    assert by_code == {}

    [plan] = of_type(bundle, "PlanDefinition")
    [action] = plan["action"]
    given, again = action["action"]
    [activity] = of_type(bundle, "ActivityDefinition")
    assert given["definitionCanonical"] == again["definitionCanonical"] == activity["url"]
    assert again["description"] in action["description"]
    assert again["description"].startswith("If ")
    assert again["condition"][0]["kind"] == "applicability"
    [related] = again["relatedAction"]
    assert related["targetId"] == given["id"]
    assert (related["relationship"], related["offsetDuration"]["value"]) == ("after", 14)


def test_the_seed_is_the_first_trial(bundle):
    assert_first_trial(bundle)


def test_the_page_is_the_first_trial(page_bytes):
    assert_first_trial(mapped(page_bytes)[0])


def test_seed_and_page_write_the_same_resources(bundle, page_bytes):
    urls = [entry["request"] for entry in bundle["entry"][:-1]]
    assert urls == [entry["request"] for entry in mapped(page_bytes)[0]["entry"][:-1]]


def test_reading_a_record_again_changes_nothing_but_the_time(seed_bytes):
    first, _ = mapped(seed_bytes)
    second, _ = mapped(seed_bytes, at="2026-02-02T00:00:00.000Z")
    *same, source = zip(first["entry"], second["entry"], strict=True)
    assert all(canonical(one) == canonical(other) for one, other in same)
    assert source[0]["request"] == source[1]["request"]
    assert source[0]["resource"]["id"] == source[1]["resource"]["id"]
    assert source[0]["request"]["ifNoneExist"] == f"_id={source[0]['resource']['id']}"


def test_a_changed_record_updates_in_place_and_has_a_provenance_of_its_own(record, bundle):
    record["protocolSection"]["identificationModule"]["briefTitle"] = "Another title"
    changed, _ = mapped(record)
    assert [e["request"] for e in changed["entry"][:-1]] == [e["request"] for e in bundle["entry"][:-1]]
    assert changed["entry"][-1]["request"] != bundle["entry"][-1]["request"]


def test_without_a_time_the_import_happens_now(seed):
    bundle, _ = transaction(seed)
    assert bundle["entry"][-1]["resource"]["recorded"] > AT


def test_what_enrolment_fills_is_created_once_and_never_written_over(bundle):
    created = {entry["resource"]["id"]: entry for entry in bundle["entry"] if entry["request"]["method"] == "POST"}
    assert set(created) - {"NCT02083731-enrolled", "NCT02083731-arm-mscs"} == {bundle["entry"][-1]["resource"]["id"]}
    for entry in created.values():
        assert entry["request"]["ifNoneExist"]
        assert "member" not in entry["resource"]
        assert entry["resource"].get("quantity", 0) == 0


def test_links_inside_the_bundle_lead_somewhere(bundle):
    known = {entry["fullUrl"] for entry in bundle["entry"]}
    assert len(known) == len(bundle["entry"])

    def links(value):
        if isinstance(value, dict):
            if isinstance(value.get("reference"), str):
                yield value["reference"]
            for child in value.values():
                yield from links(child)
        elif isinstance(value, list):
            for child in value:
                yield from links(child)

    found = {link for link in links(bundle) if not link.startswith("#")}
    assert found <= known
    study = of_type(bundle, "ResearchStudy")[0]
    enrolled = next(e for e in bundle["entry"] if e["resource"]["id"] == "NCT02083731-enrolled")
    assert study["recruitment"]["actualGroup"]["reference"] == enrolled["fullUrl"]
    assert is_id(enrolled["resource"]["id"])


def test_an_update_is_found_by_the_first_identifier(bundle):
    for entry in bundle["entry"]:
        if entry["request"]["method"] == "PUT":
            kind, _, criteria = unquote(entry["request"]["url"]).partition("?identifier=")
            first = entry["resource"]["identifier"][0]
            assert (kind, criteria) == (entry["resource"]["resourceType"], f"{first['system']}|{first['value']}")
            assert "|" not in entry["request"]["url"]
            # A server rewrites what equals a fullUrl: lasting names must never do.
            assert entry["fullUrl"] not in (first["value"], entry["resource"].get("url"))


@pytest.mark.parametrize(("code", "expected"), codes.STATUS.items())
def test_every_registry_status_has_its_state(record, code, expected):
    record["protocolSection"]["statusModule"]["overallStatus"] = code
    [progress] = study_of(record)["progressStatus"]
    assert progress["state"]["text"] == expected[1]
    assert progress["state"].get("coding", [{}])[0].get("code") == expected[0]


def test_an_unknown_state_keeps_the_last_known_one_as_past(record):
    record["protocolSection"]["statusModule"] |= {"lastKnownStatus": "RECRUITING", "statusVerifiedDate": "2014-02"}
    present, earlier = study_of(record)["progressStatus"]
    assert present == {"state": {"text": "Unknown"}}
    assert earlier["state"]["coding"][0]["code"] == "recruiting"
    assert earlier["period"] == {"end": "2014-02"}


def test_a_code_not_known_here_is_kept_as_text_and_reported(record):
    record["protocolSection"]["statusModule"]["overallStatus"] = "HIBERNATING"
    record["protocolSection"]["designModule"]["phases"] = ["PHASE1", "PHASE4"]
    record["protocolSection"]["eligibilityModule"]["sex"] = "SOME"
    bundle, issues = mapped(record)
    assert of_type(bundle, "ResearchStudy")[0]["progressStatus"][0]["state"] == {"text": "Hibernating"}
    assert of_type(bundle, "ResearchStudy")[0]["phase"] == {"text": "Phase1/Phase4"}
    assert {issue.expression[0].rpartition(".")[2] for issue in issues} == {"overallStatus", "phases[0]", "sex"}


def test_dates_keep_their_precision_and_planned_ones_are_told_from_actual_ones(record):
    record["protocolSection"]["statusModule"] |= {
        "startDateStruct": {"date": "2014-02", "type": "ACTUAL"},
        "completionDateStruct": {"date": "2016-12-31", "type": "ESTIMATED"},
        "studyFirstPostDateStruct": {"date": "2014-03-11", "type": "ACTUAL"},
    }
    study = study_of(record)
    assert study["period"] == {"start": "2014-02", "end": "2016-12-31"}
    assert [(one.get("actual"), one.get("period")) for one in study["progressStatus"][1:]] == [
        (True, {"start": "2014-02"}),
        (False, {"end": "2016-12-31"}),
    ]
    [step] = study["extension"]
    assert step["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "registration-posting"


def test_a_study_that_ends_before_it_starts_loses_its_end_and_says_so(record):
    record["protocolSection"]["statusModule"] |= {
        "startDateStruct": {"date": "2014-02"},
        "completionDateStruct": {"date": "2013"},
    }
    bundle, issues = mapped(record)
    assert of_type(bundle, "ResearchStudy")[0]["period"] == {"start": "2014-02"}
    assert [issue.code for issue in issues] == ["business-rule"]


def test_age_limits_in_two_units_stand_side_by_side(record):
    record["protocolSection"]["eligibilityModule"] |= {"minimumAge": "18 Months", "maximumAge": "1 Year"}
    group = of_type(mapped(record)[0], "Group")[0]
    limits = [one["valueRange"] for one in group["characteristic"] if one["code"]["text"] == "Age"]
    assert [(side, one[side]["value"], one[side]["code"]) for one in limits for side in one] == [
        ("low", 18, "mo"),
        ("high", 1, "a"),
    ]


def test_an_actual_count_is_no_target(record):
    record["protocolSection"]["designModule"]["enrollmentInfo"]["type"] = "ACTUAL"
    assert study_of(record)["recruitment"]["actualNumber"] == 120


def test_an_arm_keeps_its_roster_when_the_record_lists_its_arms_in_another_order(record):
    module = record["protocolSection"]["armsInterventionsModule"]
    module["armGroups"] = [{"label": "A b"}, {"label": "A-B"}, {"label": "対照群"}]
    one = [group["linkId"] for group in study_of(record)["comparisonGroup"]]
    assert len(set(one)) == 3
    module["armGroups"].insert(0, module["armGroups"].pop())
    assert study_of(record)["comparisonGroup"][0]["linkId"] == one[2]


def test_the_same_organisation_in_two_studies_is_one_resource(record, bundle):
    record["protocolSection"]["identificationModule"]["nctId"] = "NCT00000001"
    record["protocolSection"]["contactsLocationsModule"]["centralContacts"] = []
    other, _ = mapped(record)
    assert of_type(other, "Organization") == of_type(bundle, "Organization")


def test_a_person_of_the_same_name_in_another_study_is_another_person(record, bundle):
    record["protocolSection"]["identificationModule"]["nctId"] = "NCT00000001"
    assert of_type(mapped(record)[0], "Practitioner")[0]["id"] != of_type(bundle, "Practitioner")[0]["id"]


def test_who_answers_for_the_study_is_named_once(record):
    record["protocolSection"]["sponsorCollaboratorsModule"]["responsibleParty"] = {
        "type": "PRINCIPAL_INVESTIGATOR",
        "investigatorFullName": "Ren Lin",
        "investigatorTitle": "Professor",
        "investigatorAffiliation": "Nanfang Hospital",
    }
    record["protocolSection"]["contactsLocationsModule"]["overallOfficials"] = [
        {"name": "Ren Lin", "role": "PRINCIPAL_INVESTIGATOR", "affiliation": "Nanfang Hospital"}
    ]
    bundle, _ = mapped(record)
    roles = [one["role"]["coding"][0]["code"] for one in of_type(bundle, "ResearchStudy")[0]["associatedParty"]]
    assert roles == ["lead-sponsor", "sponsor", "primary-investigator", "recruitment-contact"]
    assert of_type(bundle, "PractitionerRole")[0]["code"] == [{"text": "Professor"}]


def test_two_sites_of_one_name_and_place_stay_two(record):
    site = {"facility": "Research Site", "city": "Guangzhou", "country": "China"}
    record["protocolSection"]["contactsLocationsModule"]["locations"] = [site, site]
    bundle, _ = mapped(record)
    assert len({one["id"] for one in of_type(bundle, "Location")}) == 2
    assert len(of_type(bundle, "ResearchStudy")[0]["site"]) == 2


def test_words_of_the_record_are_no_markup_in_the_narrative(record):
    record["protocolSection"]["identificationModule"]["briefTitle"] = "<script>alert(1)</script> & <b>x"
    for entry in mapped(record)[0]["entry"]:
        div = entry["resource"]["text"]["div"]
        assert "<script" not in div
        assert "<b>x" not in div


def test_every_resource_has_a_narrative(bundle):
    assert all(entry["resource"]["text"]["status"] == "generated" for entry in bundle["entry"])


def test_the_provenance_names_record_hash_and_time(seed, bundle):
    source = of_type(bundle, "Provenance")[0]
    identifiers = {one["value"] for one in source["contained"][0]["identifier"]}
    assert identifiers == {"NCT02083731", f"nih:sha-256;{seed.sha256}"}
    assert source["recorded"] == AT
    assert len(source["target"]) == len(bundle["entry"]) - 1


def test_a_record_without_a_registry_number_is_known_by_its_hash(record):
    record["protocolSection"]["identificationModule"]["nctId"] = "none yet"
    bundle, issues = mapped(record)
    study = of_type(bundle, "ResearchStudy")[0]
    assert study["id"].startswith("record-")
    assert study["identifier"][0]["system"] == "urn:ietf:rfc:3986"
    assert {issue.code for issue in issues} == {"value", "required"}
