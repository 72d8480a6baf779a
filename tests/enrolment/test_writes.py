"""Writes of ResearchSubject against a real store: what is refused, and what follows what is not."""

from __future__ import annotations

from typing import Any

import pytest

from fhirserver.errors import BadRequest, NotFound, RuleConflict, RuleViolation, Unprocessable
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from tests.enrolment.things import TODAY, enroll, parameters, patient, put, read, study, subject, there, write

ARMS = [{"linkId": "a", "name": "A"}, {"linkId": "b", "name": "B"}]


@pytest.fixture
async def ready(store: Store) -> Store:
    await put(store, study(target=2, comparisonGroup=ARMS))
    for id_ in ("p1", "p2", "p3"):
        await put(store, patient(id_))
    return store


async def _roster(store: Store) -> dict[str, bool]:
    """Entity → present."""
    found = await there(store, "ResearchStudy/s")
    group = await there(store, found["recruitment"]["actualGroup"]["reference"])
    members = {m["entity"]["reference"]: not m.get("inactive", False) for m in group.get("member", ())}
    assert group["quantity"] == sum(members.values()) == found["recruitment"]["actualNumber"]
    return members


async def _arm(store: Store, at: int) -> dict[str, bool]:
    found = await there(store, "ResearchStudy/s")
    group = await there(store, found["comparisonGroup"][at]["observedGroup"]["reference"])
    return {m["entity"]["reference"]: not m.get("inactive", False) for m in group.get("member", ())}


async def test_the_first_enrolment_makes_the_roster_and_links_it(ready: Store, settings: Settings) -> None:
    assert await write(ready, settings, "r1", subject("p1")) == []
    assert await _roster(ready) == {"Patient/p1": True}
    found = await there(ready, "ResearchStudy/s")
    group = await there(ready, found["recruitment"]["actualGroup"]["reference"])
    assert (group["type"], group["membership"], group["quantity"]) == ("person", "enumerated", 1)
    assert group["member"][0]["period"] == {"start": TODAY}


async def test_a_subject_that_leaves_the_counted_states_frees_its_place(ready: Store, settings: Settings) -> None:
    await write(ready, settings, "r1", subject("p1", "screening"))
    await write(ready, settings, "r2", subject("p2"))
    with pytest.raises(RuleConflict) as refused:
        await write(ready, settings, "r3", subject("p3"))
    assert refused.value.issues[0].details == "target-reached"
    await write(ready, settings, "r1", subject("p1", "ineligible"))
    assert await _roster(ready) == {"Patient/p1": False, "Patient/p2": True}
    await write(ready, settings, "r3", subject("p3"))
    assert await _roster(ready) == {"Patient/p1": False, "Patient/p2": True, "Patient/p3": True}


async def test_who_comes_back_takes_a_place_again(ready: Store, settings: Settings) -> None:
    await write(ready, settings, "r1", subject("p1", "screening"))
    await write(ready, settings, "r1", subject("p1", "ineligible"))
    await write(ready, settings, "r2", subject("p1"))
    assert await _roster(ready) == {"Patient/p1": True}


async def test_off_study_keeps_its_place_and_counts_once(ready: Store, settings: Settings) -> None:
    await write(ready, settings, "r1", subject("p1", "off-study"))
    await write(ready, settings, "r2", subject("p1"))
    assert await _roster(ready) == {"Patient/p1": True}
    await write(ready, settings, "r2", None)
    assert await _roster(ready) == {"Patient/p1": True}


async def test_a_deleted_record_leaves_the_roster(ready: Store, settings: Settings) -> None:
    await write(ready, settings, "r1", subject("p1", assignedComparisonGroup="a"))
    await write(ready, settings, "r1", None)
    assert await _roster(ready) == {}
    assert await _arm(ready, 0) == {}
    await write(ready, settings, "r1", subject("p1"))
    assert await _roster(ready) == {"Patient/p1": True}


async def test_the_comparison_groups_follow(ready: Store, settings: Settings) -> None:
    await write(ready, settings, "r1", subject("p1", assignedComparisonGroup="a"))
    assert await _arm(ready, 0) == {"Patient/p1": True}
    await write(ready, settings, "r1", subject("p1", assignedComparisonGroup="a", actualComparisonGroup="b"))
    assert await _arm(ready, 0) == {"Patient/p1": False}
    assert await _arm(ready, 1) == {"Patient/p1": True}
    with pytest.raises(RuleViolation) as refused:
        await write(ready, settings, "r2", subject("p2", assignedComparisonGroup="c"))
    assert refused.value.issues[0].details == "unknown-comparison-group"
    assert await read(ready, "ResearchSubject/r2") is None


