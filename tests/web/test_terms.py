"""Terminology over HTTP: the operations, and searches by value sets and hierarchies."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.interactions import terms
from fhirserver.interactions.resolve import resolved
from fhirserver.interactions.server import Server
from fhirserver.resources.validation import validate
from fhirserver.search.match import matches
from fhirserver.search.parse import parse
from fhirserver.settings import Settings
from fhirserver.store.store import Store
from tests.web.conftest import Json, Serve

TABLE: Json = fhirjson.loads((Path(__file__).parent.parent / "cases" / "terminology_cases.json").read_bytes())
ANIMALS = "http://example.org/animals"
SETS = "http://example.org/ValueSet/"


def definitions() -> list[Json]:
    """Those of the table, each under an id."""
    found = copy.deepcopy(TABLE["definitions"])
    for each in found:
        each["id"] = "-".join(filter(None, [each["url"].rsplit("/", 1)[-1], each.get("version", "").replace(".", "-")]))
    return found


def observation(id_: str, *codings: Json | None, **more: Any) -> Json:
    concept = {"coding": [each for each in codings if each]} if any(codings) else {"text": "something"}
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": concept, **more}


def animal(code: str, system: str | None = ANIMALS) -> Json:
    return {"code": code} | ({"system": system} if system else {})


SEEN = [
    observation("dog", animal("dog")),
    observation("cat", animal("cat"), status="preliminary"),
    observation("bat", animal("bat"), subject={"reference": "Patient/p"}),
    observation("wren", animal("wren"), animal("x", "http://example.org/other")),
    observation("bird", animal("bird")),
    observation("plant", animal("plant")),
    observation("elsewhere", animal("dog", "http://example.org/other")),
    observation("nowhere", animal("dog", None)),
    observation("text", None),
]


async def store_all(client: httpx.AsyncClient, resources: list[Json]) -> None:
    entries = [
        {"resource": each, "request": {"method": "PUT", "url": f"{each['resourceType']}/{each['id']}"}}
        for each in resources
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = await client.post("/r5", content=fhirjson.dumps(bundle))
    assert answer.status_code == 200, answer.text


@pytest.fixture(scope="module")
async def loaded(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    """A server with the definitions of the table and some observations."""
    patient = {"resourceType": "Patient", "id": "p", "gender": "other", "language": "de-CH"}
    await store_all(shared, [*definitions(), patient, *SEEN])
    return shared


async def ask(client: httpx.AsyncClient, path: str, body: Json | None = None) -> Json:
    answer = await (client.get(f"/r5/{path}") if body is None else client.post(f"/r5/{path}", json=body))
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    assert validate("R5", found) == []
    return found


def parameters(**given: Any) -> Json:
    rows = [
        {"name": name, "resource": value}
        if isinstance(value, dict) and "resourceType" in value
        else {"name": name, **value}
        for name, value in given.items()
    ]
    return {"resourceType": "Parameters"} | ({"parameter": rows} if rows else {})


def told(answer: Json) -> dict[str, Any]:
    """The values of the out parameters."""
    return {row["name"]: next(value for key, value in row.items() if key != "name") for row in answer["parameter"]}


def codes(valueset: Json) -> list[str]:
    return [row["code"] for row in valueset["expansion"].get("contains", ())]


# --- operations -------------------------------------------------------------------------------------------------------

IN_LINE = {
    "resourceType": "ValueSet",
    "status": "active",
    "compose": {"include": [{"system": ANIMALS, "concept": [{"code": "dog"}]}]},
}


async def test_a_value_set_is_expanded_however_it_is_named(loaded: httpx.AsyncClient) -> None:
    for path, body in [
        (f"ValueSet/$expand?url={SETS}kept", None),
        ("ValueSet/kept/$expand", None),
        ("ValueSet/$expand", parameters(url={"valueUri": f"{SETS}kept"})),
        ("ValueSet/$expand", parameters(url={"valueCanonical": f"{SETS}kept"})),
        ("ValueSet/kept/$expand", parameters()),
    ]:
        found = await ask(loaded, path, body)
        assert codes(found) == ["dog", "cat"]
        assert found["url"] == f"{SETS}kept"
        assert "compose" not in found
    assert codes(await ask(loaded, "ValueSet/$expand", IN_LINE)) == ["dog"]
    assert codes(await ask(loaded, "ValueSet/$expand", parameters(valueSet=IN_LINE))) == ["dog"]
    assert codes(await ask(loaded, f"ValueSet/$expand?url={SETS}versions|10")) == ["cat"]
    assert codes(await ask(loaded, f"ValueSet/$expand?url={SETS}versions&valueSetVersion=1")) == ["dog"]


async def test_an_expansion_is_shaped_by_its_parameters(loaded: httpx.AsyncClient) -> None:
    url = f"ValueSet/$expand?url={SETS}listed&includeDefinition=true"
    found = await ask(
        loaded, f"{url}&displayLanguage=fr&includeDesignations=true&property=legs&activeOnly=true&count=1&offset=0"
    )
    assert found["compose"]["include"][0]["system"] == ANIMALS
    expansion = found["expansion"]
    assert expansion["total"] == 2
    assert expansion["contains"] == [
        {
            "system": ANIMALS,
            "version": "2.0",
            "code": "cat",
            "display": "chat",
            "designation": [{"language": "fr", "value": "chat"}],
            "property": [{"code": "legs", "valueInteger": 4}],
        }
    ]
    named = [row["name"] for row in expansion["parameter"]]
    assert named == [
        *("offset", "count", "includeDesignations", "activeOnly", "displayLanguage", "property", "used-codesystem"),
    ]
    german = await ask(loaded, f"ValueSet/$expand?url={SETS}listed&displayLanguage=de")
    assert [row["display"] for row in german["expansion"]["contains"]] == ["Katze", "Hund"]
    supplement = "http://example.org/animals-in-german"
    sound = await ask(loaded, f"ValueSet/$expand?url={SETS}listed&useSupplement={supplement}&property=sound")
    assert sound["expansion"]["contains"][0]["property"] == [{"code": "sound", "valueString": "miau"}]
    assert {"name": "used-supplement", "valueUri": supplement} in sound["expansion"]["parameter"]
    old = await ask(loaded, f"ValueSet/$expand?url={SETS}listed&system-version={ANIMALS}|1.0")
    assert codes(old) == ["dog", "unicorn"]
    assert codes(await ask(loaded, f"ValueSet/$expand?url={SETS}listed&exclude-system={ANIMALS}")) == []


async def test_a_code_is_validated_in_a_value_set(loaded: httpx.AsyncClient) -> None:
    url = f"ValueSet/$validate-code?url={SETS}kept"
    found = told(await ask(loaded, f"{url}&system={ANIMALS}&code=dog"))
    assert found == {"result": True, "display": "Dog", "code": "dog", "system": ANIMALS, "version": "2.0"}
    found = told(await ask(loaded, f"{url}&system={ANIMALS}&code=bat"))
    assert found["result"] is False
    assert "is not in the value set" in found["message"]
    assert found["issues"]["issue"][0]["details"]["text"] == "not-in-vs"
    found = told(await ask(loaded, f"ValueSet/kept/$validate-code?system={ANIMALS}&code=dog&display=Wolf"))
    assert found["result"] is False
    assert found["display"] == "Dog"
    coding = animal("dog") | {"version": "2.0"}
    body = parameters(url={"valueUri": f"{SETS}kept"}, coding={"valueCoding": coding})
    assert told(await ask(loaded, "ValueSet/$validate-code", body))["result"] is True
    concept = {"coding": [animal("bat"), animal("cat")], "text": "a pet"}
    body = parameters(valueSet=IN_LINE, codeableConcept={"valueCodeableConcept": concept})
    found = told(await ask(loaded, "ValueSet/$validate-code", body))
    assert found["result"] is False
    assert found["codeableConcept"] == concept
    places = [issue["expression"] for issue in found["issues"]["issue"]]
    assert places == [["CodeableConcept.coding[0].code"], ["CodeableConcept.coding[1].code"]]
    body = parameters(url={"valueUri": f"{SETS}kept"}, codeableConcept={"valueCodeableConcept": concept})
    found = told(await ask(loaded, "ValueSet/$validate-code", body))
    assert (found["result"], found["code"]) == (True, "cat")
    assert {issue["severity"] for issue in found["issues"]["issue"]} == {"warning"}


async def test_a_code_is_validated_in_a_code_system(loaded: httpx.AsyncClient) -> None:
    url = f"CodeSystem/$validate-code?url={ANIMALS}"
    assert told(await ask(loaded, f"{url}&code=bat"))["result"] is True
    assert told(await ask(loaded, f"{url}&code=yeti"))["result"] is False
    assert told(await ask(loaded, f"{url}&code=unicorn"))["result"] is False
    assert told(await ask(loaded, f"{url}&code=unicorn&version=1.0"))["result"] is True
    assert told(await ask(loaded, "CodeSystem/animals-1-0/$validate-code?code=unicorn"))["result"] is True
    assert told(await ask(loaded, f"{url}&code=mammal&abstract=false"))["result"] is False
    system = {"resourceType": "CodeSystem", "url": "http://x", "status": "active", "content": "complete"}
    body = parameters(codeSystem=system | {"concept": [{"code": "a"}]}, code={"valueCode": "A"})
    assert told(await ask(loaded, "CodeSystem/$validate-code", body))["code"] == "a"
    body = parameters(coding={"valueCoding": animal("dog")})
    assert told(await ask(loaded, "CodeSystem/$validate-code", body))["result"] is True


async def test_a_code_is_looked_up(loaded: httpx.AsyncClient) -> None:
    for path, body in [
        (f"CodeSystem/$lookup?system={ANIMALS}&code=wren", None),
        ("CodeSystem/animals-2-0/$lookup?code=wren", None),
        ("CodeSystem/$lookup", parameters(coding={"valueCoding": animal("wren")})),
    ]:
        found = told(await ask(loaded, path, body))
        assert (found["name"], found["version"], found["display"]) == ("Animals of the tests", "2.0", "Eurasian wren")
    found = told(await ask(loaded, f"CodeSystem/$lookup?system={ANIMALS}&code=cat&displayLanguage=de"))
    assert found["display"] == "Katze"


async def test_it_is_told_how_two_codes_relate(loaded: httpx.AsyncClient) -> None:
    for path in (f"CodeSystem/$subsumes?system={ANIMALS}&", "CodeSystem/animals-2-0/$subsumes?"):
        for one, other, outcome in TABLE["subsumptions"]:
            found = await ask(loaded, f"{path}codeA={one}&codeB={other}")
            assert told(found) == {"outcome": outcome}
    body = parameters(codingA={"valueCoding": animal("bat")}, codingB={"valueCoding": animal("mammal")})
    assert told(await ask(loaded, "CodeSystem/$subsumes", body)) == {"outcome": "subsumed-by"}


REFUSED = [
    ("ValueSet/$expand", 400, "required", "Give one of the parameters url and valueSet"),
    (f"ValueSet/$expand?url={SETS}none", 404, "not-found", "store its ValueSet"),
    (f"ValueSet/$expand?url={SETS}versions|3", 404, "not-found", "versions|3"),
    (f"ValueSet/$expand?url={SETS}versions|1&valueSetVersion=2", 400, "invalid", "Two versions"),
    (f"ValueSet/kept/$expand?url={SETS}kept", 400, "invalid", "ValueSet/kept is what is asked"),
    ("ValueSet/nothing/$expand", 404, "not-found", "ValueSet/nothing"),
    (f"ValueSet/$expand?url={SETS}kept&date=2020-01-01", 400, "invalid", "'date'"),
    (f"ValueSet/$expand?url={SETS}kept&count=-1", 400, "value", "0 or more"),
    (f"ValueSet/$expand?url={SETS}kept&count=x", 400, "value", "count"),
    (f"ValueSet/$expand?url={SETS}kept&system-version={ANIMALS}", 400, "invalid", "add the version"),
    (f"ValueSet/$expand?url={SETS}kept&useSupplement=http://x", 422, "not-found", "supplement"),
    (f"ValueSet/$expand?url={SETS}listed&force-system-version={ANIMALS}|7", 200, "", ""),
    (f"ValueSet/$expand?url={SETS}kept&force-system-version={ANIMALS}|7", 422, "not-found", "|7' is not loaded"),
    (f"ValueSet/$expand?url={SETS}self", 422, "processing", "includes itself"),
    (f"ValueSet/$expand?url={SETS}partly", 422, "not-found", "http://example.org/gone"),
    (f"ValueSet/$validate-code?url={SETS}kept&code=dog", 400, "required", "system"),
    (f"ValueSet/$validate-code?url={SETS}kept", 400, "required", "code, coding and codeableConcept"),
    (f"ValueSet/$validate-code?url={SETS}none&system={ANIMALS}&code=dog", 404, "not-found", "store its ValueSet"),
    (f"ValueSet/$validate-code?url={SETS}partly&system=http://example.org/gone&code=1", 422, "not-found", "told"),
    (f"CodeSystem/$validate-code?url={ANIMALS}&code=dog&coding=x", 400, "invalid", "POST"),
    ("CodeSystem/$validate-code?code=dog", 400, "required", "Which code system"),
    ("CodeSystem/$validate-code?url=http://x&code=dog", 404, "not-found", "store its CodeSystem"),
    ("CodeSystem/$validate-code?url=http://example.org/some&code=z", 422, "not-found", "content: fragment"),
    ("CodeSystem/animals-in-german-1/$validate-code?code=cat", 422, "not-supported", "is a supplement"),
    (f"CodeSystem/animals-2-0/$validate-code?url={ANIMALS}&code=dog", 400, "invalid", "animals-2-0 is what"),
    (f"CodeSystem/$lookup?system={ANIMALS}&code=yeti", 404, "not-found", "has no code 'yeti'"),
    ("CodeSystem/$lookup?code=dog", 400, "required", "system"),
    (f"CodeSystem/$lookup?system={ANIMALS}", 400, "required", "code and coding"),
    ("CodeSystem/animals-2-0/$lookup?code=dog&system=http://x", 400, "invalid", "is of 'http://x'"),
    ("CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male", 404, "not-found", "store"),
    ("CodeSystem/$subsumes?codeA=a&codeB=b", 400, "required", "system"),
    (f"CodeSystem/$subsumes?system={ANIMALS}&codeA=dog", 400, "required", "codeB and codingB"),
    (f"CodeSystem/$subsumes?system={ANIMALS}&codeA=dog&codeB=yeti", 422, "code-invalid", "yeti"),
    ("CodeSystem/$subsumes?system=http://example.org/parts&codeA=Leg&codeB=Foot", 422, "not-supported", "part-of"),
]


@pytest.mark.parametrize(("path", "status", "code", "says"), REFUSED, ids=[row[0][:70] for row in REFUSED])
async def test_what_cannot_be_answered_is_refused_with_the_remedy(
    loaded: httpx.AsyncClient, path: str, status: int, code: str, says: str
) -> None:
    answer = await loaded.get(f"/r5/{path}")
    assert answer.status_code == status, answer.text
    if status != 200:
        issue = answer.json()["issue"][0]
        assert issue["code"] == code
        assert says in issue["diagnostics"]


async def test_a_resource_in_a_request_that_is_not_valid_is_refused_at_its_place(loaded: httpx.AsyncClient) -> None:
    bad = {"resourceType": "ValueSet", "status": "wrong"}
    answer = await loaded.post("/r5/ValueSet/$expand", json=parameters(valueSet=bad))
    assert answer.status_code == 422
    assert answer.json()["issue"][0]["expression"] == ["Parameters.parameter[0].resource.status"]
    answer = await loaded.post("/r5/ValueSet/$expand", json=bad)
    assert answer.json()["issue"][0]["expression"] == ["ValueSet.status"]
    both = parameters(url={"valueUri": f"{SETS}kept"}, valueSet=IN_LINE)
    assert (await loaded.post("/r5/ValueSet/$expand", json=both)).status_code == 400
    two = parameters(codingA={"valueCoding": animal("dog")}, codingB={"valueCoding": animal("dog", "http://x")})
    answer = await loaded.post("/r5/CodeSystem/$subsumes", json=two)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "not-supported")


async def test_the_terminology_capabilities_name_what_is_stored(loaded: httpx.AsyncClient) -> None:
    first = await loaded.get("/r5/metadata?mode=terminology")
    found = first.json()
    assert validate("R5", found) == []
    systems = {row["uri"]: row for row in found["codeSystem"]}
    assert systems[ANIMALS] == {
        "uri": ANIMALS,
        "version": [{"code": "2.0", "isDefault": True}, {"code": "1.0", "isDefault": False}],
        "content": "complete",
        "subsumption": True,
    }
    assert "http://example.org/animals-in-german" not in systems
    assert {"name": "activeOnly", "documentation": "Whether codes that are not active any more are left out."} in (
        found["expansion"]["parameter"]
    )
    tag = {"If-None-Match": first.headers["etag"]}
    assert (await loaded.get("/r5/metadata?mode=terminology", headers=tag)).status_code == 304


# --- searches ---------------------------------------------------------------------------------------------------------

FOUND = [
    (f"code:in={SETS}kept", "cat dog"),
    ("code:in=ValueSet/kept", "cat dog"),
    ("code:in=http://test/r5/ValueSet/kept", "cat dog"),
    (f"code:in={SETS}kept,{SETS}versions|9", "cat dog wren"),
    (f"code:in={SETS}versions", "wren"),
    (f"code:in={SETS}expanded", "dog"),
    (f"code:not-in={SETS}kept", "bat bird elsewhere nowhere plant text wren"),
    (f"code:not-in={SETS}kept,{SETS}versions", "bat bird elsewhere nowhere plant text"),
    (f"code:in={SETS}kept&status=final", "dog"),
    (f"code:below={ANIMALS}|mammal", "bat cat dog"),
    ("code:below=mammal", "bat cat dog"),
    (f"code:below={ANIMALS}|flyer", "bat wren"),
    (f"code:below={ANIMALS}|mammal,{ANIMALS}|plant", "bat cat dog plant"),
    (f"code:above={ANIMALS}|wren", "bird wren"),
    (f"code:above={ANIMALS}|dodo", "bird"),
    (f"combo-code:below={ANIMALS}|bird", "bird wren"),
    ("status:in=http://hl7.org/fhir/ValueSet/observation-status", " ".join(sorted(each["id"] for each in SEEN))),
    (f"status:in={SETS}kept", ""),
    (f"_filter=code in {SETS}kept", "cat dog"),
    (f"_filter=code ss {ANIMALS}|mammal and not (status eq final)", "cat"),
]


@pytest.mark.parametrize(("query", "found"), FOUND)
async def test_tokens_are_found_by_value_sets_and_hierarchies(
    loaded: httpx.AsyncClient, query: str, found: str
) -> None:
    bundle = await ask(loaded, f"Observation?{query}&_count=100")
    assert " ".join(sorted(entry["resource"]["id"] for entry in bundle.get("entry", ()))) == found


async def test_chains_and_has_lead_to_value_sets(loaded: httpx.AsyncClient) -> None:
    async def ids(path: str) -> list[str]:
        return [entry["resource"]["id"] for entry in (await ask(loaded, path)).get("entry", ())]

    assert await ids(f"Patient?_has:Observation:subject:code:below={ANIMALS}|mammal") == ["p"]
    assert await ids(f"Patient?_has:Observation:subject:code:in={SETS}kept") == []
    gender = "http://hl7.org/fhir/ValueSet/administrative-gender"
    assert await ids(f"Observation?subject:Patient.gender:in={gender}") == ["bat"]
    assert await ids(f"Patient?gender:not-in={gender}") == []


async def test_media_types_and_languages_have_a_system_of_their_own(loaded: httpx.AsyncClient) -> None:
    for id_, kind in {"a": "text/xml", "b": "text/xml;charset=UTF-8", "c": "text/xml-x", "d": "image/png"}.items():
        document = {"resourceType": "DocumentReference", "id": id_, "status": "current"}
        content = [{"attachment": {"contentType": kind, "title": "x"}}]
        await loaded.put(f"/r5/DocumentReference/{id_}", json=document | {"content": content})

    async def ids(path: str) -> list[str]:
        return sorted(entry["resource"]["id"] for entry in (await ask(loaded, path)).get("entry", ()))

    assert await ids("DocumentReference?contenttype:below=text/xml") == ["a", "b"]
    assert await ids("DocumentReference?contenttype:below=urn:ietf:bcp:13|text/xml") == ["a", "b"]
    assert await ids("DocumentReference?contenttype:below=image,text/xml-x") == ["c", "d"]
    assert await ids("Patient?_language=urn:ietf:bcp:47|de-CH") == ["p"]
    tongues = IN_LINE | {"id": "tongues", "url": f"{SETS}tongues"}
    tongues["compose"] = {"include": [{"system": "urn:ietf:bcp:47", "concept": [{"code": "de-CH"}, {"code": "de"}]}]}
    await loaded.put("/r5/ValueSet/tongues", json=tongues)
    assert await ids(f"Patient?_language:in={SETS}tongues") == ["p"]


UNSEARCHABLE = [
    (f"Observation?code:in={SETS}none", 400, "not-found", "store its ValueSet"),
    ("Observation?code:in=ValueSet/none", 400, "not-found", "There is no ValueSet/none"),
    ("Observation?code:in=ValueSet/kept/_history/1", 400, "not-found", "no ValueSet/kept/_history/1"),
    (f"Observation?code:not-in={SETS}none", 400, "not-found", "store its ValueSet"),
    (f"Observation?code:in={SETS}partly", 422, "not-found", "http://example.org/gone"),
    (f"Observation?code:in={SETS}self", 422, "processing", "includes itself"),
    ("Observation?code:below=http://snomed.info/sct|1", 400, "not-found", "store its CodeSystem"),
    (f"Observation?code:below={ANIMALS}|yeti", 400, "code-invalid", "no code 'yeti'"),
    ("Observation?code:below=http://example.org/some|a", 400, "not-found", "content: fragment"),
    ("Observation?code:above=http://example.org/parts|Foot", 400, "not-supported", "part-of"),
    ("Observation?code:below=b", 400, "multiple-matches", "write system|code"),
    ("Observation?code:below=nowhere", 400, "not-found", "No code system"),
    (f"Observation?code:below={ANIMALS}|", 400, "invalid", "system|code"),
    ("Observation?code:below=a|b|c", 400, "invalid", "one code"),
    ("Observation?identifier:in=http://x", 400, "invalid", "is about codes"),
    ("Patient?active:in=http://x", 400, "invalid", "boolean"),
    ("DocumentReference?contenttype:below=text/xml;charset=UTF-8", 400, "invalid", "without parameters"),
]


@pytest.mark.parametrize(("path", "status", "code", "says"), UNSEARCHABLE, ids=[row[0] for row in UNSEARCHABLE])
async def test_what_is_not_known_is_refused_and_never_an_empty_success(
    loaded: httpx.AsyncClient, path: str, status: int, code: str, says: str
) -> None:
    answer = await loaded.get(f"/r5/{path}")
    issue = answer.json()["issue"][0]
    assert (answer.status_code, issue["code"]) == (status, code), answer.text
    assert says in issue["diagnostics"]
    assert issue["expression"] == [path.partition("?")[2].partition("=")[0]]


async def test_a_value_set_of_too_many_codes_is_refused(serve: Serve) -> None:
    async with serve(max_expansion=2) as client:
        await store_all(client, definitions())
        for path in (f"Observation?code:in={SETS}versions", f"Observation?code:in={SETS}kept"):
            assert (await client.get(f"/r5/{path}")).status_code == 200
        answer = await client.get(f"/r5/Observation?code:below={ANIMALS}|mammal")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "too-costly")
        assert "max_expansion" in answer.text
        whole = IN_LINE | {"compose": {"include": [{"system": ANIMALS}]}}
        answer = await client.post("/r5/ValueSet/$expand", json=whole)
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (422, "too-costly")


async def test_conditions_may_name_value_sets(client: httpx.AsyncClient) -> None:
    await store_all(client, definitions())
    seen = observation("x", animal("dog"))
    del seen["id"]
    condition = {"If-None-Exist": f"code:in={SETS}kept"}
    assert (await client.post("/r5/Observation", json=seen, headers=condition)).status_code == 201
    assert (await client.post("/r5/Observation", json=seen, headers=condition)).status_code == 200
    condition = {"If-None-Exist": f"code:in={SETS}none"}
    assert (await client.post("/r5/Observation", json=seen, headers=condition)).status_code == 400


async def test_what_a_transaction_writes_counts_within_it_and_only_if_it_is_done(client: httpx.AsyncClient) -> None:
    await store_all(client, [*definitions(), *SEEN])

    def bundle(code: str, *more: Json) -> bytes:
        new = IN_LINE | {"id": "new", "url": f"{SETS}new"}
        new["compose"] = {"include": [{"system": ANIMALS, "concept": [{"code": code}]}]}
        system = next(each for each in definitions() if each["id"] == "animals-2-0")
        system["concept"].append({"code": "fungus"})
        entries: list[Json] = [
            {"resource": new, "request": {"method": "PUT", "url": "ValueSet/new"}},
            {"resource": system, "request": {"method": "PUT", "url": "CodeSystem/animals-2-0"}},
            {"request": {"method": "GET", "url": f"ValueSet/$expand?url={SETS}new"}},
            {"request": {"method": "GET", "url": f"CodeSystem/$lookup?system={ANIMALS}&code=fungus"}},
            *more,
        ]
        return fhirjson.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries})

    failing = {"request": {"method": "POST", "url": f"CodeSystem/$lookup?system={ANIMALS}&code=yeti"}}
    assert (await client.post("/r5", content=bundle("fungus", failing))).status_code == 404
    assert (await client.get(f"/r5/CodeSystem/$lookup?system={ANIMALS}&code=fungus")).status_code == 404
    assert (await client.get(f"/r5/ValueSet/$expand?url={SETS}new")).status_code == 404
    answer = await client.post("/r5", content=bundle("fungus"))
    assert answer.status_code == 200, answer.text
    assert codes(answer.json()["entry"][2]["resource"]) == ["fungus"]
    assert codes(await ask(client, f"ValueSet/$expand?url={SETS}new")) == ["fungus"]


# --- what is kept -----------------------------------------------------------------------------------------------------


async def test_a_code_system_is_read_once_until_it_changes(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    compiled = terms.compiled

    def counted(resource: Json) -> Any:
        made.append(resource["url"])
        return compiled(resource)

    monkeypatch.setattr(terms, "compiled", counted)
    await store_all(client, [*definitions(), *SEEN])

    async def dogs() -> int:
        return len((await ask(client, f"Observation?code:below={ANIMALS}|mammal")).get("entry", ()))

    for _ in range(5):
        assert await dogs() == 3
    assert made.count(ANIMALS) == 1
    await client.put("/r5/ValueSet/other", json=IN_LINE | {"id": "other", "url": f"{SETS}other"})
    await ask(client, f"Observation?code:in={SETS}other")
    assert await dogs() == 3
    assert made.count(ANIMALS) == 1
    system = next(each for each in definitions() if each["id"] == "animals-2-0")
    system["concept"][0]["concept"][0]["concept"].pop()
    await client.put("/r5/CodeSystem/animals-2-0", content=fhirjson.dumps(system))
    assert await dogs() == 2
    assert made.count(ANIMALS) == 2
    await client.delete("/r5/CodeSystem/animals-2-0")
    answer = await client.get(f"/r5/Observation?code:below={ANIMALS}|mammal")
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "code-invalid")


async def test_what_another_process_stores_counts_at_once(serve: Serve) -> None:
    async with serve() as one, serve() as other:
        await store_all(one, [*definitions(), *SEEN])
        path = f"Observation?code:in={SETS}new"
        assert (await one.get(f"/r5/{path}")).status_code == 400
        for code in ("dog", "bat"):
            new = IN_LINE | {"id": "new", "url": f"{SETS}new"}
            new["compose"] = {"include": [{"system": ANIMALS, "concept": [{"code": code}]}]}
            await other.put("/r5/ValueSet/new", json=new)
            for client in (one, other):
                assert [entry["resource"]["id"] for entry in (await ask(client, path))["entry"]] == [code]


# --- the matcher ------------------------------------------------------------------------------------------------------


async def test_the_matcher_says_the_same_as_the_search(
    client: httpx.AsyncClient, settings: Settings, store: Store
) -> None:
    chance = random.Random(5)
    system = next(each for each in definitions() if each["id"] == "animals-2-0")
    known = ("animal", "mammal", "dog", "cat", "bat", "bird", "wren", "dodo", "flyer", "plant")
    pool = [animal(code) for code in known] + [animal("dog", None), animal("DOG"), animal("dog", "http://x"), None]
    resources = [
        observation(f"o{number}", *chance.sample(pool, chance.randrange(3)), status=chance.choice(("final", "amended")))
        for number in range(30)
    ]
    sets = []
    for number in range(8):
        rows = [{"code": each} for each in chance.sample(known, 3)]
        compose: Json = {"include": [{"system": ANIMALS, "concept": rows}]}
        if chance.random() < 0.5:
            rule = {"property": "concept", "op": "is-a", "value": chance.choice(known)}
            compose["exclude"] = [{"system": ANIMALS, "filter": [rule]}]
        if chance.random() < 0.5:
            compose["include"].append(
                {
                    "system": "http://hl7.org/fhir/observation-status",
                    "concept": [{"code": chance.choice(("final", "amended"))}],
                }
            )
        sets.append(IN_LINE | {"id": f"s{number}", "url": f"{SETS}s{number}", "compose": compose})
    await store_all(client, [system, *sets, *resources])
    server = Server(settings, store, "R5", "http://test/r5")
    for _ in range(40):
        name = chance.choice(("code", "status", "combo-code"))
        modifier = chance.choice(("in", "not-in") if name == "status" else ("in", "not-in", "below", "above"))
        value = chance.choice(sets)["url"] if "in" in modifier else f"{ANIMALS}|{chance.choice(known)}"
        found = await ask(client, f"Observation?{name}:{modifier}={value}&_count=100")
        request = parse("R5", "Observation", [(f"{name}:{modifier}", value)], strict=True)
        node = await resolved(server, store, request.filter)
        expected = {each["id"] for each in resources if matches(node, each, "R5")}
        assert {entry["resource"]["id"] for entry in found.get("entry", ())} == expected, (name, modifier, value)
