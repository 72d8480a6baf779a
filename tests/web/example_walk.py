"""What the tests of official examples share: equality, searches that find a resource, and its way out and in as XML."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from fhirserver import fhirjson
from fhirserver.resources.registry import Release
from fhirserver.search.indexing import entry
from fhirserver.search.kinds.reference import CONTAINED
from fhirserver.search.named import named
from fhirserver.search.sink import LONGEST

Json = dict[str, Any]
PARAMETERS = 2
"""By how many parameters each is searched, if it has so many."""


# --- equality -------------------------------------------------------------------------------------------------------


def stored(resource: Json) -> Json:
    """What of a resource the server keeps: all but the version, which it gives itself."""
    meta = {name: value for name, value in resource.get("meta", {}).items() if name not in ("versionId", "lastUpdated")}
    kept = {name: value for name, value in resource.items() if name != "meta"}
    return kept | ({"meta": meta} if meta else {})


def differences(a: Any, b: Any, path: str = "", *, ordered: bool = True) -> Iterator[str]:
    """Where two JSON values differ: 1.0 is not 1.00, 1 is not true, and the order of names counts if it is to."""
    if type(a) is not type(b):
        yield f"{path}: {a!r} / {b!r}"
    elif isinstance(a, dict):
        if a.keys() != b.keys() or (ordered and list(a) != list(b)):
            yield f"{path}: {list(a)} / {list(b)}"
        for name in a.keys() & b.keys():
            yield from differences(a[name], b[name], f"{path}.{name}", ordered=ordered)
    elif isinstance(a, list):
        if len(a) != len(b):
            yield f"{path}: {len(a)} / {len(b)} items"
        for number, (one, other) in enumerate(zip(a, b, strict=False)):
            yield from differences(one, other, f"{path}[{number}]", ordered=ordered)
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


def searches(release: Release, resource: Json) -> Iterator[tuple[str, str]]:
    """Parameters with values that the resource's own index entry says it has; the most telling first."""
    type_ = resource["resourceType"]
    names = {each.code: name for name, each in named(release, type_).items()}
    known = {name: each for name, each in named(release, type_).items() if each.definition.own is None}
    indexed = entry(release, {name: value for name, value in resource.items() if name != "member"})
    found: dict[str, str] = {}
    for posting in indexed.t:
        code, _, rest = posting.partition("|")
        if "@" in code:
            code, _, system = code.partition("@")
            rest = f"{system}|{rest}"
        stored, _, modifier = code.partition(":")
        name = names.get(stored, "")
        if name not in known:
            continue
        code = f"{name}:{modifier}" if modifier else name
        if posting.startswith("|") or len(posting) >= LONGEST or rest in ("", "|", CONTAINED):
            continue
        if modifier not in ("", "identifier"):
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
        name = names.get(each["k"], "")
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


# --- requests ---------------------------------------------------------------------------------------------------------


async def ask(client: httpx.AsyncClient, method: str, url: str, **more: Any) -> httpx.Response:
    """An answer; a busy machine may need a moment, which a 503 asks for."""
    for _ in range(10):
        answer = await client.request(method, url, **more)
        if answer.status_code != 503:
            break
        await asyncio.sleep(1)
    return answer


async def changed_by_xml(client: httpx.AsyncClient, release: Release, resource: Json) -> list[str]:
    """What is another in a copy that went out and came in as XML."""
    type_, id_ = resource["resourceType"], resource["id"]
    out = await ask(client, "GET", f"/{release.lower()}/{type_}/{id_}", headers={"Accept": "application/fhir+xml"})
    copy = uuid4().hex
    xml = out.content.replace(f'<id value="{id_}"/>'.encode(), f'<id value="{copy}"/>'.encode(), 1)
    put = await ask(
        client,
        "PUT",
        f"/{release.lower()}/{type_}/{copy}",
        content=xml,
        headers={"Content-Type": "application/fhir+xml"},
    )
    if out.status_code != 200 or put.status_code not in (200, 201):
        return [f"as XML is answered with {out.status_code} and {put.status_code}: {put.text[-400:]}"]
    found = differences(stored(resource) | {"id": copy}, stored(fhirjson.loads(put.content)), ordered=False)
    return [f"as XML is another: {each}" for each in found]


async def unfound(client: httpx.AsyncClient, release: Release, resource: Json) -> list[str]:
    """Searches that do not find a resource though its index entry says that they should; or that there is none."""
    wrong = []
    asked = list(searches(release, resource))[:PARAMETERS]
    if not asked and release == "R5":
        wrong.append("is found by no parameter of its own")
    # Some examples of R4 have no value that a parameter takes.
    asked = asked or [("_id", resource["id"])]
    for code, value in asked:
        query = urlencode([("_id", resource["id"]), (code, value)])
        answer = await ask(
            client,
            "GET",
            f"/{release.lower()}/{resource['resourceType']}?{query}",
            headers={"Prefer": "handling=strict"},
        )
        found = [each["resource"]["id"] for each in answer.json().get("entry", [])]
        if answer.status_code != 200 or found != [resource["id"]]:
            wrong.append(f"is not found by {query}: {answer.text[:300]}")
    return wrong
