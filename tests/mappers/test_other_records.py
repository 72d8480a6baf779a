"""Records of classic XML, of other registries and of study definitions: one made-up trial in each format."""

import json
import time
from pathlib import Path

import pytest

from fhirserver.errors import BadRequest, Malformed
from fhirserver.fhirjson import dumps
from fhirserver.mappers.bundle import transaction
from fhirserver.mappers.readers import read
from tests.mappers.test_mapping_golden import compare

CASES = Path(__file__).parents[1] / "cases"
FILES = {
    "ctgov-xml": "mappers_record.xml",
    "usdm": "mappers_usdm.json",
    "ctis": "mappers_ctis.json",
    "euctr": "mappers_euctr.json",
    "isrctn": "mappers_isrctn.json",
}
AT = "2026-01-01T00:00:00Z"


def mapped(name):
    return transaction(read((CASES / FILES[name]).read_bytes()), at=AT)


def resources(name, kind):
    bundle, _ = mapped(name)
    return [json.loads(dumps(one["resource"])) for one in bundle["entry"] if one["resource"]["resourceType"] == kind]


def study(name):
    return resources(name, "ResearchStudy")[0]


@pytest.mark.parametrize("name", FILES)
def test_what_becomes_of_it(name):
    compare(name.replace("-", "_"), (CASES / FILES[name]).read_bytes())


@pytest.mark.parametrize("name", FILES)
def test_its_format_is_found_by_its_content(name):
    assert read((CASES / FILES[name]).read_bytes()).format == name


@pytest.mark.parametrize("name", ["ctgov-xml", "usdm", "euctr", "isrctn"])
def test_nothing_of_it_is_left_out(name):
    assert mapped(name)[1] == ()


def test_of_ctis_only_keys_of_the_system_are_left_out():
    said = [one.diagnostics for one in mapped("ctis")[1]]
    assert [one for one in said if not one.startswith("Keys by which")] == [
        "'authorizedApplication.eudraCt.isTransitioned' has no place in the resources yet and was left out."
    ]


# Classic XML.


def test_an_issue_of_xml_names_its_xpath():
    data = (CASES / FILES["ctgov-xml"]).read_bytes()
    odd = data.replace(b"<condition>Cough</condition>", b"<condition>Cough</condition><mood>bad</mood>")
    odd = odd.replace(b"18 Months", b"a while")
    issues = transaction(read(odd), at=AT)[1]
    assert [one.expression for one in issues] == [
        ("/clinical_study/eligibility/minimum_age",),
        ("/clinical_study/mood",),
    ]


def test_lines_of_the_layout_are_no_lines_of_the_text():
    group = resources("ctgov-xml", "Group")[0]
    values = (one.get("valueCodeableConcept", {}) for one in group["characteristic"])
    criteria = [value.get("text") for value in values]
    assert "Cough on at least three of the last five nights" in criteria


@pytest.mark.parametrize("encoding", ["ISO-8859-1", "UTF-16"])
def test_xml_may_name_its_encoding(encoding):
    text = (CASES / FILES["ctgov-xml"]).read_text().replace("University of Nowhere", "Universität Nirgends")
    data = text.replace('encoding="UTF-8"', f'encoding="{encoding}"').encode(encoding)
    assert read(data).trial.sponsor.name == "Universität Nirgends"


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE clinical_study [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><clinical_study>&b;</clinical_study>',
        '<!DOCTYPE clinical_study SYSTEM "file:///etc/passwd"><clinical_study></clinical_study>',
    ],
)
def test_a_document_type_is_refused(text):
    with pytest.raises(Malformed):
        read(text.encode())


def test_entities_are_never_expanded():
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY e0 "boom">{levels}]><clinical_study a="&e11;">&e11;</clinical_study>'
    with pytest.raises(Malformed):
        read(bomb.encode())


def test_xml_that_is_not_well_formed_is_refused_with_the_place():
    with pytest.raises(Malformed, match="line 1"):
        read(b"<clinical_study><a></clinical_study>")


@pytest.mark.parametrize("data", [b"<other/>", b'{"a": 1}', b'{"study": {}}', b"words"])
def test_an_unknown_format_is_refused_with_what_was_expected(data):
    with pytest.raises(BadRequest, match=r"Expected .*USDM.*CTIS.*ISRCTN"):
        read(data)