async def test_a_transition_that_changes_no_number_writes_no_other_version(ready: Store, settings: Settings) -> None:
    await write(ready, settings, "r1", subject("p1"))
    before = await there(ready, "ResearchStudy/s")
    await write(ready, settings, "r1", subject("p1", "screening"))
    after = await there(ready, "ResearchStudy/s")
    assert before == after
    group = await there(ready, after["recruitment"]["actualGroup"]["reference"])
    assert group["meta"]["versionId"] == "1"


async def test_a_study_that_closed_lets_its_subjects_go_on(ready: Store, settings: Settings) -> None:
    await write(ready, settings, "r1", subject("p1", "on-study"))
    await put(
        ready,
        (await there(ready, "ResearchStudy/s")) | {"progressStatus": study(progress="completed")["progressStatus"]},
    )
    await write(ready, settings, "r1", subject("p1", "off-study"))
    with pytest.raises(RuleConflict) as refused:
        await write(ready, settings, "r2", subject("p2"))
    assert refused.value.issues[0].details == "study-closed"
    assert await write(ready, settings, "r2", subject("p2", "off-study")) == []
    assert await _roster(ready) == {"Patient/p1": True, "Patient/p2": True}


async def test_without_enforcement_the_target_is_a_warning(ready: Store, settings: Settings) -> None:
    settings = settings.model_copy(update={"enforce_target_number": False})
    warnings = [await write(ready, settings, f"r{n}", subject(f"p{n}")) for n in (1, 2, 3)]
    assert [[issue.details for issue in found] for found in warnings] == [[], [], ["target-exceeded"]]


async def test_a_registrys_larger_number_is_not_lowered(store: Store, settings: Settings) -> None:
    await put(store, study(recruitment={"actualNumber": 2}))
    for n in range(3):
        await put(store, patient(f"p{n}"))
        await write(store, settings, f"r{n}", subject(f"p{n}"))
        found = await there(store, "ResearchStudy/s")
        assert found["recruitment"]["actualNumber"] == max(2, n + 1)


@pytest.mark.parametrize("harm", ["deleted", "missing", "no quantity", "by hand"])
async def test_a_roster_that_was_harmed_is_made_again_from_the_records(
    ready: Store, settings: Settings, harm: str
) -> None:
    await write(ready, settings, "r1", subject("p1"))
    found = await there(ready, "ResearchStudy/s")
    name = found["recruitment"]["actualGroup"]["reference"]
    group = await there(ready, name)
    match harm:
        case "deleted":
            await ready.remove("Group", group["id"])
        case "missing":
            found["recruitment"]["actualGroup"]["reference"] = "Group/never"
            await put(ready, found)
        case "no quantity":
            await put(ready, {key: value for key, value in group.items() if key != "quantity"})
        case "by hand":
            await put(ready, group | {"member": [*group["member"], {"entity": {"reference": "Patient/p2"}}]})
    await write(ready, settings, "r2", subject("p2"))
    assert await _roster(ready) == {"Patient/p1": True, "Patient/p2": True}


async def test_a_roster_of_another_server_is_left_alone(ready: Store, settings: Settings) -> None:
    elsewhere = {"actualGroup": {"reference": "https://example.org/fhir/Group/1"}}
    await put(ready, study(recruitment=elsewhere))
    with pytest.raises(RuleConflict) as refused:
        await write(ready, settings, "r1", subject("p1"))
    assert refused.value.issues[0].details == "roster-not-local"


async def test_a_device_is_enrolled_by_the_same_rules(ready: Store, settings: Settings) -> None:
    device = subject("x") | {"subject": {"reference": "Device/d"}}
    with pytest.raises(RuleViolation) as refused:
        await write(ready, settings, "r1", device)
    assert refused.value.issues[0].details == "subject-not-found"
    await put(ready, {"resourceType": "Device", "id": "d"})
    await write(ready, settings, "r1", device)
    found = await there(ready, "ResearchStudy/s")
    assert (await there(ready, found["recruitment"]["actualGroup"]["reference"]))["type"] == "device"


