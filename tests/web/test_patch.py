"""PATCH over HTTP: formats, conditions, races, and the rules that hold for every other write too."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest

from fhirserver import fhirjson
from tests.enrolment.things import study, subject
from tests.patch.parameters import parameters
from tests.web.conftest import Serve

Json = dict[str, Any]

JSON_PATCH = {"Content-Type": "application/json-patch+json"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">Anna</div>'


async def put(client: httpx.AsyncClient, resource: Json) -> Json:
    answer = await client.put(f"/r5/{resource['resourceType']}/{resource['id']}", json=resource)
    assert answer.status_code in (200, 201), answer.text
    found: Json = answer.json()
    return found


def anna(id_: str, **more: Any) -> Json:
    return {"resourceType": "Patient", "id": id_, "name": [{"family": "Müller", "given": ["Anna"]}], **more}


async def jpatch(client: httpx.AsyncClient, path: str, *operations: Json, **headers: str) -> httpx.Response:
    return await client.patch(
        f"/r5/{path}", content=fhirjson.dumps(list(operations)), headers={**JSON_PATCH, **headers}
    )


async def fpatch(client: httpx.AsyncClient, path: str, *operations: Json, **headers: str) -> httpx.Response:
    return await client.patch(f"/r5/{path}", json=parameters(operations), headers=headers)


def add(path: str, value: Any) -> Json:
    return {"op": "add", "path": path, "value": value}


BIRTH = {"type": "add", "path": "Patient", "name": "birthDate", "value": {"valueDate": "1980-02-29"}}


async def test_a_json_patch_makes_the_next_version(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("j1"))
    answer = await jpatch(shared, "Patient/j1", add("/birthDate", "1980-02-29"))
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert answer.json()["birthDate"] == "1980-02-29"
    assert answer.json() == (await shared.get("/r5/Patient/j1")).json()
    found = await shared.get("/r5/Patient?birthdate=1980-02-29&_id=j1")
    assert found.json()["total"] == 1


async def test_a_fhirpath_patch_makes_the_next_version(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("f1"))
    answer = await fpatch(shared, "Patient/f1", BIRTH)
    assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"2"')
    assert answer.json()["birthDate"] == "1980-02-29"


async def test_a_fhirpath_patch_may_be_xml(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("x1"))
    part = '<part><name value="{}"/><value{} value="{}"/></part>'
    parts = [("type", "Code", "add"), ("path", "String", "Patient"), ("name", "String", "birthDate")]
    body = "".join(part.format(*each) for each in [*parts, ("value", "Date", "1980-02-29")])
    document = (
        f'<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/>{body}</parameter></Parameters>'
    )
    headers = {"Content-Type": "application/fhir+xml; charset=utf-8", "Accept": "application/fhir+xml"}
    answer = await shared.patch("/r5/Patient/x1", content=document, headers=headers)
    assert answer.status_code == 200
    assert '<birthDate value="1980-02-29"/>' in answer.text


@pytest.mark.parametrize("content_type", ["application/json", "text/json", None])
async def test_plain_json_is_taken_for_what_it_shows(shared: httpx.AsyncClient, content_type: str | None) -> None:
    id_ = f"p{str(content_type)[:4]}"
    await put(shared, anna(id_))
    headers = {"Content-Type": content_type} if content_type else {}
    for body in (fhirjson.dumps([add("/active", True)]), fhirjson.dumps(parameters([BIRTH]))):
        request = shared.build_request("PATCH", f"/r5/Patient/{id_}", content=body, headers=headers)
        if content_type is None:
            del request.headers["Content-Type"]
        assert (await shared.send(request)).status_code == 200
    found = (await shared.get(f"/r5/Patient/{id_}")).json()
    assert (found["active"], found["birthDate"]) == (True, "1980-02-29")


@pytest.mark.parametrize(
    "content_type", ["application/xml-patch+xml", "application/merge-patch+json", "application/x-www-form-urlencoded"]
)
async def test_other_formats_are_refused_with_those_that_are_read(shared: httpx.AsyncClient, content_type: str) -> None:
    answer = await shared.patch("/r5/Patient/none", content=b"x", headers={"Content-Type": content_type})
    assert answer.status_code == 415
    assert answer.headers["Accept-Patch"] == "application/json-patch+json, application/fhir+json, application/fhir+xml"
    assert "application/json-patch+json" in answer.json()["issue"][0]["diagnostics"]


async def test_headers_of_the_body_are_read_as_elsewhere(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("h1"))
    body = b"[]"
    for headers, status in (
        ({"Content-Type": "application/json-patch+json; charset=latin-1"}, 415),
        ({"Content-Type": "application/fhir+json; fhirVersion=4.0"}, 415),
        ({**JSON_PATCH, "Content-Encoding": "br"}, 415),
        ({"Content-Type": "application/json-patch+json; charset=UTF-8"}, 200),
    ):
        assert (await shared.patch("/r5/Patient/h1", content=body, headers=headers)).status_code == status, headers
    assert (await shared.patch("/r5/Patient/h1", content=b"", headers=JSON_PATCH)).status_code == 400
    array = await shared.patch("/r5/Patient/h1", content=body)
    assert array.status_code == 400
    assert "application/json-patch+json" in array.json()["issue"][0]["diagnostics"]


async def test_options_name_the_formats(shared: httpx.AsyncClient) -> None:
    for path in ("/r5/Patient/a", "/r5/Patient"):
        answer = await shared.options(path)
        assert "PATCH" in answer.headers["Allow"]
        assert "application/json-patch+json" in answer.headers["Accept-Patch"]
    assert "Accept-Patch" not in (await shared.options("/r5/metadata")).headers


async def test_what_is_not_there_is_not_patched(shared: httpx.AsyncClient) -> None:
    assert (await jpatch(shared, "Patient/none", add("/active", True))).status_code == 404
    assert (await jpatch(shared, "Patient/none", add("/active", True), **{"If-Match": "*"})).status_code == 404
    assert (await jpatch(shared, "Patiant/none", add("/active", True))).status_code == 404
    await put(shared, anna("gone"))
    await shared.delete("/r5/Patient/gone")
    assert (await jpatch(shared, "Patient/gone", add("/active", True))).status_code == 410
    assert (await fpatch(shared, "Patient/gone", BIRTH)).status_code == 410


async def test_a_binary_is_not_patched(shared: httpx.AsyncClient) -> None:
    await put(shared, {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "eA=="})
    answer = await jpatch(shared, "Binary/b", add("/data", "eQ=="))
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "not-supported")
    stated = (await shared.get("/r5/metadata")).json()
    rows = {row["type"]: row for row in stated["rest"][0]["resource"]}
    assert {"code": "patch"} not in rows["Binary"]["interaction"]
    assert {"code": "patch"} in rows["Patient"]["interaction"]
    assert rows["Patient"]["conditionalPatch"] is True
    assert "application/json-patch+json" in stated["patchFormat"]


async def test_if_match_holds_or_refuses(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("m1"))
    assert (await jpatch(shared, "Patient/m1", add("/active", True), **{"If-Match": 'W/"1"'})).status_code == 200
    stale = await jpatch(shared, "Patient/m1", add("/active", False), **{"If-Match": 'W/"1"'})
    assert stale.status_code == 412
    assert (await fpatch(shared, "Patient/m1", BIRTH, **{"If-Match": '"7"'})).status_code == 412
    assert (await fpatch(shared, "Patient/m1", BIRTH, **{"If-None-Match": 'W/"2"'})).status_code == 412
    assert (await fpatch(shared, "Patient/m1", BIRTH, **{"If-Match": "*"})).status_code == 200
    found = (await shared.get("/r5/Patient/m1")).json()
    assert (found["active"], found["meta"]["versionId"]) == (True, "3")


async def test_a_patch_that_changes_nothing_makes_no_version(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("u1", active=True))
    for answer in (
        await jpatch(shared, "Patient/u1"),
        await jpatch(shared, "Patient/u1", {"op": "test", "path": "/active", "value": True}),
        await jpatch(shared, "Patient/u1", {"op": "replace", "path": "/active", "value": True}),
        await fpatch(shared, "Patient/u1", {"type": "delete", "path": "Patient.birthDate"}),
    ):
        assert (answer.status_code, answer.headers["ETag"]) == (200, 'W/"1"')


async def test_a_patch_that_fails_changes_nothing(shared: httpx.AsyncClient) -> None:
    before = await put(shared, anna("w1"))
    answer = await jpatch(shared, "Patient/w1", add("/active", True), {"op": "remove", "path": "/birthDate"})
    assert answer.status_code == 422
    issue = answer.json()["issue"][0]
    assert issue["diagnostics"] == "Operation [1] (remove '/birthDate'): there is no 'birthDate'."
    test = await jpatch(shared, "Patient/w1", {"op": "test", "path": "/active", "value": True}, add("/active", False))
    assert (test.status_code, test.json()["issue"][0]["expression"]) == (422, ["Patient.active"])
    absent = await jpatch(shared, "Patient/w1", add("/identifier/-", {"value": "1"}))
    assert absent.status_code == 422
    assert "add the array first" in absent.json()["issue"][0]["diagnostics"]
    assert (await shared.get("/r5/Patient/w1")).json() == before


async def test_what_a_patch_makes_must_be_valid(shared: httpx.AsyncClient) -> None:
    before = await put(shared, anna("v1"))
    for operation, status, expression in (
        (add("/gender", "bogus"), 422, "Patient.gender"),
        (add("/active", "yes"), 400, "Patient.active"),
        (add("/brithDate", "1980"), 400, "Patient.brithDate"),
        ({"op": "remove", "path": "/name/0"}, 400, "Patient.name"),
        ({"op": "remove", "path": "/name/0/given/0"}, 400, "Patient.name[0].given"),
        (add("/meta", 3), 400, "Patient.meta"),
    ):
        answer = await jpatch(shared, "Patient/v1", operation)
        assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (status, [expression]), operation
    wrong = await fpatch(shared, "Patient/v1", BIRTH | {"value": {"valueString": "1980"}})
    assert (wrong.status_code, wrong.json()["issue"][0]["expression"]) == (422, ["Parameters.parameter[0].part[3]"])
    assert (await shared.get("/r5/Patient/v1")).json() == before


async def test_digits_stay(shared: httpx.AsyncClient) -> None:
    observation = {"resourceType": "Observation", "id": "d1", "status": "final", "code": {"text": "x"}}
    await put(shared, observation)
    body = b'[{"op":"add","path":"/valueQuantity","value":{"value":1.500}}]'
    assert (await shared.patch("/r5/Observation/d1", content=body, headers=JSON_PATCH)).status_code == 200
    assert b'"value":1.500' in (await jpatch(shared, "Observation/d1", add("/issued", "2020-01-01T00:00:00Z"))).content


async def test_prefer_is_that_of_an_update(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("r1"))
    minimal = await jpatch(shared, "Patient/r1", add("/active", True), Prefer="return=minimal")
    assert (minimal.status_code, minimal.content) == (200, b"")
    assert minimal.headers["Location"].endswith("/Patient/r1/_history/2")
    outcome = await jpatch(shared, "Patient/r1", add("/active", False), Prefer="return=OperationOutcome")
    assert outcome.json()["resourceType"] == "OperationOutcome"


async def test_a_narrative_that_told_the_old_content_is_taken_out_with_a_warning(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("n1", text={"status": "generated", "div": DIV}))
    answer = await fpatch(shared, "Patient/n1", BIRTH)
    assert answer.status_code == 200
    assert "text" not in answer.json()
    assert "narrative" in answer.headers["Warning"]
    await put(shared, anna("n2", text={"status": "additional", "div": DIV}))
    refused = await fpatch(shared, "Patient/n2", BIRTH)
    assert (refused.status_code, refused.json()["issue"][0]["expression"]) == (422, ["Patient.text"])


async def test_a_conditional_patch_finds_one_none_or_several(shared: httpx.AsyncClient) -> None:
    for id_, value in (("c1", "one"), ("c2", "two"), ("c3", "two")):
        await put(shared, anna(id_, identifier=[{"system": "urn:c", "value": value}]))
    answer = await fpatch(shared, "Patient?identifier=urn:c|one&_format=json", BIRTH)
    assert (answer.status_code, answer.json()["id"], answer.headers["ETag"]) == (200, "c1", 'W/"2"')
    none = await fpatch(shared, "Patient?identifier=urn:c|three", BIRTH)
    assert none.status_code == 404
    several = await jpatch(shared, "Patient?identifier=urn:c|two", add("/active", True))
    assert (several.status_code, several.json()["issue"][0]["code"]) == (412, "multiple-matches")
    stale = await fpatch(shared, "Patient?identifier=urn:c|one", BIRTH, **{"If-Match": 'W/"1"'})
    assert stale.status_code == 412
    failing = await fpatch(shared, "Patient?identifier=urn:c|one", BIRTH)
    assert (failing.status_code, failing.json()["issue"][0]["expression"]) == (422, ["Parameters.parameter[0]"])
    for empty in ("Patient", "Patient?", "Patient?foo=bar"):
        assert (await fpatch(shared, empty, BIRTH)).status_code in (400, 412), empty


async def test_fifty_patches_at_once_are_all_done(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("race", identifier=[{"system": "urn:r", "value": "0"}]))
    by_criteria, by_path = "Patient?identifier=urn:r|0", {"type": "add", "path": "Patient", "name": "identifier"}

    async def one(at: int) -> int:
        value = {"system": "urn:r", "value": str(at)}
        match at % 3:
            case 0:
                answer = await jpatch(shared, "Patient/race", add("/identifier/-", value))
            case 1:
                answer = await fpatch(shared, "Patient/race", by_path | {"value": {"valueIdentifier": value}})
            case _:
                answer = await jpatch(shared, by_criteria, add("/identifier/-", value))
        return answer.status_code

    assert set(await asyncio.gather(*(one(at) for at in range(1, 51)))) == {200}
    found = (await shared.get("/r5/Patient/race")).json()
    assert {each["value"] for each in found["identifier"]} == {str(at) for at in range(51)}
    assert found["meta"]["versionId"] == "51"


async def test_patches_and_updates_at_once_lose_nothing(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("mixed"))

    async def update(at: int) -> int:
        return (await shared.put("/r5/Patient/mixed", json=anna("mixed", birthDate=f"19{at:02}"))).status_code

    async def activate(at: int) -> int:
        return (await jpatch(shared, "Patient/mixed", add("/active", bool(at % 2)))).status_code

    said = await asyncio.gather(*(f(at) for at in range(10) for f in (update, activate)))
    assert set(said) == {200}


async def test_of_patches_that_expect_one_version_one_wins(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("only", active=False))
    patches = (
        jpatch(shared, "Patient/only", add("/birthDate", f"19{at:02}"), **{"If-Match": 'W/"1"'}) for at in range(10)
    )
    said = [answer.status_code for answer in await asyncio.gather(*patches)]
    assert sorted(said) == [200, *[412] * 9]


async def test_a_group_of_many_members_is_patched(shared: httpx.AsyncClient) -> None:
    members = [{"entity": {"reference": f"Patient/m{at}"}} for at in range(3000)]
    await put(
        shared, {"resourceType": "Group", "id": "g", "type": "person", "membership": "enumerated", "member": members}
    )
    added = await jpatch(shared, "Group/g", add("/member/-", {"entity": {"reference": "Patient/new"}}))
    assert (added.status_code, len(added.json()["member"])) == (200, 3001)
    path = "Group.member.where(entity.reference = 'Patient/m1500')"
    gone = await fpatch(shared, "Group/g", {"type": "delete", "path": path})
    assert (gone.status_code, len(gone.json()["member"])) == (200, 3000)
    read = (await shared.get("/r5/Group/g")).json()
    assert read["member"] == [*members[:1500], *members[1501:], {"entity": {"reference": "Patient/new"}}]
    found = await shared.get("/r5/Group?member=Patient/m1500&_summary=count")
    assert found.json()["total"] == 0


async def test_a_patched_subject_obeys_the_rules_of_enrolment(client: httpx.AsyncClient) -> None:
    await put(client, study("s"))
    await put(client, study("t"))
    await put(client, anna("p"))
    made = await client.post("/r5/ResearchSubject", json=subject("p"))
    assert made.status_code == 201, made.text
    where = f"ResearchSubject/{made.json()['id']}"
    # Who takes part in which study is fixed.
    moved = await jpatch(client, where, {"op": "replace", "path": "/study/reference", "value": "ResearchStudy/t"})
    assert moved.status_code in (409, 422)
    assert moved.json()["issue"][0]["code"] == "business-rule"
    # Who leaves frees the place: the roster follows in the same transaction.
    roster = (await client.get("/r5/ResearchStudy/s")).json()["recruitment"]["actualGroup"]["reference"]
    assert (await client.get(f"/r5/{roster}")).json()["quantity"] == 1
    left = subject("p", "withdrawn")["progress"][0] | {"startDate": "2024-06-01"}
    patched = await jpatch(client, where, add("/progress/-", left))
    assert patched.status_code == 200, patched.text
    assert (await client.get(f"/r5/{roster}")).json()["quantity"] == 0
    assert (await client.get("/r5/ResearchStudy/s")).json()["recruitment"]["actualNumber"] == 0
    # And the state is not undone.
    back = subject("p", "candidate")["progress"][0] | {"startDate": "2024-07-01"}
    undone = await jpatch(client, where, add("/progress/-", back))
    assert undone.status_code in (409, 422), undone.text
    assert undone.json()["issue"][0]["code"] == "business-rule"


async def test_patches_inside_bundles(client: httpx.AsyncClient) -> None:
    await put(client, anna("b1"))
    await put(client, anna("b2", identifier=[{"system": "urn:b", "value": "2"}]))
    binary = {
        "resourceType": "Binary",
        "contentType": "application/json-patch+json",
        "data": base64.b64encode(fhirjson.dumps([add("/active", True)])).decode(),
    }
    entries = [
        {"resource": parameters([BIRTH]), "request": {"method": "PATCH", "url": "Patient/b1"}},
        {"resource": binary, "request": {"method": "PATCH", "url": "Patient?identifier=urn:b|2"}},
    ]
    answer = await client.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text
    assert [entry["response"]["etag"] for entry in answer.json()["entry"]] == ['W/"2"', 'W/"2"']
    assert (await client.get("/r5/Patient/b1")).json()["birthDate"] == "1980-02-29"
    assert (await client.get("/r5/Patient/b2")).json()["active"] is True


async def test_a_patch_that_fails_in_a_bundle_says_where(shared: httpx.AsyncClient) -> None:
    await put(shared, anna("k1"))
    name = BIRTH | {"name": "brithDate"}
    wrong = base64.b64encode(b'[{"op":"add","path":"/gender","value":"bogus"}]').decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json"}
    entries = [
        (parameters([name]), "Patient/k1", "422", ["Bundle.entry[0].resource.parameter[0].part[3]"]),
        (
            parameters([BIRTH | {"path": "Patient["}]),
            "Patient/k1",
            "400",
            ["Bundle.entry[1].resource.parameter[0].part[1]"],
        ),
        (binary | {"data": wrong}, "Patient/k1", "422", ["Bundle.entry[2]", "Patient.gender"]),
        (binary | {"data": "e30="}, "Patient/k1", "400", ["Bundle.entry[3].resource.data"]),
        (binary | {"data": "W10"}, "Patient/k1", "400", ["Bundle.entry[4].resource.data"]),
        (binary, "Patient/k1", "400", ["Bundle.entry[5].resource"]),
        (
            binary | {"contentType": "text/plain", "data": "W10="},
            "Patient/k1",
            "400",
            ["Bundle.entry[6].resource.contentType"],
        ),
        (anna("k1"), "Patient/k1", "400", ["Bundle.entry[7].resource"]),
        (parameters([BIRTH]), "Patient/none", "404", ["Bundle.entry[8]"]),
        (parameters([BIRTH]), "Patient?identifier=urn:k|none", "404", ["Bundle.entry[9].request.url"]),
        (parameters([BIRTH]), "Patient/k1", "200", None),
    ]
    listed = [{"resource": body, "request": {"method": "PATCH", "url": url}} for body, url, _, _ in entries]
    answer = await shared.post("/r5", json={"resourceType": "Bundle", "type": "batch", "entry": listed})
    for at, (response, (_, _, status, where)) in enumerate(zip(answer.json()["entry"], entries, strict=True)):
        assert response["response"]["status"][:3] == status, at
        if where is not None:
            issue = response["response"]["outcome"]["issue"][0]
            assert issue["expression"] == where, issue
    expecting = {"method": "PATCH", "url": "Patient/k1", "ifMatch": 'W/"1"'}
    entry = {"resource": parameters([{"type": "delete", "path": "birthDate"}]), "request": expecting}
    stale = await shared.post("/r5", json={"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    assert stale.status_code == 412


async def test_bodies_beyond_the_limit_are_refused(serve: Serve) -> None:
    async with serve(max_body_mb=1) as client:
        await put(client, anna("l1"))
        long = await jpatch(client, "Patient/l1", add("/name/0/text", "x" * 1024 * 1024))
        assert long.status_code == 413
        many = await jpatch(client, "Patient/l1", *[{"op": "test", "path": "", "value": 1}] * 10_001)
        assert (many.status_code, "takes 10000" in many.text) == (413, True)
        deep: Any = "x"
        for _ in range(60):
            deep = {"extension": [deep]}
        assert (await jpatch(client, "Patient/l1", add("/name/0/_family", deep))).status_code == 400
