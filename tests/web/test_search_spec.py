"""The examples of the specification's pages about searching, one by one: tests/cases/search_spec_cases.json.

A group is a section of https://hl7.org/fhir/R5/search.html (`filter` of search_filter.html too) with the resources of a
server. Each search is sent by GET and by a form, as the page shows them; what the Python matcher can answer is asked of
it too. `finds` are all matches, `some` are among them, `without` are not; `ignored` are parameters of which a warning
says that they were left aside. Where the server differs from the `page`, `here` says why.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.errors import FhirError
from fhirserver.resources.registry import resource_types
from fhirserver.search.chains import leaves
from fhirserver.search.match import matches
from fhirserver.search.parse import parse
from tests.web.conftest import Json, Serve

ORIGIN = "http://example.org"
BASE = f"{ORIGIN}/r5"
GROUPS = fhirjson.loads(
    (Path(__file__).parents[1] / "cases" / "search_spec_cases.json").read_text().replace("{base}", BASE)
)


async def stock(client: httpx.AsyncClient, resources: list[Json]) -> None:
    """Stores the resources of a group."""
    for resource in resources:
        url = f"/r5/{resource['resourceType']}/{resource['id']}"
        answer = await client.put(url, content=fhirjson.dumps(resource))
        assert answer.status_code == 201, (url, answer.text)


async def answers(client: httpx.AsyncClient, search: Json) -> list[httpx.Response]:
    """The answers to a search by GET, and by a form."""
    place, _, query = search["get"].partition("?")
    encoded = quote(query, safe="%/?:@!$&'()*+,;=-._~|")
    headers = {"Prefer": search["prefer"]} if "prefer" in search else {}
    form = search.get("form") or f"{place}/_search".lstrip("/")
    got = await client.get(f"/r5/{place}?{encoded}" if place else f"/r5?{encoded}", headers=headers)
    sent = await client.post(
        f"/r5/{form}", content=encoded, headers=headers | {"Content-Type": "application/x-www-form-urlencoded"}
    )
    return [got, sent]


def named(answer: Json, mode: str) -> list[str]:
    """The entries of a mode, in order."""
    found = (each["resource"] for each in answer.get("entry", ()) if each["search"]["mode"] == mode)
    return [f"{each['resourceType']}/{each['id']}" for each in found]


def ignored(answer: Json) -> set[str]:
    outcomes = (each["resource"] for each in answer.get("entry", ()) if each["search"]["mode"] == "outcome")
    issues = (issue for outcome in outcomes for issue in outcome["issue"] if issue["severity"] == "warning")
    return {name for issue in issues for name in issue.get("expression", ())}


def wrong(wanted: Json, answer: httpx.Response) -> list[str]:
    """What of an answer is not as wanted."""
    said = answer.json()
    status = wanted.get("status", 200)
    if answer.status_code != status:
        told = [issue["diagnostics"] for issue in said.get("issue", ())]
        return [f"status {answer.status_code} for {status}: {told}"]
    if status != 200:
        expressions = {name for issue in said["issue"] for name in issue.get("expression", ())}
        expected = wanted.get("expression")
        return [] if expected is None or expected in expressions else [f"{expected} is not in {expressions}"]
    found, more = named(said, "match"), named(said, "include")
    bad: list[tuple[str, Any]] = [
        ("finds", "finds" in wanted and sorted(found) != sorted(wanted["finds"])),
        ("some", not set(wanted.get("some", ())) <= set(found)),
        ("without", not set(wanted.get("without", ())).isdisjoint(found)),
        ("order", "order" in wanted and found != wanted["order"]),
        ("includes", sorted(more) != sorted(wanted.get("includes", ()))),
        ("ignored", ignored(said) != set(wanted.get("ignored", ()))),
        ("total", "total" in wanted and said.get("total") != wanted["total"]),
        ("next", "next" in wanted and wanted["next"] not in {link["relation"] for link in said["link"]}),
    ]
    for each in (entry["resource"] for entry in said.get("entry", ()) if entry["search"]["mode"] == "match"):
        bad.append(("has", not set(wanted.get("has", ())) <= each.keys()))
        bad.append(("lacks", not each.keys().isdisjoint(wanted.get("lacks", ()))))
    return [f"{name}: {wanted.get(name)}, but found {found}, included {more}" for name, broken in bad if broken]


def unmatched(search: Json, resources: list[Json]) -> list[str]:
    """What the matcher says otherwise; nothing where a search needs other searches, or several types."""
    type_, _, query = search["get"].partition("?")
    if type_ not in resource_types("R5") or "finds" not in search or search.get("ignored") or search["finds"] == []:
        return []
    try:
        node = parse("R5", type_, parse_qsl(query), strict=True, base_urls=[BASE]).filter
    except FhirError as error:
        return [f"the parser refuses it: {error}"]
    if leaves(node):
        return []
    held = [{"meta": {"lastUpdated": "2020-01-01T00:00:00Z"}} | each for each in resources]
    found = [f"{type_}/{each['id']}" for each in held if each["resourceType"] == type_ and matches(node, each, "R5")]
    return [] if sorted(found) == sorted(search["finds"]) else [f"the matcher finds {found}"]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["section"])
async def test_the_examples_of_the_specification(group: Json, serve: Serve) -> None:
    broken: list[str] = []
    async with serve(validation="structure", base_url=ORIGIN, **group.get("settings", {})) as client:
        await stock(client, group["resources"])
        for search in group["searches"]:
            for how, answer in zip(("GET", "form"), await answers(client, search), strict=True):
                told = wrong(search, answer)
                if told:
                    broken.append(f"{search['get']} by {how}: {told}")
            broken += [f"{search['get']}: {each}" for each in unmatched(search, group["resources"])]
    assert not broken, "\n".join(broken)
