"""The CapabilityStatement walked: everything it claims is called, and what it does not claim is refused."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from fhirserver import fhirjson
from fhirserver.interactions.capabilities import FORMATS, OF_A_TYPE, OF_ALL
from fhirserver.interactions.operations import OPERATIONS, publish
from fhirserver.interactions.server import Server
from fhirserver.resources import registry
from fhirserver.resources.registry import Release
from fhirserver.resources.validation import validate
from fhirserver.search.named import named
from fhirserver.search.parameters import Parameter
from fhirserver.settings import Settings
from fhirserver.store.client import connect
from fhirserver.store.embedded import Mongod
from fhirserver.web.formats import FHIR_TYPES
from fhirserver.web.naming import INTERACTIONS, interaction
from fhirserver.web.routes import ROUTES
from tests.made import resource
from tests.web.conftest import Json, Serve, calling

EVERY = bool(os.environ.get("FHIRSERVER_TEST_EVERY_EXAMPLE"))
AT_ONCE = 4
TOGETHER = 40
STRICT = {"Prefer": "handling=strict"}
_numbers = itertools.count()


@pytest.fixture(scope="module", params=registry.RELEASES)
def release(request: pytest.FixtureRequest) -> Release:
    """Each release in turn, on one store."""
    found: Release = request.param
    return found


@pytest.fixture(scope="module")
async def walked(release: Release, mongod: Mongod, module_database: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the base of the release, with a study to enrol in."""
    settings = Settings(mongodb_uri=mongod.uri, database=module_database)
    async with calling(settings, mongod.uri, f"/{release.lower()}") as client:
        study = {"resourceType": "ResearchStudy", "id": "walked", "status": "active"}
        assert (await client.put("/ResearchStudy/walked", json=study)).status_code in (200, 201)
        yield client


@pytest.fixture(scope="module")
async def statement(walked: httpx.AsyncClient) -> Json:
    found: Json = (await walked.get("/metadata")).json()
    return found


def release_of(client: httpx.AsyncClient) -> Release:
    return "R4" if client.base_url.path.startswith("/r4") else "R5"


def rows(statement: Json) -> dict[str, Json]:
    return {row["type"]: row for row in statement["rest"][0]["resource"]}


async def made(client: httpx.AsyncClient, type_: str) -> Json:
    """A resource that can be created, each time: of a subject another patient."""
    release = release_of(client)
    if type_ != "ResearchSubject":
        return resource(release, type_)
    patient = f"walked-{next(_numbers)}"
    await client.put(f"/Patient/{patient}", json={"resourceType": "Patient", "id": patient})
    study, subject = {"reference": "ResearchStudy/walked"}, {"reference": f"Patient/{patient}"}
    if release == "R4":
        return resource(release, type_) | {"study": study, "individual": subject, "status": "candidate"}
    state = {"system": "http://terminology.hl7.org/CodeSystem/research-subject-state", "code": "candidate"}
    return resource(release, type_) | {
        "study": study,
        "subject": subject,
        "progress": [{"subjectState": {"coding": [state]}}],
    }


