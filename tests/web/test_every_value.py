"""Every value that an official parameter finds in an official example finds that example, and what else it may.

The searches go over HTTP; what they must find is told by tests/independent.py. There are some 60,000 of them: a run
takes a share, chosen by their text, of a third of the examples; `make values` takes all.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import cache
from typing import Any
from urllib.parse import quote
from zlib import crc32

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.app import create_app
from fhirserver.interactions import write
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import resource_types
from fhirserver.settings import Settings
from fhirserver.store.client import connect
from fhirserver.store.documents import Put
from tests.independent import Asked, Book, of_type, values
from tests.packages import examples

Json = dict[str, Any]
EVERY = int(os.environ.get("FHIRSERVER_TEST_VALUES_EVERY", "7"))
"""One of how many searches a run takes."""

PARTS = 2
AT_ONCE = 500


@cache
def resources() -> dict[str, dict[str, Json]]:
    """Type → id → example."""
    found: dict[str, dict[str, Json]] = {}
    for _, resource in examples("R5", 1 if EVERY == 1 else 3):
        if resource["resourceType"] in resource_types("R5"):
            found.setdefault(resource["resourceType"], {}).setdefault(resource["id"], resource)
    return found


def types(part: int) -> list[str]:
    """The types of a part of the work; the parts are about alike."""
    every = sorted(resources(), key=lambda type_: (-sum(map(len, map(str, resources()[type_].values()))), type_))
    return every[part::PARTS]


def searches(type_: str) -> list[Asked]:
    """The searches for the values of a type's examples."""
    found: list[Asked] = []
    for definition in of_type(type_):
        book = Book(type_, definition)
        for id_, resource in resources()[type_].items():
            for kind, value in values(definition, resource):
                book.add(id_, kind, value)
        found += book.asked.values()
    return found


def taken(asked: Asked) -> bool:
    """Whether this run takes a search: all of the kinds that have few values, a share of the others."""
    few = asked.value[:2] in ("ge", "le", "ap") or asked.value[:1].isdigit()
    return few or crc32(f"{asked.type} {asked.name} {asked.value}".encode()) % EVERY == 0


async def stock(settings: Settings, uri: str, part: int) -> None:
    """Stores the index entries of examples; of the resources themselves their id alone, for it is all that is asked."""
    store = await connect(settings, uri)
    server = Server(settings, store, "R5", "http://test/r5")
    try:
        for type_ in types(part):
            items = [
                Put(_stub(each), type_, id_, "R5", write.index(server, each))
                for id_, each in resources()[type_].items()
            ]
            for start in range(0, len(items), AT_ONCE):
                await store.put_many(items[start : start + AT_ONCE])
    finally:
        await store.close()


def _stub(resource: Json) -> Json:
    return {name: resource[name] for name in ("resourceType", "id", "member") if name in resource}


async def found(client: httpx.AsyncClient, asked: Asked) -> set[str] | str:
    """The ids of all pages of an answer; of a refusal what it says."""
    url = f"/r5/{asked.type}?{asked.name}={quote(asked.value, safe='')}&_count=1000&_elements=id"
    ids: set[str] = set()
    while url:
        answer = await client.get(url, headers={"Prefer": "handling=strict"})
        bundle = fhirjson.loads(answer.content)
        if answer.status_code != 200:
            return str(bundle["issue"][0]["diagnostics"])
        ids |= {entry["resource"]["id"] for entry in bundle.get("entry", ())}
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    return ids


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_value_finds_its_example_and_nothing_else(settings: Settings, mongodb_uri: str, part: int) -> None:
    await stock(settings, mongodb_uri, part)
    app = create_app(settings, mongodb_uri)
    wrong: list[str] = []
    asked_of: Counter[str] = Counter()
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        for type_ in types(part):
            for asked in filter(taken, searches(type_)):
                answer = await found(client, asked)
                asked_of[type_] += 1
                if isinstance(answer, str):
                    wrong.append(f"{type_}?{asked.name}={asked.value} is refused: {answer}")
                elif missing := asked.surely - answer:
                    wrong.append(f"{type_}?{asked.name}={asked.value} does not find {sorted(missing)[:3]}")
                elif beyond := asked.beyond(answer):
                    wrong.append(f"{type_}?{asked.name}={asked.value} also finds {sorted(beyond)[:3]}")
    assert asked_of.total() > 1000
    assert not wrong, f"{len(wrong)} of {asked_of.total()}:\n" + "\n".join(wrong[:50])
