"""Records that one process has in the works: each gets its row, whatever becomes of the store."""

from __future__ import annotations

import asyncio
from pathlib import Path

from fhirserver.cli.import_gathering import TOGETHER, Gathering
from fhirserver.cli.sources import Source
from fhirserver.interactions.server import Server
from fhirserver.settings import Settings
from fhirserver.store.client import connect

RECORD = (Path(__file__).parents[2] / "seed" / "trials" / "NCT02083731.json").read_text()


def sources(number: int) -> list[Source]:
    names = [f"NCT{at:08d}" for at in range(1, number + 1)]
    return [Source(name, RECORD.replace("NCT02083731", name).encode(), asked=True) for name in names]


async def test_a_store_that_goes_away_leaves_no_record_waiting(settings: Settings, mongodb_uri: str) -> None:
    store = await connect(settings, mongodb_uri)
    gathering = Gathering(Server(settings, store, "R5", "http://test/r5"))
    async with asyncio.timeout(60):
        first = await asyncio.gather(*(gathering.import_one(each, True) for each in sources(TOGETHER + 1)))
        await store.close()
        then = await asyncio.gather(*(gathering.import_one(each, False) for each in sources(2 * TOGETHER + 2)))
    assert [row["outcome"] for row in first] == ["created"] * (TOGETHER + 1)
    assert {row["outcome"] for row in then} == {"failed"}


async def test_who_gives_up_waiting_leaves_the_others_imported(settings: Settings, mongodb_uri: str) -> None:
    store = await connect(settings, mongodb_uri)
    gathering = Gathering(Server(settings, store, "R5", "http://test/r5"))
    works = [asyncio.create_task(gathering.import_one(each, False)) for each in sources(6)]
    await asyncio.sleep(0)
    works[1].cancel()
    async with asyncio.timeout(60):
        rows = await asyncio.gather(*works, return_exceptions=True)
    assert [isinstance(row, dict) for row in rows] == [True, False, True, True, True, True]
    assert len(await store.ids("PlanDefinition", {}, 20)) == 6
    await store.close()