# Study definitions.


def plan(part):
    return next(one for one in resources("usdm", "PlanDefinition") if part in one["id"])


def test_a_timeline_is_a_plan_with_an_action_a_visit_in_order():
    main = plan("timeline-main")
    assert [one.get("title") for one in main["action"]] == ["Screening", "Treatment", "Still coughing?"]
    visits = [visit["title"] for epoch in main["action"] for visit in epoch.get("action", ())]
    assert visits[:3] == ["Screening visit", "First dose", "Day 14"]
    assert {"PlanDefinition/" + plan("timeline-main")["id"]} <= {
        f"PlanDefinition/{one['id']}" for one in resources("usdm", "PlanDefinition")
    }


def test_a_visit_lies_before_or_after_another_within_its_window():
    main = plan("timeline-main")
    first, last = main["action"][0]["action"][0], main["action"][1]["action"][1]
    assert first["relatedAction"][0]["relationship"] == "before-start"
    assert first["relatedAction"][0]["offsetDuration"]["value"] == 2
    assert first["relatedAction"][0]["offsetDuration"]["code"] == "wk"
    related = last["relatedAction"][0]
    assert (related["relationship"], related["endRelationship"]) == ("after-start", "after-start")
    assert related["targetId"] == main["action"][1]["action"][0]["id"]
    window = related["extension"][0]["valueRange"]
    assert (window["low"]["value"], window["high"]["value"]) == (13, 16)


def test_a_duration_of_two_units_is_one_of_the_finer():
    related = plan("timeline-counting")["action"][1]["relatedAction"][0]
    assert (related["offsetDuration"]["value"], related["offsetDuration"]["code"]) == (90, "min")


def test_a_decision_leads_where_its_condition_says():
    decision = plan("timeline-main")["action"][2]
    branch = decision["action"][0]
    assert branch["condition"][0]["expression"]["expression"] == "if the cough is gone"
    assert branch["relatedAction"][0]["targetId"] == plan("timeline-main")["action"][0]["action"][0]["id"]


def test_references_in_prose_are_what_they_refer_to():
    assert study("usdm")["objective"][0]["description"] == "To shorten the cough at Day 14"
    said = json.dumps(resources("usdm", "Group")[0])
    assert "Children at least 2 years of age." in said.replace("2 Year", "2")


def test_objectives_are_goals_with_their_endpoints():
    goal = plan("protocol")["goal"][0]
    assert goal["description"]["text"].startswith("To shorten the cough")
    assert [one["measure"]["text"] for one in goal["target"]] == ["Nights with cough"]


def test_an_estimand_says_in_whom_of_what_and_on_which_outcome():
    evidence = resources("usdm", "Evidence")[0]
    roles = [one["variableRole"]["coding"][0]["code"] for one in evidence["variableDefinition"]]
    assert roles == ["population", "exposure", "measuredVariable"]
    assert "Refusal" in evidence["note"][0]["text"]


def test_an_arm_does_in_each_epoch_what_its_cells_say():
    arm = plan("protocol")["action"][0]
    epochs = [one for one in arm["action"] if ".epoch-" in one["id"]]
    assert [one["title"] for one in epochs] == ["Screening", "Treatment"]
    assert epochs[1]["action"][0]["condition"][0]["kind"] == "stop"


def test_a_biomedical_concept_says_what_is_collected():
    one = next(one for one in resources("usdm", "ObservationDefinition") if one["title"] == "Cough count")
    assert [part["permittedDataType"] for part in one["component"]] == [["integer"], ["CodeableConcept"]]
    answers = one["contained"][0]["compose"]
    assert [code["display"] for code in answers["include"][0]["concept"]] == ["Dry"]
    assert [code["display"] for code in answers["exclude"][0]["concept"]] == ["Wet"]


def test_the_protocol_document_keeps_its_text_and_no_script():
    section = resources("usdm", "Composition")[0]["section"][0]
    assert section["title"] == "1 Synopsis"
    assert "A study of HONEYFALL." in section["text"]["div"]
    assert "script" not in section["text"]["div"]
    assert "<li><p>Count</p></li>" in section["section"][0]["text"]["div"]


# Other registries.


