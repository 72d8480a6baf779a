"""Every official example through the server: stored, read back digit by digit, found by what it says.

https://hl7.org/fhir/R5/downloads.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.search.indexing import LIVE, entry
from fhirserver.search.kinds.reference import CONTAINED
from fhirserver.search.parameters import parameters
from fhirserver.search.sink import LONGEST
from tests.official import REFUSED, TOO_LARGE
from tests.packages import EXAMPLES, package

Json = dict[str, Any]
PARTS = 8
AT_ONCE = 6
PARAMETERS = 3
"""By how many parameters each is searched, if it has so many."""


def parts() -> list[list[Path]]:
    """The examples in parts of about the same size."""
    paths = [path for path in package(EXAMPLES["R5"]).rglob("*.json") if not path.name.startswith((".", "package"))]
    paths.sort(key=lambda path: (-path.stat().st_size, path.name))
    return [paths[part::PARTS] for part in range(PARTS)]


# --- equality -------------------------------------------------------------------------------------------------------


def stored(resource: Json) -> Json:
    """What of a resource the server keeps: all but the version, which it gives itself."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    kept = {name: value for name, value in resource.items() if name != "meta"}
    return kept | ({"meta": meta} if meta else {})


def differences(a: Any, b: Any, path: str = "") -> Iterator[str]:
    """Where two JSON values differ: 1.0 is not 1.00, and 1 is not true."""
    if type(a) is not type(b):
        yield f"{path}: {a!r} / {b!r}"
    elif isinstance(a, dict):
        for name in a.keys() | b.keys():
            if name in a and name in b:
                yield from differences(a[name], b[name], f"{path}.{name}")
            else:
                yield f"{path}.{name} is in one only"
    elif isinstance(a, list):
        if len(a) != len(b):
            yield f"{path}: {len(a)} / {len(b)} items"
        for number, (one, other) in enumerate(zip(a, b, strict=False)):
            yield from differences(one, other, f"{path}[{number}]")
    elif a != b or (isinstance(a, Decimal) and a.as_tuple() != b.as_tuple()):
        yield f"{path}: {a!r} / {b!r}"


# --- searches -------------------------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    for sign in "\\,$|":
        text = text.replace(sign, "\\" + sign)
    return text


def unquoted(text: str) -> str:
    """A part of a posting as it was before it was put there."""
    return text.replace("%7C", "|").replace("%25", "%")


def searches(resource: Json) -> Iterator[tuple[str, str]]:
    """Parameters with values that the resource's own index entry says it has; the most telling first."""
    known = parameters("R5", resource["resourceType"])
    indexed = entry("R5", {name: value for name, value in resource.items() if name != "member"})
    found: dict[str, str] = {}
    for posting in indexed.t:
        code, _, rest = posting.partition("|")
        name, _, modifier = code.partition(":")
        if posting == LIVE or len(posting) >= LONGEST or rest in ("", CONTAINED) or modifier not in ("", "identifier"):
            continue
        match known[name].kind:
            case "token":
                value = "|".join(escaped(unquoted(part)) for part in rest.split("|"))
            case "reference" if modifier:
                value = "|".join(escaped(unquoted(part)) for part in rest.split("|"))
            case "string" | "uri" | "reference" if rest.strip():
                value = escaped(rest)
            case _:
                continue
        # The posting with the system comes after the one without.
        found[code] = value
    for each in indexed.x:
        name = each["k"].lstrip("~")
        if name in found or name not in known:
            continue
        match known[name].kind:
            case "date":
                found[name] = f"ge{each['lo'].isoformat(timespec='milliseconds')}"
            case "number" | "quantity" if each["lo"] == each["hi"]:
                found[name] = f"{each['lo']}"
    first = ("identifier", "url", "name", "code", "status")
    order = sorted(found, key=lambda code: (first.index(code) if code in first else len(first), code))
    yield from ((code, found[code]) for code in order)


# --- the walk -------------------------------------------------------------------------------------------------------


async def walk(client: httpx.AsyncClient, path: Path) -> list[str]:
    """What is wrong with what becomes of one example."""
    content = await asyncio.to_thread(path.read_bytes)
    resource = fhirjson.loads(content)
    type_, id_ = resource["resourceType"], resource["id"]
    put = await client.put(f"/r5/{type_}/{id_}", content=content)
    if path.name in TOO_LARGE or path.name in REFUSED["R5"]:
        expected = (413,) if path.name in TOO_LARGE else (400, 422)
        return [] if put.status_code in expected else [f"is answered with {put.status_code}, not one of {expected}"]
    if put.status_code != 201:
        return [f"is refused with {put.status_code}: {put.text[-400:]}"]
    read = await client.get(f"/r5/{type_}/{id_}")
    wrong = list(differences(stored(resource), stored(fhirjson.loads(read.content))))
    return wrong + await unfound(client, resource)


async def unfound(client: httpx.AsyncClient, resource: Json) -> list[str]:
    """Searches that do not find a resource though its index entry says that they should; or that there is none."""
    wrong = []
    asked = list(searches(resource))[:PARAMETERS]
    if not asked:
        wrong.append("is found by no parameter of its own")
    for code, value in asked:
        query = urlencode([("_id", resource["id"]), (code, value)])
        answer = await client.get(f"/r5/{resource['resourceType']}?{query}", headers={"Prefer": "handling=strict"})
        found = [each["resource"]["id"] for each in answer.json().get("entry", [])]
        if answer.status_code != 200 or found != [resource["id"]]:
            wrong.append(f"is not found by {query}: {answer.text[:300]}")
    return wrong


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_example_is_stored_read_and_found(shared: httpx.AsyncClient, part: int) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(path: Path) -> list[str]:
        async with gate:
            return [f"{path.name} {each}" for each in await walk(shared, path)]

    paths = parts()[part]
    assert len(paths) > 300
    answers = await asyncio.gather(*(one(path) for path in paths))
    wrong = [each for answer in answers for each in answer]
    assert not wrong, "\n".join(wrong)
