"""Searches explained over HTTP: to whom, in what form, and without a word of what is stored."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.web.conftest import Json, Serve

NAME = "Secretname"


@pytest.fixture
async def stocked(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """Five patients with a name of their own, each with an observation."""
    for number in range(5):
        patient = {
            "resourceType": "Patient",
            "id": f"hidden-{number}",
            "active": True,
            "name": [{"family": f"{NAME}{number}"}],
            "birthDate": f"197{number}-01-31",
        }
        observation = {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "1-1"}]},
            "subject": {"reference": f"Patient/hidden-{number}"},
            "valueQuantity": {"value": 5.4, "unit": "mg"},
        }
        for each in (patient, observation):
            answer = await client.put(f"/r5/{each['resourceType']}/{each['id']}", json=each)
            assert answer.status_code == 201
    return client


def told(bundle: Json) -> list[str]:
    """What the explanation in a searchset says."""
    outcomes = [each for each in bundle.get("entry", []) if each["search"]["mode"] == "outcome"]
    assert len(outcomes) == 1
    return said(outcomes[0]["resource"])


def said(outcome: Json) -> list[str]:
    return [
        issue["diagnostics"]
        for issue in outcome["issue"]
        if issue.get("details", {}).get("text") in ("explain-search", "explain-query")
    ]


def matches(bundle: Json) -> list[str]:
    return [each["resource"]["id"] for each in bundle.get("entry", []) if each["search"]["mode"] == "match"]


async def test_an_explanation_stands_beside_the_answer(stocked: httpx.AsyncClient) -> None:
    answer = await stocked.get("/r5/Observation?code=http://loinc.org|1-1&_explain=true")
    assert answer.status_code == 200
    assert answer.headers["Preference-Applied"] == "explain"
    assert len(matches(answer.json())) == 5
    tree, query, *_ = told(answer.json())
    assert tree.splitlines()[0] == "search Observation"
    lines = query.splitlines()
    assert lines[0] == "find Observation"
    assert any("http://loinc.org|1-1" in line for line in lines if line.startswith("  filter:"))
    assert any("IXSCAN" in line for line in lines if line.startswith("  plan:"))
    assert any(line.startswith("  examined: 5 keys, ") for line in lines)
    assert lines[-1].startswith("  milliseconds: ")


async def test_the_answer_is_the_same_but_for_the_explanation(stocked: httpx.AsyncClient) -> None:
    url = "/r5/Patient?active=true&_sort=-birthdate&_count=2&_include=Patient:organization&nonsense=1"
    plain = (await stocked.get(url)).json()
    explained = (await stocked.get(url, headers={"Prefer": "explain"})).json()
    assert told(explained)
    for bundle in (plain, explained):
        for each in bundle["entry"]:
            if each["search"]["mode"] == "outcome":
                # What was ignored is said in the same outcome.
                assert "nonsense" in each["resource"]["issue"][0]["diagnostics"]
                del each["resource"], each["fullUrl"]
    assert plain == explained


@pytest.mark.parametrize("url", ["/r5/Patient?active=true", "/r5/Patient?active=true&_explain=false"])
async def test_nobody_is_explained_what_was_not_asked(stocked: httpx.AsyncClient, url: str) -> None:
    answer = await stocked.get(url)
    assert "Preference-Applied" not in answer.headers
    assert [each["search"]["mode"] for each in answer.json()["entry"]] == ["match"] * 5


async def test_a_form_asks_too(stocked: httpx.AsyncClient) -> None:
    answer = await stocked.post(
        "/r5/Patient/_search",
        content="active=true&_explain=true",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert len(told(answer.json())) > 1


async def test_every_query_of_a_search_is_explained(stocked: httpx.AsyncClient) -> None:
    url = "/r5/Observation?subject:Patient.active=true&_include=Observation:subject&_total=accurate"
    tree, *queries = told((await stocked.get(url, headers={"Prefer": "explain, handling=strict"})).json())
    assert "  Observation subject: refers to Patient with" in tree.splitlines()
    heads = [query.splitlines()[0] for query in queries]
    # The inner search, the page, the bodies, what is included, the total.
    assert heads[0] == "find Patient"
    assert "find Observation" in heads
    assert heads.count("find Patient") > 1 or "queries that read the same" in str(queries)


@pytest.mark.parametrize(
    "url",
    [
        "/r5/Observation?subject:Patient.active=true&_include=Observation:subject",
        f"/r5/Observation?subject:Patient.name={NAME}&_revinclude=Observation:has-member",
        "/r5/Patient?_has:Observation:patient:code=1-1&_revinclude=Observation:patient",
        "/r5/Patient?active=true&_sort=birthdate&_count=2",
        "/r5/Patient?active=true&_sort=-name,birthdate&_count=1",
        "/r5/Observation?value-quantity=gt3&_count=1",
        "/r5/Group?member:Patient.active=true",
    ],
)
async def test_an_explanation_holds_nothing_of_what_is_stored(stocked: httpx.AsyncClient, url: str) -> None:
    while url:
        answer = await stocked.get(url, headers={"Prefer": "explain"})
        assert answer.status_code == 200
        text = "\n".join(told(answer.json()))
        assert "hidden" not in text
        assert "31" not in text  # the day of all birth dates
        assert not [number for number in range(5) if f"{NAME}{number}".lower() in text.lower()]
        links = {link["relation"]: link["url"] for link in answer.json()["link"]}
        url = links.get("next", "")


async def test_a_type_of_which_there_is_nothing_is_explained(client: httpx.AsyncClient) -> None:
    assert told((await client.get("/r5/Basic?code=x&_explain=true")).json())


async def test_a_search_that_is_too_costly_says_why(serve: Serve, stocked: httpx.AsyncClient) -> None:
    async with serve(search_timeout_s=0.001) as hurried:
        for _ in range(50):
            answer = await hurried.get("/r5/Observation?code:not=x&value-quantity=ne3", headers={"Prefer": "explain"})
            if answer.status_code == 422:
                break
        else:
            pytest.skip("this machine is too fast for a search to be too costly")
    assert answer.json()["issue"][0]["code"] == "too-costly"
    assert said(answer.json())[0].startswith("search Observation")


# --- who may ----------------------------------------------------------------------------------------------------------


async def test_a_refused_search_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get("/r5/Patient?birthdate=1x&_explain=true")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["birthdate"]


@pytest.mark.parametrize("query", ["_explain=maybe", "_explain=", "_explain=true&_explain=false"])
async def test_explain_is_true_or_false(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/r5/Patient?{query}")
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["expression"] == ["_explain"]


@pytest.mark.parametrize(
    ("setting", "host", "headers", "status"),
    [
        ("local", "127.0.0.1", {}, 200),
        ("local", "::1", {}, 200),
        ("local", "::ffff:127.0.0.1", {}, 200),
        ("local", "192.0.2.7", {}, 403),
        ("local", "not an address", {}, 403),
        ("local", "127.0.0.1", {"X-Forwarded-For": "192.0.2.7"}, 403),
        ("local", "127.0.0.1", {"Forwarded": "for=192.0.2.7"}, 403),
        ("all", "192.0.2.7", {}, 200),
        ("none", "127.0.0.1", {}, 403),
    ],
)
async def test_the_setting_says_who_may_ask(
    serve: Serve, setting: str, host: str, headers: dict[str, str], status: int
) -> None:
    async with serve(explain=setting) as near:
        transport: Any = near._transport
        far = httpx.ASGITransport(app=transport.app, client=(host, 1))
        async with httpx.AsyncClient(transport=far, base_url="http://test") as client:
            answer = await client.get("/r5/Patient?active=true&_explain=true", headers=headers)
            assert answer.status_code == status
            preferred = await client.get("/r5/Patient?active=true", headers=headers | {"Prefer": "explain"})
    if status == 403:
        assert answer.json()["issue"][0]["expression"] == ["_explain"]
    # A preference that is not met is no error.
    assert preferred.status_code == 200
    assert ("Preference-Applied" in preferred.headers) is (status == 200)


async def test_elsewhere_it_is_a_parameter_that_nobody_knows(stocked: httpx.AsyncClient) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "batch",
        "entry": [{"request": {"method": "GET", "url": "Patient?active=true&_explain=true"}}],
    }
    answer = (await stocked.post("/r5", json=bundle)).json()["entry"][0]["resource"]
    outcome = next(each["resource"] for each in answer["entry"] if each["search"]["mode"] == "outcome")
    assert "'_explain'" in outcome["issue"][0]["diagnostics"]
