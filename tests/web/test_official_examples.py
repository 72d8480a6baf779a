"""Official examples through the server: stored, read back digit by digit, found by what it says.

A run takes a spread over all types, `make examples` every one of both releases.
https://hl7.org/fhir/R5/downloads.html
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path

import httpx
import pytest

from fhirserver import fhirjson
from tests.official import REFUSED, TOO_LARGE
from tests.packages import EXAMPLES, spread
from tests.web.conftest import Serve
from tests.web.example_walk import ask, changed_by_xml, differences, stored, unfound

EVERY = bool(os.environ.get("FHIRSERVER_TEST_EVERY_EXAMPLE"))
PARTS = 8 if EVERY else 2
STEP = 1 if EVERY else 4
"""Of each type the first example and every so-manyth after it."""
AT_ONCE = 6


@cache
def parts() -> list[list[Path]]:
    """The examples in parts of about the same size."""
    paths = spread(EXAMPLES["R5"], STEP)
    paths.sort(key=lambda path: (-path.stat().st_size, path.name))
    return [paths[part::PARTS] for part in range(PARTS)]


# --- the walk -------------------------------------------------------------------------------------------------------


async def walk(client: httpx.AsyncClient, quick: httpx.AsyncClient, path: Path) -> list[str]:
    """What is wrong with what becomes of one example; `quick` need not check again what was checked."""
    content = await asyncio.to_thread(path.read_bytes)
    resource = fhirjson.loads(content)
    type_, id_ = resource["resourceType"], resource["id"]
    put = await ask(client, "PUT", f"/r5/{type_}/{id_}", content=content)
    if path.name in TOO_LARGE or path.name in REFUSED["R5"]:
        expected = (413,) if path.name in TOO_LARGE else (400, 422)
        return [] if put.status_code in expected else [f"is answered with {put.status_code}, not one of {expected}"]
    if put.status_code not in (200, 201):
        return [f"is refused with {put.status_code}: {put.text[-400:]}"]
    read = await ask(client, "GET", f"/r5/{type_}/{id_}")
    wrong = list(differences(stored(resource), stored(fhirjson.loads(read.content))))
    wrong += await changed_by_xml(quick, "R5", resource)
    return wrong + await unfound(client, "R5", resource)


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_example_is_stored_read_and_found(serve: Serve, part: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    paths = parts()[part]
    assert len(paths) > 280
    # Profiles come last: from then on, what claims them is held to them.
    profiles = [path for path in paths if path.name.startswith("StructureDefinition-")]
    others = [path for path in paths if path not in profiles]
    async with serve() as client, serve(validation="structure") as quick:

        async def one(path: Path) -> list[str]:
            async with gate:
                return [f"{path.name} {each}" for each in await walk(client, quick, path)]

        answers = [*await asyncio.gather(*map(one, others)), *await asyncio.gather(*map(one, profiles))]
    wrong = [each for answer in answers for each in answer]
    assert not wrong, "\n".join(wrong)
