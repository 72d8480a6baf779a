"""Every official R4 example through /r4, and those of types with a lens through /r5 and back.

https://hl7.org/fhir/R4/downloads.html. A spread over the types, or all of
them with FHIRSERVER_TEST_EVERY_EXAMPLE.
"""

from __future__ import annotations

import asyncio
import os
from functools import cache
from pathlib import Path

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.fhirjson import Resource
from fhirserver.resources.registry import has_lens
from fhirserver.resources.validation import validate
from tests.official import REFUSED
from tests.packages import EXAMPLES, package, spread
from tests.web.conftest import Serve
from tests.web.example_walk import ask, changed_by_xml, differences, stored, unfound

EVERY = bool(os.environ.get("FHIRSERVER_TEST_EVERY_EXAMPLE"))
PARTS = 8 if EVERY else 1
STEP = 40
"""Of each type the first example and every so-manyth after it."""
AT_ONCE = 6
EXCEPTIONS: dict[str, dict[str, str]] = fhirjson.loads(
    Path(__file__).parent.parent.joinpath("cases", "r4_example_exceptions.json").read_bytes()
)
"""By what does not hold, file names with the reason."""


@cache
def parts() -> list[list[Path]]:
    """The examples in parts of about the same size."""
    paths = spread(EXAMPLES["R4"], 1 if EVERY else STEP)
    paths.sort(key=lambda path: (-path.stat().st_size, path.name))
    return [paths[part::PARTS] for part in range(PARTS)]


async def walk(client: httpx.AsyncClient, quick: httpx.AsyncClient, path: Path) -> list[str]:
    """What is wrong with what becomes of one example; `quick` need not check again what was checked."""
    content = await asyncio.to_thread(path.read_bytes)
    resource = fhirjson.loads(content)
    if not isinstance(resource, dict) or "resourceType" not in resource:
        return []
    type_, id_ = resource["resourceType"], resource["id"]
    put = await ask(client, "PUT", f"/r4/{type_}/{id_}", content=content)
    if path.name in REFUSED["R4"]:
        return [] if put.status_code in (400, 422) else [f"is answered with {put.status_code}"]
    if path.name in EXCEPTIONS["not stored"]:
        return [] if put.status_code in (409, 413) else [f"is answered with {put.status_code}"]
    if put.status_code not in (200, 201):
        return [f"is refused with {put.status_code}: {put.text[-400:]}"]
    read = await ask(client, "GET", f"/r4/{type_}/{id_}")
    wrong = list(differences(stored(resource), stored(fhirjson.loads(read.content)), ordered=False))
    wrong += await changed_by_xml(quick, "R4", resource)
    wrong += await unfound(client, "R4", resource)
    return wrong + await other(client, path.name, resource, read)


async def other(client: httpx.AsyncClient, name: str, resource: Resource, before: httpx.Response) -> list[str]:
    """What is wrong with how /r5 sees a resource: it is there and valid, and written there as it is changes nothing."""
    place = f"{resource['resourceType']}/{resource['id']}"
    seen = await ask(client, "GET", f"/r5/{place}")
    if not has_lens(resource["resourceType"]):
        return [] if seen.status_code == 404 else [f"is seen on /r5: {seen.status_code}"]
    found: Resource = fhirjson.loads(seen.content)
    issues = await asyncio.to_thread(validate, "R5", found)
    if name in EXCEPTIONS["not valid as R5"]:
        return [] if issues else ["is valid as R5 after all"]
    if issues:
        return [f"is not valid as R5: {issue.expression} {issue.diagnostics}" for issue in issues]
    again = await ask(client, "PUT", f"/r5/{place}", content=seen.content)
    if again.status_code != 200:
        return [f"is refused on /r5 with {again.status_code}: {again.text[-400:]}"]
    same = again.headers["etag"] == before.headers["etag"]
    wrong = [] if same else [f"is another version on /r5: {again.text[:300]}"]
    after = await ask(client, "GET", f"/r4/{place}")
    return wrong + [f"is another after /r5: {each}" for each in differences(before.json(), after.json(), ordered=False)]


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_example_is_stored_read_and_found(serve: Serve, part: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)
    paths = parts()[part]
    assert len(paths) > 200
    # An enrolment has its study and its subject first; profiles come last: what claims them is held to them from then.
    late = ("ResearchSubject-", "StructureDefinition-")
    stages = [[path for path in paths if path.name.startswith(each)] for each in late]
    stages.insert(0, [path for path in paths if not path.name.startswith(late)])
    async with serve() as client, serve(validation="structure") as quick:

        async def one(path: Path) -> list[str]:
            async with gate:
                return [f"{path.name} {each}" for each in await walk(client, quick, path)]

        for name in ("ResearchStudy-example", "Patient-example"):
            await walk(client, quick, package(EXAMPLES["R4"]) / f"{name}.json")
        answers = [answer for stage in stages for answer in await asyncio.gather(*map(one, stage))]
    wrong = [each for answer in answers for each in answer]
    assert not wrong, "\n".join(wrong)