@pytest.mark.parametrize(
    ("name", "system", "number"),
    [
        ("ctis", "https://euclinicaltrials.eu", "2023-599999-11-00"),
        ("euctr", "https://www.clinicaltrialsregister.eu", "2018-000001-11-BE"),
        ("isrctn", "https://www.isrctn.com", "ISRCTN99999991"),
        ("usdm", "http://clinicaltrials.gov", "NCT09999991"),
    ],
)
def test_a_registry_has_a_system_of_its_own(name, system, number):
    assert study(name)["identifier"][0] == {"use": "official", "system": system, "value": number}
    assert study(name)["id"] == number


def test_a_number_of_another_registry_can_be_searched_for():
    found = [one for one in study("euctr")["identifier"] if one.get("system") == "http://clinicaltrials.gov"]
    assert [one["value"] for one in found] == ["NCT09999991"]


def test_a_translation_stands_beside_its_text():
    label = next(one for one in study("euctr")["label"] if one["value"].startswith("A randomised"))
    parts = label["_value"]["extension"][0]["extension"]
    assert parts[0] == {"url": "lang", "valueCode": "fr"}


def test_a_planned_and_a_final_count_stand_beside_each_other():
    recruitment = study("isrctn")["recruitment"]
    assert (recruitment["targetNumber"], recruitment["actualNumber"]) == (60, 40)


def test_a_sponsor_has_its_address_and_contact():
    sponsor = next(one for one in resources("ctis", "Organization") if one["name"] == "University of Nowhere")
    assert sponsor["identifier"][1]["value"] == "ORG-1"
    assert any("cough@nowhere.example" in json.dumps(contact) for contact in sponsor["contact"])


def test_results_of_the_eu_register_are_reported():
    report = resources("euctr", "EvidenceReport")[0]
    assert report["relatedIdentifier"][0]["system"] == "https://www.clinicaltrialsregister.eu"
    said = json.dumps(resources("euctr", "Evidence"))
    assert '"3.50"' in said or "3.50" in said
    assert "Arthropod sting" in said


def test_two_arms_of_nearly_one_name_share_no_id():
    record = (CASES / FILES["ctgov-xml"]).read_text().replace("No honey", "Honey!")
    record = record.replace("<other_name>", "<arm_group_label>Honey!</arm_group_label><other_name>")
    record = record.replace(
        "<arm_group_label>Honey!</arm_group_label>\n  </intervention>",
        "<arm_group_label>Honey!</arm_group_label><arm_group_label>Honey</arm_group_label>\n  </intervention>",
    )
    bundle, _ = transaction(read(record.encode()), at=AT)
    plan = next(one["resource"] for one in bundle["entry"] if one["resource"]["resourceType"] == "PlanDefinition")
    ids = [arm["id"] for arm in plan["action"]]
    ids += [given["id"] for arm in plan["action"] for given in arm["action"]]
    assert len(ids) == 6
    assert len(set(ids)) == 6


@pytest.mark.parametrize("name", ["usdm", "ctis", "euctr", "isrctn"])
@pytest.mark.parametrize(("start", "end"), [('{"a":', "}"), ("[", "]")])
def test_what_is_nested_too_deep_is_refused(name, start, end):
    record = (CASES / FILES[name]).read_text().rstrip().removesuffix("}")
    deep = f'{record}, "deep": {start * 500}1{end * 500}}}'
    with pytest.raises(Malformed, match="nested deeper"):
        read(deep.encode())


def test_xml_nested_too_deep_is_refused():
    with pytest.raises(Malformed):
        read(b"<clinical_study>" + b"<a>" * 5000 + b"</a>" * 5000 + b"</clinical_study>")


@pytest.mark.parametrize("text", ["<!---->", "<!--", "<!DOCTYPE [", "<!DOCTYPE a []>", "<?", "<clinical_study ", " "])
def test_no_text_takes_long_to_be_refused(text):
    start = time.process_time()
    with pytest.raises((BadRequest, Malformed)):
        read((text * 20_000).encode())
    assert time.process_time() - start < 2


def test_a_definition_full_of_open_references_is_read_in_time():
    record = json.loads((CASES / FILES["usdm"]).read_text())
    record["study"]["versions"][0]["rationale"] = "<usdm:ref " * 20_000
    start = time.process_time()
    read(json.dumps(record).encode())
    assert time.process_time() - start < 5
