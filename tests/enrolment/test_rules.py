"""The rules as a table of facts and issues, the state machine, and the page that explains them."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhirserver import fhirjson
from fhirserver.enrolment import rules
from fhirserver.enrolment.facts import Enrolment, Facts, Study
from fhirserver.enrolment.openness import OPEN
from fhirserver.enrolment.states import FINAL, PLACELESS, STATES, TRANSITIONS, illegal_step
from fhirserver.errors import FhirError, RuleConflict, RuleViolation
from fhirserver.resources import registry
from tests.packages import package

ROOT = Path(__file__).parent.parent
CASES: list[dict[str, Any]] = fhirjson.loads((ROOT / "cases" / "enrolment_cases.json").read_bytes())


def _enrolment(said: dict[str, Any]) -> Enrolment:
    study, subject = said.get("study", "ResearchStudy/s"), said.get("subject", "Patient/p")
    return Enrolment(
        study,
        subject,
        _local(study),
        _local(subject),
        tuple(said.get("trail") or [said["state"]]),
        said.get("assigned"),
        said.get("actual"),
        said.get("retired", False),
    )


def _local(reference: str) -> str | None:
    found = fhirjson.literal(reference)
    return found.local if found and found.base is None else None


def _study(said: dict[str, Any] | None) -> Study | None:
    if said is None:
        return None
    groups = frozenset(said.get("groups", ()))
    progress = said.get("progress")
    return Study("ResearchStudy/s", said.get("status", "active"), progress, said.get("words", ""), None, groups)


def _facts(case: dict[str, Any]) -> Facts:
    before = _enrolment(case["before"]) if case["before"] else None
    others = tuple(_enrolment(other) for other in case["others"])
    return Facts(before, _enrolment(case["after"]), _study(case["study"]), case["subject_found"], others)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_facts_give_the_issues_of_the_table(case: dict[str, Any]) -> None:
    issues = rules.judge(_facts(case))
    assert [issue.details for issue in issues] == case["issues"]
    for issue in issues:
        assert issue.code == "business-rule"
        assert issue.expression[0].startswith("ResearchSubject.")
        assert issue.diagnostics.endswith((".", "?"))
        status = rules.RULES[issue.details or ""].status
        assert issue.severity == ("warning" if status == 200 else "error")


def test_every_rule_that_facts_can_break_is_in_the_table() -> None:
    seen = {name for case in CASES for name in case["issues"]}
    elsewhere = {"target-reached", "target-exceeded", "roster-not-local", "illegal-initial-state"}
    assert seen | elsewhere == rules.RULES.keys()


def test_the_target_is_a_refusal_or_a_warning() -> None:
    study = Study("ResearchStudy/s", "active", "recruiting", "", 2, frozenset())
    assert rules.target(study, 1, enforce=True) == []
    assert [issue.severity for issue in rules.target(study, 2, enforce=True)] == ["error"]
    assert [issue.severity for issue in rules.target(study, 3, enforce=False)] == ["warning"]
    endless = Study("ResearchStudy/s", "active", "recruiting", "", None, frozenset())
    assert rules.target(endless, 10**6, enforce=True) == []


def test_a_wrong_request_weighs_more_than_a_wrong_moment() -> None:
    closed = Study("ResearchStudy/s", "active", "completed", "", None, frozenset())
    with pytest.raises(RuleConflict):
        rules.refuse(rules.judge(Facts(None, _enrolment({"state": "candidate"}), closed, True)))
    with pytest.raises(RuleViolation) as refused:
        rules.refuse(rules.judge(Facts(None, _enrolment({"state": "candidate", "assigned": "x"}), closed, True)))
    assert len(refused.value.issues) == 2
    rules.refuse([])


def test_enroll_begins_with_a_state_that_goes_on() -> None:
    assert [state for state in STATES if rules.initial(state, "x")] == [s for s in STATES if s in FINAL]


def test_the_states_are_those_of_the_value_set() -> None:
    assert set(STATES) == registry.codes("R5", "http://hl7.org/fhir/ValueSet/research-subject-state")
    assert {target for targets in TRANSITIONS.values() for target in targets} <= set(STATES)
    assert PLACELESS < FINAL == {"ineligible", "not-registered", "withdrawn", "off-study"}


def test_every_state_of_a_study_is_decided() -> None:
    path = package("hl7.fhir.r5.core-5.0.0") / "CodeSystem-research-study-status.json"
    codes = {concept["code"] for concept in fhirjson.loads(path.read_bytes())["concept"]}
    assert codes - {"overall-study"} == OPEN.keys()


@given(walk=st.lists(st.sampled_from(STATES), min_size=2, max_size=8))
def test_a_walk_is_legal_exactly_when_each_of_its_steps_is(walk: list[str]) -> None:
    legal = all(b == a or b in TRANSITIONS[a] for a, b in itertools.pairwise(walk))
    assert (illegal_step(walk[:1], walk) is None) == legal


def test_the_page_lists_every_rule_with_its_status_and_sentence() -> None:
    page = (ROOT.parent / "docs" / "enrolment.md").read_text()
    rows = {m[1]: (m[2], m[3]) for m in re.finditer(r"^\| `([a-z-]+)` \| (\d{3}) \| (.+?) \|$", page, re.M)}
    assert rows == {name: (str(rule.status), rule.sentence) for name, rule in rules.RULES.items()}


def test_the_page_lists_every_state_and_where_it_leads() -> None:
    page = (ROOT.parent / "docs" / "enrolment.md").read_text()
    for state, following in TRANSITIONS.items():
        places = "no" if state in PLACELESS else "yes"
        assert f"| {state} | {', '.join(following) or 'final'} | {places} |" in page
    for code, openness in OPEN.items():
        assert f"| {code} | {openness} |" in page


def test_every_error_is_a_refusal_with_the_name_of_its_rule() -> None:
    with pytest.raises(FhirError) as refused:
        rules.refuse([rules.roster_not_local("ResearchStudy.recruitment.actualGroup", "x")])
    assert refused.value.status == 409
