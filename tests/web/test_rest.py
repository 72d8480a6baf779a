"""The RESTful interactions as a client meets them: https://hl7.org/fhir/R5/http.html"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import httpx
import pytest

from fhirserver.app import create_app
from fhirserver.settings import Settings

Json = dict[str, Any]


def issue(response: httpx.Response) -> Json:
    body = response.json()
    assert body["resourceType"] == "OperationOutcome", body
    found: Json = body["issue"][0]
    assert found["severity"] in ("error", "fatal")
    assert found["diagnostics"]
    return found


async def test_what_is_created_can_be_read_with_its_version_headers(client: httpx.AsyncClient, patient: Json) -> None:
    made = await client.post("/r5/Patient", json=patient)
    assert made.status_code == 201
    body = made.json()
    assert body["meta"]["versionId"] == "1"
    assert made.headers["location"] == f"http://test/r5/Patient/{body['id']}/_history/1"
    assert made.headers["etag"] == 'W/"1"'
    read = await client.get(f"/r5/Patient/{body['id']}")
    assert read.status_code == 200
    assert read.json() == body
    assert read.headers["etag"] == 'W/"1"'
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", read.headers["last-modified"])
    assert read.headers["content-type"] == "application/fhir+json; charset=utf-8"


async def test_an_id_in_the_body_of_a_create_is_not_taken(client: httpx.AsyncClient, patient: Json) -> None:
    made = await client.post("/r5/Patient", json=patient | {"id": "mine", "meta": {"versionId": "77"}})
    assert made.json()["id"] != "mine"
    assert made.json()["meta"]["versionId"] == "1"


async def test_an_update_makes_the_next_version_and_keeps_the_last(client: httpx.AsyncClient, patient: Json) -> None:
    first = await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    assert first.status_code == 201
    second = await client.put("/r5/Patient/a", json=patient | {"id": "a", "active": True})
    assert second.status_code == 200
    assert second.headers["etag"] == 'W/"2"'
    assert (await client.get("/r5/Patient/a/_history/1")).json() == first.json()
    assert (await client.get("/r5/Patient/a/_history/2")).json() == second.json()


async def test_the_same_again_is_no_new_version(client: httpx.AsyncClient, patient: Json) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    again = await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    assert again.status_code == 200
    assert again.headers["etag"] == 'W/"1"'


async def test_if_match_lets_one_writer_through(client: httpx.AsyncClient, patient: Json) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    writes = [
        client.put("/r5/Patient/a", json=patient | {"id": "a", "active": bool(n % 2), "language": f"x-{n}"},
                   headers={"If-Match": 'W/"1"'})
        for n in range(20)
    ]  # fmt: skip
    statuses = sorted(response.status_code for response in await asyncio.gather(*writes))
    assert statuses == [200] + [412] * 19


@pytest.mark.parametrize("etag", ["W/1", '"1"', "1", 'W/"1"'])
async def test_if_match_is_read_in_the_forms_clients_send(client: httpx.AsyncClient, patient: Json, etag: str) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    answer = await client.put("/r5/Patient/a", json=patient | {"id": "a", "active": True}, headers={"If-Match": etag})
    assert answer.status_code == (400 if etag == "W/1" else 200)


async def test_a_deleted_resource_is_gone_and_its_history_stays(client: httpx.AsyncClient, patient: Json) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    assert (await client.delete("/r5/Patient/a")).status_code == 204
    assert (await client.delete("/r5/Patient/a")).status_code == 204
    gone = await client.get("/r5/Patient/a")
    assert gone.status_code == 410
    assert issue(gone)["code"] == "deleted"
    assert (await client.get("/r5/Patient/a/_history/2")).status_code == 410
    history = (await client.get("/r5/Patient/a/_history")).json()
    assert (
        [entry["request"]["method"] for entry in history["entry"]] == ["DELETE", "PUT"]
        if "request" in history["entry"][0]
        else True
    )
    assert [entry["response"]["etag"] for entry in history["entry"]] == ['W/"2"', 'W/"1"']
    back = await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    assert back.status_code == 201
    assert back.headers["etag"] == 'W/"3"'
    assert (await client.get("/r5/Patient?_id=a")).json()["total"] == 1


async def test_a_history_pages_from_the_newest_version(client: httpx.AsyncClient, patient: Json) -> None:
    for n in range(7):
        await client.put("/r5/Patient/a", json=patient | {"id": "a", "language": f"x-{n}"})
    seen: list[str] = []
    url = "http://test/r5/Patient/a/_history?_count=3"
    while url:
        page = (await client.get(url)).json()
        assert page["type"] == "history"
        seen += [entry["resource"]["meta"]["versionId"] for entry in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert seen == ["7", "6", "5", "4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/r5/Patient/none", 404, "not-found"),
        ("GET", "/r5/Patient/none/_history", 404, "not-found"),
        ("GET", "/r5/Patient/none/_history/1", 404, "not-found"),
        ("GET", "/r5/Patient/none/_history/0", 404, "not-found"),
        ("GET", "/r5/Patient/none/_history/9999999999999999999", 404, "not-found"),
        ("GET", "/r5/Nothing/1", 404, "not-supported"),
        ("GET", "/r5/Nothing", 404, "not-supported"),
        ("GET", "/r5/patient", 404, "not-supported"),
        ("GET", "/r5/DomainResource/1", 404, "not-supported"),
        ("GET", "/r5/a/b/c/d", 404, "not-found"),
        ("GET", "/r5/Patient/%00", 404, "not-found"),
        ("GET", "/r5/%00/a", 404, "not-supported"),
        ("DELETE", "/r5/Patient/a%20b", 404, "not-found"),
        ("POST", "/r5/Patient/a/$nothing", 404, "not-supported"),
        ("GET", "/r5/ResearchStudy/$enroll", 404, "not-supported"),
        ("PATCH", "/r5/metadata", 405, "not-supported"),
        ("DELETE", "/r5/metadata", 405, "not-supported"),
        ("PUT", "/r5/", 405, "not-supported"),
        ("GET", "/r5/Patient?_cursor=abc", 400, "invalid"),
        ("GET", "/r5/Patient?birthdate=yesterday", 400, None),
        ("GET", "/r5/Patient?name:sounds=x", 400, None),
        ("GET", "/r5/Patient?_count=-1", 400, None),
        ("GET", "/r5/Patient?_sort=nothing", 200, None),
        ("GET", "/r5/Patient?%ff=1", 400, None),
    ],
)
async def test_what_is_not_there_is_refused_by_an_operation_outcome(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str | None
) -> None:
    answer = await client.request(method, path)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert code in (None, issue(answer)["code"])


async def test_an_unknown_parameter_is_reported_or_refused_and_never_matches_all(
    client: httpx.AsyncClient, patient: Json
) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    lenient = (await client.get("/r5/Patient?shoe-size=44&name=nobody")).json()
    assert [entry["search"]["mode"] for entry in lenient["entry"]] == ["outcome"]
    assert "shoe-size" not in lenient["link"][0]["url"]
    strict = await client.get("/r5/Patient?shoe-size=44", headers={"Prefer": "handling=strict"})
    assert strict.status_code == 400
    assert "shoe-size" in issue(strict)["expression"][0]


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({"Accept": "application/fhir+json; fhirVersion=5.0"}, "/r5/metadata", 200),
        ({"Accept": "application/fhir+json; fhirVersion=4.0"}, "/r5/metadata", 406),
        ({"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, "/r5/metadata", 200),
        ({"Accept": "image/png"}, "/r5/metadata", 406),
        ({"Accept": "application/fhir+xml"}, "/r5/metadata?_format=json", 200),
        ({}, "/r5/metadata?_format=application/fhir%2Bjson", 200),
        ({}, "/r5/metadata?_format=ttl", 406),
        ({}, "/fhir/metadata", 200),
    ],
)
async def test_a_client_gets_a_format_it_takes_or_a_refusal(
    client: httpx.AsyncClient, headers: dict[str, str], path: str, status: int
) -> None:
    answer = await client.get(path, headers=headers)
    assert answer.status_code == status
    assert answer.json()["resourceType"] in ("CapabilityStatement", "OperationOutcome")


async def test_a_body_in_another_format_is_refused(client: httpx.AsyncClient, patient: Json) -> None:
    turtle = await client.post("/r5/Patient", content=b"a:a", headers={"Content-Type": "application/fhir+turtle"})
    assert turtle.status_code == 415
    packed = await client.post("/r5/Patient", json=patient, headers={"Content-Encoding": "br"})
    assert packed.status_code == 415
    r4 = await client.post(
        "/r5/Patient", json=patient, headers={"Content-Type": "application/fhir+json; fhirVersion=4.0"}
    )
    assert r4.status_code == 415


@pytest.mark.parametrize(
    ("returns", "status", "kind"),
    [("minimal", 201, None), ("representation", 201, "Patient"), ("OperationOutcome", 201, "OperationOutcome")],
)
async def test_prefer_says_what_a_write_answers(
    client: httpx.AsyncClient, patient: Json, returns: str, status: int, kind: str | None
) -> None:
    made = await client.post("/r5/Patient", json=patient, headers={"Prefer": f"return={returns}"})
    assert made.status_code == status
    assert made.headers["etag"] == 'W/"1"'
    assert (made.json()["resourceType"] if made.content else None) == kind


async def test_decimals_come_back_digit_by_digit(client: httpx.AsyncClient) -> None:
    body = (
        b'{"resourceType":"Observation","status":"final","code":{"text":"x"},'
        b'"valueQuantity":{"value":1.00},"component":['
        b'{"code":{"text":"a"},"valueQuantity":{"value":123456789.012345678}},'
        b'{"code":{"text":"b"},"valueQuantity":{"value":0.000168}},'
        b'{"code":{"text":"c"},"valueQuantity":{"value":-0.0}},'
        b'{"code":{"text":"d"},"valueQuantity":{"value":123456789012345678}}]}'
    )
    made = await client.post("/r5/Observation", content=body)
    assert made.status_code == 201, made.text
    for answer in (made, await client.get(made.headers["location"])):
        numbers = re.findall(rb'"value":([-\d.eE+]+)', answer.content)
        assert numbers == [b"1.00", b"123456789.012345678", b"0.000168", b"-0.0", b"123456789012345678"]


@pytest.mark.parametrize(
    ("body", "status", "expression"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"garbage" * 150_000, 400, None),
        (b"[" * 1_000_000, 400, None),
        (b'{"resourceType":"Patient","contained":' * 70 + b"[]" + b"}" * 70, 400, None),
        (b'{"resourceType":"Patient","x":1}', 400, "Patient.x"),
        (b'{"resourceType":"Patient","active":"yes"}', 400, "Patient.active"),
        (b'{"resourceType":"Patient","gender":"robot"}', 422, "Patient.gender"),
        (b'{"resourceType":"Patient","birthDate":"1980-02-30"}', 422, "Patient.birthDate"),
        (b'{"resourceType":"Patient","name":[{"text":"a\\u0000b"}]}', 400, None),
        (b'{"resourceType":"Patient","$where":"sleep(1000)"}', 400, "Patient.$where"),
        (b'{"resourceType":"Observation","status":"final"}', 422, "Observation.code"),
        (b'{"resourceType":"Patient","id":"a","id":"b"}', 400, "Patient"),
        (b'{"resourceType":"Patient","active":1e999999999999}', 400, None),
        ('{"resourceType":"Patient","name":[{"text":"\ud83d"}]}'.encode("utf-8", "surrogatepass"), 400, None),
    ],
)  # fmt: skip
async def test_rubbish_is_refused_where_it_is_wrong(
    client: httpx.AsyncClient, body: bytes, status: int, expression: str | None
) -> None:
    kind = "Observation" if b'"Observation"' in body else "Patient"
    answer = await client.post(f"/r5/{kind}", content=body)
    assert answer.status_code == status, answer.text[:500]
    found = issue(answer)
    if expression:
        assert any(expression in place for each in answer.json()["issue"] for place in each["expression"]), found


async def test_a_byte_order_mark_is_no_part_of_the_body(client: httpx.AsyncClient) -> None:
    answer = await client.post("/r5/Patient", content=b'\xef\xbb\xbf{"resourceType":"Patient"}')
    assert answer.status_code == 201


async def test_a_hundred_writers_of_one_resource_make_a_hundred_versions(client: httpx.AsyncClient) -> None:
    bodies = [{"resourceType": "Patient", "id": "a", "language": f"x-{n}"} for n in range(100)]
    answers = await asyncio.gather(*(client.put("/r5/Patient/a", json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [201]
    assert sorted(int(answer.headers["etag"][3:-1]) for answer in answers) == list(range(1, 101))


async def test_a_body_over_the_limit_is_refused_by_the_name_of_the_limit(client: httpx.AsyncClient) -> None:
    answer = await client.post("/r5/Patient", content=b" " * (65 * 1024 * 1024))
    assert answer.status_code == 413
    assert "max_body_mb" in issue(answer)["diagnostics"]


@pytest.mark.parametrize(
    "query",
    [
        "name=$where", "name[$ne]=x", "name=.*", "name=%00", "identifier={\"$gt\":\"\"}", "name:contains=(((((",
        "_id[$regex]=.*", "identifier=%7C%7C%7C", "_sort=$natural", "name:exact=%5C", "_has:x=1", "birthdate=ge",
        "general-practitioner=Practitioner/$where", "_filter=name%20eq%20x", "=x", "&&&", "name=a,,b", "_tag=%7C",
    ],
)  # fmt: skip
async def test_operators_and_patterns_in_parameters_are_harmless(
    client: httpx.AsyncClient, patient: Json, query: str
) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    answer = await client.get(f"/r5/Patient?{query}", headers={"Prefer": "handling=strict"})
    assert answer.status_code in (200, 400)
    if answer.status_code == 200 and query not in ("&&&",):
        assert not [entry for entry in answer.json().get("entry", []) if entry["search"]["mode"] == "match"]


async def test_a_search_by_form_is_the_same_search(client: httpx.AsyncClient, patient: Json) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    form = await client.post(
        "/r5/Patient/_search?active:missing=true",
        content=b"name=muller&birthdate=1980-02",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert form.json()["total"] == 1
    wrong = await client.post("/r5/Patient/_search", json={})
    assert wrong.status_code == 415


async def test_pages_hold_each_match_once_while_others_write(client: httpx.AsyncClient) -> None:
    for n in range(23):
        body = {"resourceType": "Patient", "id": f"p{n:02}", "birthDate": f"{1950 + n % 5}-01-01"}
        await client.put(f"/r5/Patient/p{n:02}", json=body)
    for sort in ("", "&_sort=birthdate", "&_sort=-birthdate,_id", "&_sort=-_lastUpdated"):
        seen: list[str] = []
        url = f"http://test/r5/Patient?_count=5{sort}"
        while url:
            page = (await client.get(url)).json()
            seen += [entry["resource"]["id"] for entry in page["entry"]]
            url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        assert sorted(seen) == [f"p{n:02}" for n in range(23)], sort
        if "birthdate" in sort:
            years = [1950 + int(id_[1:]) % 5 for id_ in seen]
            assert years == sorted(years, reverse="-" in sort)
    page = (await client.get("/r5/Patient?_count=5&_total=accurate")).json()
    assert page["total"] == 23
    count = (await client.get("/r5/Patient?_summary=count")).json()
    assert (count["total"], "entry" in count) == (23, False)


async def test_a_page_position_of_another_search_is_refused(client: httpx.AsyncClient) -> None:
    for n in range(3):
        await client.put(f"/r5/Patient/p{n}", json={"resourceType": "Patient", "id": f"p{n}", "active": True})
    page = (await client.get("/r5/Patient?_count=1&active=true")).json()
    token = next(link["url"] for link in page["link"] if link["relation"] == "next").rpartition("=")[2]
    assert (await client.get(f"/r5/Patient?_count=1&_cursor={token}")).status_code == 400
    assert (await client.get(f"/r5/Observation?_count=1&active=true&_cursor={token}")).status_code == 400


async def test_includes_bring_what_is_referred_to_and_what_refers(client: httpx.AsyncClient, patient: Json) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    observation = {
        "resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
        "subject": {"reference": "Patient/a"},
    }  # fmt: skip
    await client.put("/r5/Observation/o", json=observation)
    found = (await client.get("/r5/Observation?_id=o&_include=Observation:subject")).json()
    assert [(e["resource"]["id"], e["search"]["mode"]) for e in found["entry"]] == [("o", "match"), ("a", "include")]
    assert found["total"] == 1
    found = (await client.get("/r5/Patient?_id=a&_revinclude=Observation:subject")).json()
    assert [(e["resource"]["id"], e["search"]["mode"]) for e in found["entry"]] == [("a", "match"), ("o", "include")]
    assert (await client.get("/r5/Observation?subject.name=anna")).json()["total"] == 1
    assert (await client.get("/r5/Patient?_has:Observation:subject:status=final")).json()["total"] == 1


async def test_members_are_found_from_both_sides(client: httpx.AsyncClient, patient: Json) -> None:
    for id_ in ("a", "b"):
        await client.put(f"/r5/Patient/{id_}", json=patient | {"id": id_})
    group = {"resourceType": "Group", "id": "g", "type": "person", "membership": "enumerated",
             "member": [{"entity": {"reference": "Patient/a"}}]}  # fmt: skip
    assert (await client.put("/r5/Group/g", json=group)).status_code == 201
    assert (await client.get("/r5/Group?member=Patient/a")).json()["total"] == 1
    assert (await client.get("/r5/Group?member=Patient/b")).json()["total"] == 0
    assert (await client.get("/r5/Group?member.name=anna")).json()["total"] == 1
    found = (await client.get("/r5/Patient?_has:Group:member:_id=g")).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["a"]
    included = (await client.get("/r5/Group?_id=g&_include=Group:member")).json()
    assert [entry["resource"]["id"] for entry in included["entry"]] == ["g", "a"]


async def test_a_page_includes_no_more_than_the_setting_allows(client: httpx.AsyncClient) -> None:
    entries = [
        {"request": {"method": "PUT", "url": f"Patient/p{n}"}, "resource": {"resourceType": "Patient", "id": f"p{n}"}}
        for n in range(1100)
    ]
    await client.post("/r5/", json={"resourceType": "Bundle", "type": "transaction", "entry": entries})
    group = {"resourceType": "Group", "id": "g", "type": "person", "membership": "enumerated",
             "member": [{"entity": {"reference": f"Patient/p{n}"}} for n in range(1100)]}  # fmt: skip
    await client.put("/r5/Group/g", json=group)
    found = (await client.get("/r5/Group?_include=Group:member")).json()["entry"]
    modes = [entry["search"]["mode"] for entry in found]
    assert (modes.count("match"), modes.count("include"), modes.count("outcome")) == (1, 1000, 1)
    assert "max_included" in found[-1]["resource"]["issue"][0]["diagnostics"]


async def test_the_capability_statement_names_every_type_and_its_parameters(client: httpx.AsyncClient) -> None:
    statement = (await client.get("/r5/metadata")).json()
    assert statement["fhirVersion"] == "5.0.0"
    types = {resource["type"]: resource for resource in statement["rest"][0]["resource"]}
    assert len(types) > 150
    assert {"title", "condition", "phase"} <= {p["name"] for p in types["ResearchStudy"]["searchParam"]}


async def test_a_failure_inside_leaves_neither_trace_nor_patient_in_the_answer(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("Anna Müller")

    monkeypatch.setattr("fhirserver.web.routes.read_current", broken)
    answer = await client.get("/r5/Patient/a")
    assert answer.status_code == 500
    assert "Anna" not in answer.text + caplog.text
    assert "Traceback" not in answer.text
    assert "ZeroDivisionError" in caplog.text


async def test_health_says_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/health/ready")).json() == {"status": "ready"}


async def test_browser_apps_may_call(client: httpx.AsyncClient) -> None:
    answer = await client.get("/r5/metadata", headers={"Origin": "https://app.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    preflight = await client.options(
        "/r5/Patient",
        headers={"Origin": "https://app.example", "Access-Control-Request-Method": "PUT",
                 "Access-Control-Request-Headers": "if-match,content-type"},
    )  # fmt: skip
    assert preflight.status_code == 200


async def test_the_page_shows_what_is_stored(client: httpx.AsyncClient, patient: Json) -> None:
    await client.put("/r5/Patient/a", json=patient | {"id": "a"})
    page = await client.get("/")
    assert page.status_code == 200
    assert "<dt>Patients</dt><dd>1</dd>" in page.text


async def test_a_client_that_hangs_up_in_its_body_is_no_failure(
    settings: Settings, mongodb_uri: str, caplog: pytest.LogCaptureFixture
) -> None:
    messages = [{"type": "http.request", "body": b'{"resourceType":', "more_body": True}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    app = create_app(settings, mongodb_uri)
    scope = {"type": "http", "method": "POST", "scheme": "http", "path": "/r5/Patient", "query_string": b"",
             "headers": [(b"content-type", b"application/fhir+json")], "server": ("test", 80)}  # fmt: skip
    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    assert (sent, caplog.text) == ([], "")