async def test_a_substance_cannot_be_listed_and_is_not_counted(ready: Store, settings: Settings) -> None:
    await put(ready, {"resourceType": "Substance", "id": "d"})
    await write(ready, settings, "r1", subject("x") | {"subject": {"reference": "Substance/d"}})
    assert "actualGroup" not in (await there(ready, "ResearchStudy/s"))["recruitment"]


async def test_enroll_makes_the_subject_that_was_asked_for(ready: Store, settings: Settings) -> None:
    await put(ready, {"resourceType": "Consent", "id": "c", "status": "active"})
    asked = parameters(
        "p1",
        consent={"valueReference": {"reference": "Consent/c"}},
        comparisonGroup={"valueString": "a"},
        state={"valueCode": "screening"},
        identifier={"valueIdentifier": {"system": "urn:x", "value": "1"}},
    )
    version, warnings = await enroll(ready, settings, "s", asked)
    assert warnings == ()
    made = await there(ready, f"ResearchSubject/{version.id}")
    assert made["progress"][0]["subjectState"]["coding"][0]["code"] == "screening"
    assert made["assignedComparisonGroup"] == "a"
    assert made["consent"] == [{"reference": "Consent/c"}]
    assert made["identifier"] == [{"system": "urn:x", "value": "1"}]
    assert await _arm(ready, 0) == {"Patient/p1": True}


_BAD: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("unknown", {"foo": {"valueString": "x"}}, BadRequest, "Parameters.parameter[1].name"),
    ("twice", {"subject": {"valueReference": {"reference": "Patient/p1"}}}, BadRequest, "Parameters.parameter[1]"),
    ("ill-typed", {"state": {"valueInteger": 1}}, BadRequest, "Parameters.parameter[1]"),
    ("final state", {"state": {"valueCode": "off-study"}}, RuleViolation, "Parameters.parameter[1]"),
    ("no state", {"state": {"valueCode": "bogus"}}, RuleViolation, "Parameters.parameter[1]"),
    ("no arm", {"comparisonGroup": {"valueString": "z"}}, RuleViolation, "Parameters.parameter[1]"),
    ("no id", {"comparisonGroup": {"valueString": "z z"}}, Unprocessable, "Parameters.parameter[1]"),
    (
        "no consent",
        {"consent": {"valueReference": {"reference": "Patient/p1"}}},
        Unprocessable,
        "Parameters.parameter[1].value.ofType(Reference).reference",
    ),
]


@pytest.mark.parametrize(("name", "more", "kind", "expression"), _BAD, ids=[case[0] for case in _BAD])
async def test_enroll_names_the_parameter_that_is_wrong(
    ready: Store, settings: Settings, name: str, more: dict[str, Any], kind: type[Exception], expression: str
) -> None:
    asked = parameters("p1")
    asked["parameter"] += [{"name": key, **value} for key, value in more.items()]
    with pytest.raises(kind) as refused:
        await enroll(ready, settings, "s", asked)
    assert refused.value.issues[0].expression == (expression,)  # type: ignore[attr-defined]


async def test_enroll_in_no_study_is_not_found(ready: Store, settings: Settings) -> None:
    with pytest.raises(NotFound):
        await enroll(ready, settings, "none", parameters("p1"))


async def test_enroll_of_nobody_is_refused(ready: Store, settings: Settings) -> None:
    with pytest.raises(BadRequest):
        await enroll(ready, settings, "s", {"resourceType": "Parameters"})
    with pytest.raises(RuleViolation) as refused:
        await enroll(ready, settings, "s", parameters("nobody"))
    assert refused.value.issues[0].details == "subject-not-found"
    assert refused.value.issues[0].expression == ("Parameters.parameter[0]",)


async def test_absolute_references_to_this_server_are_its_own(ready: Store, settings: Settings) -> None:
    away = subject("p1") | {"study": {"reference": "https://trials.example.org/r5/ResearchStudy/s"}}
    with pytest.raises(RuleViolation) as refused:
        await write(ready, settings, "r1", away)
    assert refused.value.issues[0].details == "study-not-local"
    ours = settings.model_copy(update={"base_url": "https://trials.example.org"})
    assert await write(ready, ours, "r1", away) == []
