"""Enrolments of one transaction end as the same ones written one after the other; and ask and write little for each."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from fhirserver.enrolment.states import STATES, TRANSITIONS
from fhirserver.errors import FhirError, RuleConflict, RuleViolation
from fhirserver.interactions import enrol
from fhirserver.interactions import write as writes
from fhirserver.interactions.server import Server
from fhirserver.interactions.write import Operation, Put, Remove
from fhirserver.resources.research_subject import trail
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from tests.enrolment.things import patient, put, read, study, subject, there

ARMS = ("a", "b")


async def _prepared(store: Store, settings: Settings, patients: int, **more: Any) -> Server:
    await enrol.prepare(store)
    arms = [{"linkId": arm, "name": arm} for arm in ARMS]
    for id_ in ("one", "many"):
        await put(store, study(id_, comparisonGroup=arms, **more))
    for n in range(patients):
        await put(store, patient(f"p{n}"))
    return Server(settings, store, "R5", "http://test/r5")


def _on(study_id: str, operation: Operation) -> Operation:
    """The same write of the same subject in another study."""
    id_ = f"{study_id}-{operation.id}"
    if isinstance(operation, Remove):
        return Remove(operation.type, id_)
    resource = operation.resource | {"study": {"reference": f"ResearchStudy/{study_id}"}, "id": id_}
    return Put(operation.type, id_, resource)


async def _outcome(store: Store, study_id: str) -> Any:
    """The study's number, and who is in its Groups, in what state."""
    found = await there(store, f"ResearchStudy/{study_id}")
    elements = [found.get("recruitment", {}).get("actualGroup")]
    elements += [arm.get("observedGroup") for arm in found["comparisonGroup"]]
    groups = []
    for element in elements:
        group = await there(store, element["reference"]) if element else {}
        listed = [(one["entity"]["reference"], one.get("inactive"), one["period"]) for one in group.get("member", ())]
        groups.append((group.get("quantity"), sorted(listed, key=str), element is None))
    return found.get("recruitment", {}).get("actualNumber"), groups


async def _random(store: Store, chance: random.Random) -> Operation:
    id_ = f"r{chance.randrange(9)}"
    now = await read(store, f"ResearchSubject/one-{id_}")
    if chance.random() < 0.12:
        return Remove("ResearchSubject", id_)
    states = TRANSITIONS[trail(now)[-1]] if now else STATES
    who = now["subject"]["reference"].split("/")[1] if now else f"p{chance.randrange(6)}"
    after = subject(who, chance.choice([*states, "candidate"]))
    if arm := chance.choice([None, *ARMS]):
        after[chance.choice(["assignedComparisonGroup", "actualComparisonGroup"])] = arm
    if chance.random() < 0.1:
        after["status"] = "retired"
    return Put("ResearchSubject", id_, after)


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_transaction_ends_as_its_writes_one_by_one(store: Store, settings: Settings, seed: int) -> None:
    chance = random.Random(seed)
    server = await _prepared(store, settings, 6, target=4)
    for _ in range(8):
        done: dict[str, Operation] = {}
        for _ in range(12):
            operation = await _random(store, chance)
            if operation.id in done:
                continue
            try:
                await writes.apply(server, [_on("one", operation)])
            except (RuleConflict, RuleViolation):
                continue
            done[operation.id] = operation
        found = await writes.apply(server, [_on("many", operation) for operation in done.values()])
        assert [each.version is None or each.version.id[5:] for each in found] == [
            True if each.version is None else operation.id for each, operation in zip(found, done.values(), strict=True)
        ]
        assert await _outcome(store, "many") == await _outcome(store, "one")


async def test_who_comes_twice_in_a_transaction_is_refused_and_nothing_is_written(
    store: Store, settings: Settings
) -> None:
    server = await _prepared(store, settings, 4)
    asked = [Put("ResearchSubject", f"r{n}", subject(f"p{n % 3}", study_id="many")) for n in range(4)]
    with pytest.raises(FhirError) as refusal:
        await writes.apply(server, asked)
    assert "p0" in str(refusal.value.issues[0].diagnostics)
    assert await store.count("ResearchSubject", {"t": "|live"}) == 0
    assert (await there(store, "ResearchStudy/many")).get("recruitment") is None


async def test_of_a_transaction_that_passes_the_target_nothing_is_written(store: Store, settings: Settings) -> None:
    server = await _prepared(store, settings, 6, target=4)
    asked = [Put("ResearchSubject", f"r{n}", subject(f"p{n}", study_id="many")) for n in range(5)]
    with pytest.raises(RuleConflict):
        await writes.apply(server, asked)
    await writes.apply(server, asked[:4])
    assert (await there(store, "ResearchStudy/many"))["recruitment"]["actualNumber"] == 4


async def test_transactions_that_race_keep_to_the_target(store: Store, settings: Settings) -> None:
    server = await _prepared(store, settings, 40, target=25)

    async def ten(first: int) -> bool:
        asked = [
            Put("ResearchSubject", f"r{n}", subject(f"p{n}", study_id="many", assignedComparisonGroup="ab"[n % 2]))
            for n in range(first, first + 10)
        ]
        try:
            await writes.apply(server, asked)
        except RuleConflict:
            return False
        return True

    assert sum(await asyncio.gather(*(ten(first) for first in range(0, 40, 10)))) == 2
    number, groups = await _outcome(store, "many")
    assert number == 20
    assert [quantity for quantity, _, _ in groups] == [20, 10, 10]
    assert [len(members) for _, members, _ in groups] == [20, 10, 10]


async def test_a_transaction_of_many_makes_one_version_of_the_study_and_asks_little(
    store: Store, settings: Settings
) -> None:
    server = await _prepared(store, settings, 60)
    first = [Put("ResearchSubject", "first", subject("p0", study_id="many", assignedComparisonGroup="a"))]
    await writes.apply(server, first)
    before = await store.read("ResearchStudy", "many")
    assert before is not None
    async with store.traced() as (traced, trace):
        asked = [
            Put("ResearchSubject", f"r{n}", subject(f"p{n}", study_id="many", assignedComparisonGroup="a"))
            for n in range(1, 60)
        ]
        await writes.apply(Server(settings, traced, "R5", "http://test/r5"), asked)
        assert len(trace.asked) < 25
    after = await there(store, "ResearchStudy/many")
    assert after["meta"]["versionId"] == str(before.version + 1)
    assert after["recruitment"]["actualNumber"] == 60
    roster = await there(store, after["recruitment"]["actualGroup"]["reference"])
    assert roster["quantity"] == len(roster["member"]) == 60
