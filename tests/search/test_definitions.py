"""SearchParameters as parameters: which types gain one, what is refused and why, what says nothing new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fhirserver import fhirjson
from fhirserver.resources.registry import SearchParameter
from fhirserver.search import defined
from fhirserver.search.added import Additions, InForce, additions, in_force, mark, waiting
from fhirserver.search.defined import Compiled, Definition, compiled, flaws, slim
from fhirserver.search.indexing import entry
from fhirserver.search.parameters import parameters, standard
from tests.packages import package

Json = dict[str, Any]
CASES = json.loads((Path(__file__).parent.parent / "cases" / "search_definitions.json").read_text())["cases"]
HL7 = ("hl7.fhir.r5.core-5.0.0", "hl7.fhir.uv.extensions.r5-5.3.0-ballot-tc1")


def definition(**change: Any) -> Json:
    """An active definition of a patient's suffix, with changes; None takes an element away."""
    made = {
        "resourceType": "SearchParameter",
        "id": "suffix",
        "url": f"http://example.org/SearchParameter/{change.get('code', 'suffix')}",
        "name": "Suffix",
        "status": "active",
        "description": "What follows the name.",
        "code": "suffix",
        "base": ["Patient"],
        "type": "string",
        "expression": "Patient.name.suffix",
        "processingMode": "normal",
    } | change
    return {name: value for name, value in made.items() if value is not None}


def of(*resources: Json) -> Compiled:
    return compiled("R5", [Definition(str(at), at, slim(each)) for at, each in enumerate(resources, 1)])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_cases(case: Json) -> None:
    resource = definition(**case["change"])
    found = of(resource)
    issues = found.wrong.get("1", ())
    assert {place: issue.code for issue in issues for place in issue.expression} == case.get("wrong", {})
    if "wrong" in case:
        assert found.gaining("1") == []
        assert all(issue.diagnostics.endswith(".") for issue in issues)
        assert case.get("says", "") in issues[0].diagnostics
    elif "count" in case:
        assert len(found.gaining("1")) == case["count"]
    else:
        assert found.gaining("1") == case["gains"]


@pytest.mark.parametrize("name", HL7)
def test_published_definitions_contradict_nothing_but_what_is_not_supported(name: str) -> None:
    resources = [fhirjson.loads(path.read_bytes()) for path in sorted(package(name).rglob("SearchParameter-*.json"))]
    resources = [each | {"status": "active"} for each in resources if "base" in each]
    found = compiled("R5", [Definition(each["id"], at, slim(each)) for at, each in enumerate(resources)])
    clashes = {id_ for id_, issues in found.wrong.items() if any(issue.code == "duplicate" for issue in issues)}
    # HL7's extensions name parameters that R5 has in a narrower form.
    assert clashes <= {"codesystem-extensions-CodeSystem-effective", "valueset-extensions-ValueSet-effective"}
    gained = {code for rows in found.by_type.values() for code in rows}
    assert ("part-agree" in gained) if "core" in name else {"mothersMaidenName", "genderIdentity"} <= gained


def test_of_two_that_contradict_each_other_the_later_is_wrong() -> None:
    first, second = definition(), definition(url="http://example.org/other", expression="Patient.name.prefix")
    found = of(first, second)
    assert found.gaining("1") == ["Patient"]
    assert [issue.code for issue in found.wrong["2"]] == ["duplicate"]
    assert "SearchParameter/1" in found.wrong["2"][0].diagnostics
    assert flaws("R5", second) == ()  # by itself there is nothing wrong with it


def test_the_same_twice_is_one_parameter_of_the_first() -> None:
    found = of(definition(), definition(url="http://example.org/again"))
    assert (found.wrong, found.gaining("1"), found.gaining("2")) == ({}, ["Patient"], [])


def test_a_composite_may_join_what_was_defined_too() -> None:
    parts = [
        {"definition": "http://example.org/SearchParameter/suffix", "expression": "suffix"},
        {"definition": "http://example.org/SearchParameter/use", "expression": "use"},
    ]
    joined = definition(code="use-suffix", type="composite", expression="Patient.name", component=parts)
    assert {issue.code for issue in of(joined).wrong["1"]} == {"not-found"}
    assert flaws("R5", joined) == ()  # the others may come with it
    found = of(definition(), definition(code="use", type="token", expression="Patient.name.use"), joined)
    assert not found.wrong
    patient = {
        "resourceType": "Patient",
        "name": [{"use": "usual", "suffix": ["MD"]}, {"use": "old", "suffix": ["Jr"]}],
    }
    with in_force(defined.in_force({"R5": found}, 3, {("R5", "Patient"): 3}, {})):
        found_postings = [posting for posting in entry("R5", patient).t if posting.startswith("use-suffix|")]
    assert len(found_postings) == 2


def test_what_is_added_is_seen_by_who_is_told_and_by_nobody_else() -> None:
    found = of(definition())
    these = defined.in_force({"R5": found}, 7, {}, {("R5", "Patient"): "3 of 9 done"})
    patient = {"resourceType": "Patient", "name": [{"suffix": ["MD"]}]}
    with in_force(these):
        assert "suffix" in parameters("R5", "Patient")
        assert "suffix" not in parameters("R5", "Person")
        assert waiting("R5", "Patient") == {"suffix": "3 of 9 done"}
        assert {"suffix|md", mark(7)} <= set(entry("R5", patient).t)
        assert not [posting for posting in entry("R5", {"resourceType": "Person"}).t if posting.startswith("|set|")]
    assert parameters("R5", "Patient") is standard("R5", "Patient")
    assert additions("R5", "Patient") is None
    assert not [posting for posting in entry("R5", patient).t if posting.startswith(("suffix", "|set|"))]


def test_what_stays_the_same_is_not_compiled_again() -> None:
    one, other = definition(), definition(code="prefix", base=["Practitioner"], expression="Practitioner.name.prefix")
    before = defined.in_force({"R5": of(one)}, 1, {}, {})
    after = defined.in_force({"R5": of(one)}, 2, {("R5", "Patient"): 1}, {}, before)
    assert after.by_type["R5", "Patient"] is before.by_type["R5", "Patient"]
    more = defined.in_force({"R5": of(one, other)}, 3, {}, {}, after)
    assert more.by_type["R5", "Patient"].definitions == before.by_type["R5", "Patient"].definitions


def test_an_expression_that_fails_on_a_resource_finds_nothing_in_it() -> None:
    found = of(definition(code="only", expression="Patient.name.single().family & ''"))
    assert not found.wrong
    one, two = ({"resourceType": "Patient", "name": [{"family": "Li"}] * number} for number in (1, 2))
    with in_force(defined.in_force({"R5": found}, 1, {("R5", "Patient"): 1}, {})):
        assert "only|li" in entry("R5", one).t
        assert not [posting for posting in entry("R5", two).t if posting.startswith("only|")]


def test_a_parameter_of_the_release_stays_what_it_is() -> None:
    """Additions never make what was there a union of theirs, which would be found only once they are indexed."""
    own = SearchParameter("own-code", "token", "Observation.code", "urn:own")
    with in_force(InForce(1, {("R5", "Observation"): Additions((own,))})):
        assert parameters("R5", "Observation")["combo-code"].union == ("code", "component-code")
        assert parameters("R5", "Observation")["own-code"].union == ()
