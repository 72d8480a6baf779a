"""What the parser understands, refuses and leaves out."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.search.ast import EVERYTHING, Chain, Has, Member, Or, Param
from fhirserver.search.chains import leaves, prefixes, resolved_chain, substitute
from fhirserver.search.includes import Canonical, Local, references, referring
from fhirserver.search.kinds.reference import RefIn
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import SearchRequest, parse
from fhirserver.search.results import Include

REFUSALS = fhirjson.loads((Path(__file__).parent.parent / "cases" / "search_refusals.json").read_bytes())


def asked(type_: str, query: str, *, strict: bool = True) -> SearchRequest:
    return parse("R5", type_, parse_qsl(query, keep_blank_values=True), strict=strict)


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: case["query"])
def test_refusals(case: dict[str, Any]) -> None:
    with pytest.raises(BadRequest) as refusal:
        asked(case["type"], case["query"])
    (issue,) = refusal.value.issues
    assert case["says"] in issue.diagnostics
    assert issue.code == case.get("code", "invalid")
    assert issue.expression == (parse_qsl(case["query"], keep_blank_values=True)[0][0],)
    if case.get("lenient"):
        request = asked(
            case["type"], "gender=male&" + case["query"] if case["type"] == "Patient" else case["query"], strict=False
        )
        assert [ignored.severity for ignored in request.ignored] == ["warning"]
        assert all(name == "gender" for name, _ in request.self_params)
    else:
        with pytest.raises(BadRequest):
            asked(case["type"], case["query"], strict=False)


def test_limits() -> None:
    with pytest.raises(BadRequest, match="500"):
        asked("Patient", "_id=" + ",".join(f"i{n}" for n in range(501)))
    with pytest.raises(BadRequest, match="100"):
        asked("Patient", "&".join("name=x" for _ in range(101)))
    with pytest.raises(BadRequest, match="4096"):
        asked("Patient", "name=" + "x" * 5000)


def test_what_shapes_the_result() -> None:
    request = asked(
        "ResearchStudy",
        "_count=20&_sort=-date,title,_id&_total=accurate&_summary=count&_format=json&_cursor=abc"
        "&_include=ResearchStudy:protocol&_include:iterate=PlanDefinition:definition&_include=*&_revinclude=ResearchSubject:study:ResearchStudy",
    )
    assert request.filter == EVERYTHING
    assert (request.count, request.total, request.summary) == (20, "accurate", "count")
    assert request.sort == (("date", True), ("title", False), ("_id", False))
    assert request.includes == (
        Include("ResearchStudy", "protocol"),
        Include("PlanDefinition", "definition", None, True),
        Include("*", "*"),
    )
    assert request.revincludes == (Include("ResearchSubject", "study", "ResearchStudy"),)
    assert ("_cursor", "abc") not in request.self_params
    assert ("_format", "json") in request.self_params
    assert to_mongo(request.filter, "R5") == {"t": "|live"}


def test_a_chain_is_found_and_replaced() -> None:
    request = asked("ResearchSubject", "study.identifier=NCT02083731&status=active")
    (chain,) = leaves(request.filter)
    assert isinstance(chain, Chain)
    assert (chain.code, chain.target) == ("study", "ResearchStudy")
    assert to_mongo(chain.node, "R5") == {"t": "identifier|nct02083731"}
    whole = substitute(request.filter, {chain: resolved_chain(chain, ["a"], [])})
    assert to_mongo(whole, "R5") == {"$and": [{"t": "study|ResearchStudy/a"}, {"t": "status|active"}]}
    none = substitute(request.filter, {chain: resolved_chain(chain, [], [])})
    assert {"_id": {"$in": []}} in to_mongo(none, "R5")["$and"]
    with pytest.raises(TypeError, match="resolved"):
        to_mongo(request.filter, "R5")


def test_a_chain_without_a_type_asks_every_target_that_can_answer() -> None:
    found = asked("Observation", "subject.birthdate=1974").filter
    assert isinstance(found, Chain)
    assert found.target == "Patient"
    several = asked("Observation", "performer.name=x").filter
    assert isinstance(several, Or)
    assert {leaf.target for leaf in leaves(several) if isinstance(leaf, Chain)} >= {
        "Patient",
        "Organization",
        "Practitioner",
    }
    nested = asked("Observation", "subject:Patient.general-practitioner:Practitioner.name:contains=x").filter
    assert isinstance(nested, Chain)
    assert isinstance(nested.node, Chain)


def test_has() -> None:
    found = asked("Patient", "_has:ResearchSubject:subject:study=s1").filter
    assert isinstance(found, Has)
    assert (found.source, found.code) == ("ResearchSubject", "subject")
    assert prefixes("R5", "ResearchSubject", "subject", "Patient", ["http://a/r5/"]) == (
        "subject|Patient/",
        "subject|http://a/r5/Patient/",
    )
    nested = asked("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent=x").filter
    assert isinstance(nested, Has)
    assert isinstance(nested.node, Has)


def test_members_are_asked_of_the_caller() -> None:
    assert asked("Group", "member=Patient/1").filter == Member(("Patient/1",))
    chain = asked("Group", "member:Patient.name=x").filter
    assert isinstance(chain, Chain)
    assert resolved_chain(chain, ["1", "2"], []) == Member(("Patient/1", "Patient/2"))


def test_what_an_include_leads_to() -> None:
    study = {
        "resourceType": "ResearchStudy",
        "protocol": [{"reference": "PlanDefinition/p"}, {"reference": "http://here/r5/PlanDefinition/q"}],
        "site": [
            {"reference": "Location/l"},
            {"reference": "https://elsewhere/Location/x"},
            {"display": "no reference"},
        ],
    }
    bases = ["http://here/r5"]
    assert references("R5", Include("ResearchStudy", "protocol"), study, bases) == [
        Local("PlanDefinition", "p"),
        Local("PlanDefinition", "q"),
    ]
    assert references("R5", Include("ResearchStudy", "*", "Location"), study, bases) == [Local("Location", "l")]
    plan = {"resourceType": "PlanDefinition", "action": [{"definitionCanonical": "http://acme.org/a|1"}]}
    (found,) = references("R5", Include("PlanDefinition", "definition"), plan)
    assert isinstance(found, Canonical)
    assert (found.url, found.version) == ("http://acme.org/a", "1")
    assert referring("R5", Include("ResearchSubject", "study"), "ResearchStudy", ["s1", "s2"]) == Param(
        "ResearchSubject", "study", RefIn("ResearchStudy", ("s1", "s2"))
    )
    assert referring("R5", Include("ResearchSubject", "study", "Group"), "ResearchStudy", ["s1"]) is None