class Walk:
    """Calls on one type, each with the status that it is to have."""

    def __init__(self, client: httpx.AsyncClient, type_: str) -> None:
        self.client, self.type = client, type_

    async def __call__(self, status: int, method: str, path: str, json: Any = None, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        content = None if json is None else fhirjson.dumps(json)
        answer = await self.client.request(method, f"/{self.type}{path}", content=content, headers=sent)
        assert answer.status_code == status, f"{method} {self.type}{path}: {answer.status_code} {answer.text[:500]}"
        return answer


async def interactions(client: httpx.AsyncClient, row: Json) -> None:
    """Every interaction and every condition that a type's row claims."""
    type_ = row["type"]
    ask = Walk(client, type_)
    assert {each["code"] for each in row["interaction"]} >= set(OF_A_TYPE) - {"patch"}
    body = await made(client, type_)
    id_ = (await ask(201, "POST", "", body)).headers["location"].split("/")[-3]
    as_json = {"Accept": "application/fhir+json"}
    whole = (await ask(200, "GET", f"/{id_}", **as_json)).json()
    assert (whole["resourceType"], whole["id"], row["readHistory"], row["versioning"]) == (
        type_, id_, True, "versioned-update",
    )  # fmt: skip
    assert (await ask(200, "GET", f"/{id_}/_history/1", **as_json)).json() == whole
    assert (await ask(200, "PUT", f"/{id_}", whole | {"language": "de"})).headers["etag"] == 'W/"2"'
    patch = [{"op": "replace", "path": "/language", "value": "fr"}]
    json_patch = {"Content-Type": "application/json-patch+json"}
    if {"code": "patch"} in row["interaction"]:
        assert (await ask(200, "PATCH", f"/{id_}", patch, **json_patch)).headers["etag"] == 'W/"3"'
    else:
        await ask(400, "PATCH", f"/{id_}", patch, **json_patch)
    assert (await ask(200, "GET", f"/{id_}/_history")).json()["total"] >= 2
    assert (await ask(200, "GET", "/_history?_count=1")).json()["entry"]
    assert (await ask(200, "GET", f"?_id={id_}")).json()["total"] == 1

    assert (row["conditionalCreate"], row["conditionalUpdate"], row["updateCreate"]) == (True, True, True)
    await ask(200, "POST", "", body, If_None_Exist=f"_id={id_}")
    assert row["conditionalRead"] == "full-support"
    version = await ask(200, "GET", f"/{id_}", **as_json)
    await ask(304, "GET", f"/{id_}", If_None_Match=version.headers["etag"])
    await ask(304, "GET", f"/{id_}", If_Modified_Since=version.headers["last-modified"])
    await ask(200, "PUT", f"?_id={id_}", version.json() | {"language": "en"})
    if row.get("conditionalPatch", {"code": "patch"} in row["interaction"]):  # R4 cannot say it
        await ask(200, "PATCH", f"?_id={id_}", patch, **json_patch)
    own = await made(client, type_) | {"id": "walked-too"}
    await ask(201, "PUT", "/walked-too", own)
    assert row["conditionalDelete"] == "single"
    await ask(412, "DELETE", f"?_id={id_},walked-too")
    await ask(204, "DELETE", "?_id=walked-too")
    await ask(204, "DELETE", f"/{id_}")
    await ask(410, "GET", f"/{id_}")


def value_of(parameter: Parameter, code: str) -> str:
    """A value that a parameter may have."""
    if code in ("_id", "_lastUpdated"):
        return {"_id": "walked", "_lastUpdated": "ge2000-01-01"}[code]
    if parameter.kind == "composite":
        return "$".join(value_of(part, part.code) for part in parameter.components[0])
    if parameter.kind == "reference":
        return f"{min(parameter.definition.targets or {'Patient'})}/walked"
    return {
        "token": "http://example.org/x|x", "string": "x", "uri": "http://example.org/x", "number": "1",
        "date": "2024-01-01", "quantity": "1|http://unitsofmeasure.org|kg", "special": "1|2" if code == "near" else "x",
    }[parameter.kind]  # fmt: skip


MEANT = {
    "_filter": ("_filter", "_id eq walked"),
    "_has": ("_has:Provenance:target:_id", "walked"),
    "_in": ("_in", "Group/walked"),
    "_list": ("_list", "walked"),
    "_type": ("_type", "Patient,Group"),
    "admits-age": ("admits-age", "42"),
    "admits-healthy": ("admits-healthy", "true"),
    "admits-sex": ("admits-sex", "female"),
    "age": ("age", "6||mo"),
    "eligible-sex": ("eligible-sex", "male"),
    "healthy-volunteers": ("healthy-volunteers", "false"),
    "near": ("near", "52.5|13.4|10|km"),
    "recruiting": ("recruiting", "true"),
}
"""Parameters that are no values of the resource, with a name and a value that they may have."""


def batches(items: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for start in range(0, len(items), TOGETHER):
        yield items[start : start + TOGETHER]


async def searches(client: httpx.AsyncClient, row: Json) -> None:
    """Every search parameter and every include that a type's row claims."""
    type_ = row["type"]
    release = release_of(client)
    known, defined = named(release, type_), registry.search_parameters(release, type_)
    for each in row["searchParam"]:
        one = defined[each["name"]]
        url = f"{client.base_url}{one.url}" if one.own else one.url
        assert (each["definition"], each["type"]) == (url, one.kind)
    names = [each["name"] for each in row["searchParam"]]
    filters = [MEANT.get(name) or (name, value_of(known[name], name)) for name in names]
    # One resource that includes have something to begin with.
    some = await client.get(f"/{type_}?_count=1")
    assert some.status_code == 200
    includes = [("_include", each) for each in row["searchInclude"]]
    includes += [("_revinclude", each) for each in row.get("searchRevInclude", ())]
    for params in [*batches(filters), *([("_count", "1"), *some] for some in batches(includes))]:
        answer = await client.get(f"/{type_}?{urlencode(params)}", headers=STRICT)
        assert answer.status_code == 200, (type_, params, answer.text[:500])
        link = next(link["url"] for link in answer.json()["link"] if link["relation"] == "self")
        assert parse_qsl(urlsplit(link).query) == params


async def operations(client: httpx.AsyncClient, row: Json) -> None:
    """Every operation that a type's row claims, where its definition says."""
    type_ = row["type"]
    body = await made(client, type_) | {"id": "operated"}
    assert (await client.put(f"/{type_}/operated", json=fhirjson.loads(fhirjson.dumps(body)))).status_code == 201
    for said in row["operation"]:
        one = next(each for each in OPERATIONS if each.code == said["name"] and type_ in (each.types or (type_,)))
        assert said["definition"] == one.canonical(str(client.base_url).rstrip("/"))
        for level in one.levels:
            if level == "system":
                continue
            ask = Walk(client, f"{type_}/operated" if level == "instance" else type_)
            # Both methods of each are called, on one type or the next.
            methods = one.methods(release_of(client))
            for method in methods if type_ == "Patient" else (methods[len(type_) % len(methods)],):
                sent, statuses = arguments(one.code, method)
                answer = await ask.client.request(method, f"/{ask.type}/${one.code}", **sent)
                assert answer.status_code in statuses, (type_, one.code, level, method, answer.text[:500])
    await client.delete(f"/{type_}/operated")


def arguments(code: str, method: str) -> tuple[dict[str, Any], tuple[int, ...]]:
    """What to send with an operation, and the statuses that show that it is there."""
    match code:
        case "meta-add" | "meta-delete":
            meta = {"name": "meta", "valueMeta": {"tag": [{"system": "urn:x", "code": "y"}]}}
            return {"json": {"resourceType": "Parameters", "parameter": [meta]}}, (200,)
        case "validate" if method == "POST":
            return {"json": {"resourceType": "Basic", "code": {"text": "x"}}}, (200, 400)
        case "validate":
            return {}, (200, 400)
        case "enroll" | "validate-code" | "lookup" | "subsumes":
            return {}, (400,)
        case "expand":
            return {}, (400, 422)
        case "reindex":
            # A SearchParameter that is no parameter has nothing to be indexed by.
            return {}, (200, 422)
        case "import-record":
            return {"content": b"no record"}, (400,)
    return {}, (200,)


async def everywhere(work: Any, client: httpx.AsyncClient, statement: Json) -> None:
    """Does the work for every type, some at a time.

    Types that R4 has to itself go the way of R5's: a run takes each third of them, `make examples` all.
    """
    own = [row for type_, row in rows(statement).items() if not registry.has_lens(type_)]
    shared = [row for type_, row in rows(statement).items() if registry.has_lens(type_)]
    assert len(own) + len(shared) > 140
    waiting = shared + own[:: 1 if EVERY or release_of(client) == "R5" else 3]

    async def worker() -> None:
        while waiting:
            await work(client, waiting.pop())

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())


async def test_every_interaction_of_every_type_is_done(walked: httpx.AsyncClient, statement: Json) -> None:
    assert rows(statement).keys() == registry.resource_types(release_of(walked))
    await everywhere(interactions, walked, statement)


async def test_every_search_parameter_and_include_of_every_type_is_known(
    release: Release, walked: httpx.AsyncClient, statement: Json
) -> None:
    for type_ in ("Patient", "Observation", "ResearchStudy", "Group", "Encounter"):
        body = resource(release, type_) | {"id": "there"}
        await walked.put(f"/{type_}/there", content=fhirjson.dumps(body))
    await everywhere(searches, walked, statement)


async def test_every_operation_of_every_type_is_done(walked: httpx.AsyncClient, statement: Json) -> None:
    await everywhere(operations, walked, statement)


async def test_what_the_whole_server_claims_is_done(
    release: Release, walked: httpx.AsyncClient, statement: Json
) -> None:
    rest = statement["rest"][0]
    assert {each["code"] for each in rest["interaction"]} == set(OF_ALL)
    for kind in ("transaction", "batch"):
        answer = await walked.post("", json={"resourceType": "Bundle", "type": kind})
        assert answer.json()["type"] == f"{kind}-response"
    assert (await walked.get("/_history?_count=1")).json()["type"] == "history"
    names = [each["name"] for each in rest["searchParam"]]
    known = named(release, "Binary")
    filters = [MEANT.get(name) or (name, value_of(known[name], name)) for name in names]
    answer = await walked.get(f"?{urlencode(filters)}", headers=STRICT)
    assert answer.status_code == 200, answer.text
    for definition in rest["compartment"]:
        name = {each.lower(): each for each in rows(statement)}[definition.rsplit("/", 1)[1].lower()]
        assert (await walked.get(f"/{name}/walked/*?_count=1", headers=STRICT)).status_code == 200
    for operation in rest["operation"]:
        assert (await walked.post(f"/${operation['name']}")).status_code in (200, 400)
    origin = await walked.get("/metadata", headers={"Origin": "https://app.example"})
    assert rest["security"]["cors"] == ("access-control-allow-origin" in origin.headers)
    for format_ in statement["format"]:
        answer = await walked.get("/Patient", params={"_format": format_})
        assert answer.status_code == 200, format_
        if "/" in format_:
            assert answer.headers["content-type"].startswith(format_)
            accepted = await walked.get("/Patient", headers={"Accept": format_})
            assert accepted.headers["content-type"].startswith(format_)
            again = await walked.post("/Bundle", content=answer.content, headers={"Content-Type": format_})
            assert again.status_code == 201, again.text


async def test_every_format_of_a_patch_is_read(walked: httpx.AsyncClient, statement: Json) -> None:
    operation = {"name": "operation", "part": [
        {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "birthDate"}, {"name": "value", "valueDate": "2000"}]}  # fmt: skip
    fhirpath = {"resourceType": "Parameters", "parameter": [operation]}
    xml = (
        '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>'
        '<part><name value="type"/><valueCode value="add"/></part>'
        '<part><name value="path"/><valueString value="Patient"/></part>'
        '<part><name value="name"/><valueString value="birthDate"/></part>'
        '<part><name value="value"/><valueDate value="2000"/></part></parameter></Parameters>'
    )
    bodies = {
        "application/json-patch+json": fhirjson.dumps([{"op": "add", "path": "/birthDate", "value": "2000"}]),
        "application/fhir+json": fhirjson.dumps(fhirpath),
        "application/fhir+xml": xml.encode(),
    }
    assert set(statement["patchFormat"]) == set(bodies)
    for at, (format_, body) in enumerate(bodies.items()):
        await walked.put(f"/Patient/patched-{at}", json={"resourceType": "Patient", "id": f"patched-{at}"})
        answer = await walked.patch(
            f"/Patient/patched-{at}", content=body, headers={"Content-Type": format_, "Accept": "application/json"}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["birthDate"] == "2000"


async def test_every_definition_that_is_named_can_be_read(release: Release, settings: Settings, mongod: Mongod) -> None:
    store = await connect(settings, mongod.uri)
    base = f"/{release.lower()}"
    await publish(Server(settings, store.seen_in(release), release, f"http://test{base}"))
    await store.close()
    async with calling(settings, mongod.uri, base) as client:
        rest = (await client.get("/metadata")).json()["rest"][0]
        definitions = {each["definition"] for row in [rest, *rest["resource"]] for each in row.get("operation", ())}
        own = {url for url in definitions if url.startswith(f"http://test{base}/")}
        assert own
        for url in own:
            assert (await client.get(url)).json()["url"] == url
        bases = {entry["resource"].get("base") for entry in (await client.get("/OperationDefinition")).json()["entry"]}
        assert definitions - own <= bases


# --- what is not claimed ----------------------------------------------------------------------------------------------


async def test_what_is_not_claimed_is_refused(walked: httpx.AsyncClient, statement: Json) -> None:
    claimed = rows(statement)
    for path in ("/Group/there/Condition", "/Patient/there/Medication", "/.well-known/smart-configuration"):
        assert (await walked.get(path)).status_code in (404, 405), path
    for type_ in ("Patient", "Location", "ResearchStudy", "Group"):
        row = claimed[type_]
        names = {each["name"] for each in row["searchParam"]}
        unclaimed = registry.search_parameters(release_of(walked), type_).keys() - names
        for name in [*unclaimed, "nothing"]:
            answer = await walked.get(f"/{type_}", params={name: "x"}, headers=STRICT)
            assert answer.status_code == 400, (type_, name)
        for name in names - {each.rpartition(":")[2] for each in row["searchInclude"]}:
            answer = await walked.get(f"/{type_}", params={"_include": f"{type_}:{name}"}, headers=STRICT)
            assert answer.status_code == 400 or name == "_profile", (type_, name)
        sources = row["searchRevInclude"]
        for source in ("Observation:code", "Nothing:subject", "Practitioner:name"):
            assert source not in sources
            answer = await walked.get(f"/{type_}", params={"_revinclude": source}, headers=STRICT)
            assert answer.status_code == 400
        own = {each["name"] for each in row["operation"]}
        for code in {operation.code for operation in OPERATIONS} - own:
            for place in (type_, f"{type_}/there"):
                assert (await walked.post(f"/{place}/${code}")).status_code == 404
    for format_ in ("ttl", "ndjson", "text/turtle", "application/fhir+turtle"):
        assert (await walked.get("/Patient", params={"_format": format_})).status_code == 406
        sent = await walked.post("/Patient", content=b"x", headers={"Content-Type": f"application/{format_}"})
        assert sent.status_code == 415
    patch = {"Content-Type": "application/xml-patch+xml"}
    assert (await walked.patch("/Patient/there", content=b"<diff/>", headers=patch)).status_code == 415


async def test_settings_change_what_is_claimed(serve: Serve) -> None:
    async with serve(conditional_delete="multiple", referential_integrity="all") as client:
        row = rows((await client.get("/r5/metadata")).json())["Patient"]
        assert (row["conditionalDelete"], row["referencePolicy"][-1]) == ("multiple", "enforced")
        for id_ in ("a", "b"):
            await client.put(f"/r5/Patient/{id_}", json={"resourceType": "Patient", "id": id_, "active": True})
        assert (await client.delete("/r5/Patient?active=true")).status_code in (200, 204)
        assert (await client.get("/r5/Patient?_summary=count")).json()["total"] == 0


def test_each_route_is_an_interaction_that_is_claimed() -> None:
    places = {"type": "Patient", "id": "a", "version": "1", "operation": "$meta"}
    done: set[str] = set()
    for _, path, handler in ROUTES:
        assert handler.__name__ in INTERACTIONS, handler
        done.add(interaction(handler.__name__, {key: value for key, value in places.items() if f"{{{key}}}" in path}))
    # The code system has no place for compartments but a list of their definitions.
    assert done - {"capabilities", "search-compartment", "$meta"} == {*OF_A_TYPE, *OF_ALL} - {"transaction"}


def test_the_formats_are_those_that_are_negotiated() -> None:
    assert set(FORMATS) == {*FHIR_TYPES.values(), *FHIR_TYPES}


@pytest.mark.parametrize("mode", ["full", "normative", "terminology"])
async def test_every_statement_is_a_valid_resource(release: Release, walked: httpx.AsyncClient, mode: str) -> None:
    found = (await walked.get(f"/metadata?mode={mode}")).json()
    assert validate(release, found) == []
    assert "rest" not in found or found["implementation"]["url"] == f"http://test/{release.lower()}"
