"""Enrolments that race: the rules hold, and roster, numbers and records say the same."""

from __future__ import annotations

import asyncio
import time

from fhirserver.errors import FhirError, RuleConflict
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from tests.conftest import Opener
from tests.enrolment.things import enroll, parameters, patient, put, study, there


async def _enroll(store: Store, settings: Settings, patient_id: str) -> str:
    try:
        await enroll(store, settings, "s", parameters(patient_id))
    except RuleConflict as error:
        return str(error.issues[0].details)
    except FhirError as error:
        return type(error).__name__
    return "enrolled"


async def test_of_200_patients_exactly_120_get_a_place(open_store: Opener, settings: Settings) -> None:
    stores = [await open_store() for _ in range(3)]
    await put(stores[0], study(target=120))
    for at in range(200):
        await put(stores[0], patient(f"p{at}"))
    started = time.perf_counter()
    said = await asyncio.gather(*(_enroll(stores[at % 3], settings, f"p{at}") for at in range(200)))
    print(f"200 enrolments in {time.perf_counter() - started:.2f} s")
    assert sorted(set(said)) == ["enrolled", "target-reached"]
    assert said.count("enrolled") == 120
    found = await there(stores[0], "ResearchStudy/s")
    assert found["recruitment"]["actualNumber"] == 120
    roster = await there(stores[1], found["recruitment"]["actualGroup"]["reference"])
    assert roster["quantity"] == 120
    assert len({member["entity"]["reference"] for member in roster["member"]}) == len(roster["member"]) == 120
    assert await stores[2].count("ResearchSubject", {"t": "|live"}) == 120


async def test_of_50_enrolments_of_one_patient_one_succeeds(open_store: Opener, settings: Settings) -> None:
    stores = [await open_store() for _ in range(3)]
    await put(stores[0], study())
    await put(stores[0], patient("p"))
    said = await asyncio.gather(*(_enroll(stores[at % 3], settings, "p") for at in range(50)))
    assert said.count("enrolled") == 1
    assert said.count("already-enrolled") == 49
    assert (await there(stores[0], "ResearchStudy/s"))["recruitment"]["actualNumber"] == 1
