"""After any writes the running counts are what a recount of the records gives; and the count does not slow down."""

from __future__ import annotations

import random

import pytest

from fhirserver import fhirjson
from fhirserver.enrolment.states import PLACELESS, STATES, TRANSITIONS
from fhirserver.errors import RuleConflict, RuleViolation
from fhirserver.resources.research_subject import trail
from fhirserver.resources.validation import validate
from fhirserver.settings import Settings
from fhirserver.store.documents import Query
from fhirserver.store.store import Store
from tests.enrolment.things import patient, put, read, study, subject, there, write

ARMS = ("a", "b")


async def _recount(store: Store) -> tuple[set[str], dict[str, set[str]]]:
    """Who holds a place in the study, and in each comparison group, by the records alone."""
    page = await store.find("ResearchSubject", Query({"t": "|live"}, limit=500))
    held: set[str] = set()
    arms: dict[str, set[str]] = {arm: set() for arm in ARMS}
    for version in page.items:
        found = fhirjson.loads(version.body)
        if trail(found)[-1] not in PLACELESS and found["status"] != "retired":
            who = found["subject"]["reference"]
            held.add(who)
            arm = found.get("actualComparisonGroup") or found.get("assignedComparisonGroup")
            if arm:
                arms[arm].add(who)
    return held, arms


async def _present(store: Store, reference: str) -> set[str]:
    group = await there(store, reference)
    assert validate("R5", group) == []
    members = [m["entity"]["reference"] for m in group.get("member", ()) if not m.get("inactive")]
    assert len(members) == len(set(members)) == group["quantity"]
    return set(members)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_running_counts_equal_a_recount(store: Store, settings: Settings, seed: int) -> None:
    chance = random.Random(seed)
    await put(store, study(target=4, comparisonGroup=[{"linkId": arm, "name": arm} for arm in ARMS]))
    for n in range(6):
        await put(store, patient(f"p{n}"))
    written = 0
    for _ in range(70):
        id_ = f"r{chance.randrange(9)}"
        now = await read(store, f"ResearchSubject/{id_}")
        after = None
        if chance.random() > 0.12:
            states = TRANSITIONS[trail(now)[-1]] if now else STATES
            who = now["subject"]["reference"].split("/")[1] if now else f"p{chance.randrange(6)}"
            after = subject(who, chance.choice([*states, "candidate"]))
            arm = chance.choice([None, *ARMS])
            if arm:
                after[chance.choice(["assignedComparisonGroup", "actualComparisonGroup"])] = arm
            if chance.random() < 0.1:
                after["status"] = "retired"
        try:
            await write(store, settings, id_, after)
            written += 1
        except (RuleConflict, RuleViolation):
            continue
        found = await there(store, "ResearchStudy/s")
        held, arms = await _recount(store)
        if "actualGroup" not in found["recruitment"]:
            assert held == set()
            continue
        assert found["recruitment"]["actualNumber"] == len(held) <= 4
        assert await _present(store, found["recruitment"]["actualGroup"]["reference"]) == held
        for group in found["comparisonGroup"]:
            if "observedGroup" in group:
                assert await _present(store, group["observedGroup"]["reference"]) == arms[group["linkId"]]
            else:
                assert arms[group["linkId"]] == set()
        assert validate("R5", found) == []
    assert written > 20
