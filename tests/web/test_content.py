"""Formats and encodings as a client meets them: https://hl7.org/fhir/R5/http.html#mime-type"""

from __future__ import annotations

import gzip
import os
import zlib
from typing import Any

import httpx
import pytest

from fhirserver.app import create_app
from fhirserver.errors import NotAcceptable
from fhirserver.resources.xml import from_xml, to_xml
from fhirserver.settings import Settings
from fhirserver.web.encodings import wants_gzip
from fhirserver.web.formats import accepted, named

Json = dict[str, Any]
JSON, XML = "application/fhir+json", "application/fhir+xml"
JSON_UTF8, XML_UTF8 = f"{JSON}; charset=utf-8", f"{XML}; charset=utf-8"


def read_xml(answer: httpx.Response) -> Json:
    assert answer.headers["content-type"] == XML_UTF8
    return from_xml("R5", answer.content)


@pytest.fixture
def bare(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client that says nothing of formats by itself."""
    for name in ("accept", "content-type", "accept-encoding"):
        client.headers.pop(name, None)
    client.headers["accept-encoding"] = ""
    return client


@pytest.fixture
def observation() -> Json:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "Körpergewicht & <more>"},
        "effectiveDateTime": "2024-02-29",
        "_effectiveDateTime": {"extension": [{"url": "http://example.org/e", "valueString": "noon"}]},
        "component": [{"code": {"text": "a"}, "valueInteger": 7}],
    }


# --- which format ---------------------------------------------------------------------------------------------------

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("*/*", JSON_UTF8),
        ("application/*", JSON_UTF8),
        (JSON, JSON_UTF8),
        (XML, XML_UTF8),
        ("APPLICATION/FHIR+XML", XML_UTF8),
        (f"{XML}, {JSON}", XML_UTF8),
        (f"{JSON}, {XML}", JSON_UTF8),
        (f"{XML};q=0.5, {JSON};q=0.6", JSON_UTF8),
        (f"{XML};q=0.5, */*;q=0.4", XML_UTF8),
        (f"{JSON};q=0.5, */*", XML_UTF8),
        (f"{JSON};q=0, */*", XML_UTF8),
        (f"{XML};q=0, */*", JSON_UTF8),
        (f"image/png, {XML};q=0.001", XML_UTF8),
        ("application/xml", "application/xml; charset=utf-8"),
        ("text/xml;q=0.9", "text/xml; charset=utf-8"),
        ("application/json", "application/json; charset=utf-8"),
        ("text/json", "text/json; charset=utf-8"),
        ("text/*", "text/json; charset=utf-8"),
        ("application/json, text/plain, */*", "application/json; charset=utf-8"),
        ("application/xml+fhir", "application/xml+fhir; charset=utf-8"),
        (f"{XML}; charset=utf-8", XML_UTF8),
        (f"{XML}; fhirVersion=5.0", f"{XML_UTF8}; fhirVersion=5.0"),
        (f'{JSON}; fhirVersion="5.0.0"', f"{JSON_UTF8}; fhirVersion=5.0"),
        (f"{XML}; fhirVersion=4.0, {JSON}; fhirVersion=5.0; q=0.1", f"{JSON_UTF8}; fhirVersion=5.0"),
        (BROWSER, JSON_UTF8),
        (f"text/html;q=0.1, {XML}, */*;q=0.1", XML_UTF8),
    ],
)
def test_accept_chooses_the_format(accept: str, content_type: str) -> None:
    chosen = accepted(accept, "R5", "json")
    assert (chosen.format, chosen.content_type) == ("xml" if "xml" in content_type else "json", content_type)


@pytest.mark.parametrize("accept", ["*/*", "application/*", "image/png, */*;q=0.1", f"{JSON};q=0, */*"])
def test_where_both_go_the_format_of_the_body_is_kept(accept: str) -> None:
    assert accepted(accept, "R5", "xml").content_type == XML_UTF8


async def test_a_header_of_endless_alternatives_is_cut_short(bare: httpx.AsyncClient) -> None:
    endless = ",".join(f"a/{number};q=0.5" for number in range(3000))
    assert (await bare.get("/r5/Patient", headers={"Accept": endless})).status_code == 406
    assert (await bare.get("/r5/Patient", headers={"Accept": f"{XML},{endless}"})).status_code == 200


async def test_an_answer_is_in_the_format_that_accept_chooses(bare: httpx.AsyncClient) -> None:
    for accept, content_type in ((None, JSON_UTF8), ("", JSON_UTF8), (BROWSER, JSON_UTF8), (XML, XML_UTF8),
                                 ("text/xml", "text/xml; charset=utf-8")):  # fmt: skip
        answer = await bare.get("/r5/Patient?_count=0", headers={} if accept is None else {"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)
        assert "Accept, Accept-Encoding" in answer.headers["vary"]
        body = from_xml("R5", answer.content) if "xml" in content_type else answer.json()
        assert body["resourceType"] == "Bundle"


@pytest.mark.parametrize(
    ("accept", "says"),
    [
        ("image/png", XML),
        ("text/turtle, application/fhir+turtle", XML),
        ("text/html", XML),
        (f"{JSON};q=0", XML),
        ("*/*;q=0.000", XML),
        (f"{XML}; fhirVersion=4.0", "4.0"),
        ("*/*; fhirVersion=3.0", "3.0"),
    ],
)
def test_what_is_not_written_is_not_acceptable(accept: str, says: str) -> None:
    with pytest.raises(NotAcceptable) as refusal:
        accepted(accept, "R5", "json")
    assert refusal.value.issues[0].expression == ("Accept",)
    assert says in refusal.value.issues[0].diagnostics


async def test_who_takes_no_format_is_told_in_json(bare: httpx.AsyncClient) -> None:
    for path, accept, where in (("/r5/Patient", "image/png", "Accept"), ("/r5/Patient?_format=ttl", XML, "_format")):
        answer = await bare.get(path, headers={"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (406, JSON_UTF8)
        assert answer.json()["issue"][0]["expression"] == [where]


@pytest.mark.parametrize(
    ("wanted", "content_type"),
    [
        ("json", JSON_UTF8),
        ("application/json", JSON_UTF8),
        ("application/fhir+json", JSON_UTF8),
        ("application/fhir json", JSON_UTF8),
        ("xml", XML_UTF8),
        ("text/xml", XML_UTF8),
        ("application/xml", XML_UTF8),
        ("application/fhir+xml", XML_UTF8),
        ("application/fhir+xml; fhirVersion=5.0", f"{XML_UTF8}; fhirVersion=5.0"),
    ],
)
def test_format_names_one(wanted: str, content_type: str) -> None:
    assert named(wanted, "R5").content_type == content_type


@pytest.mark.parametrize(
    "wanted", ["ttl", "text/turtle", "application/fhir+turtle", "html", "text/html", "", "xml;fhirVersion=4.0"]
)
def test_a_format_that_is_not_written_is_not_acceptable(wanted: str) -> None:
    with pytest.raises(NotAcceptable) as refusal:
        named(wanted, "R5")
    assert refusal.value.issues[0].expression == ("_format",)


async def test_format_in_the_url_wins_over_accept(bare: httpx.AsyncClient) -> None:
    for wanted, content_type in (("xml", XML_UTF8), ("application/fhir+json", JSON_UTF8), ("text/xml", XML_UTF8)):
        for accept in ("image/png", XML, JSON):
            answer = await bare.get(f"/r5/Patient?_count=0&_format={wanted}", headers={"Accept": accept})
            assert (answer.status_code, answer.headers["content-type"]) == (200, content_type)


async def test_a_format_named_twice_is_refused(bare: httpx.AsyncClient) -> None:
    assert (await bare.get("/r5/Patient?_format=xml&_format=json")).status_code == 400
    assert (await bare.get("/r5/Patient?_format=xml&_format=xml")).status_code == 200


async def test_the_pages_that_follow_are_in_the_format_of_the_first(bare: httpx.AsyncClient, patient: Json) -> None:
    for name in "abc":
        await bare.put(f"/r5/Patient/{name}", json=patient | {"id": name})
    await bare.put("/r5/Patient/a", json=patient | {"id": "a", "active": True})
    for path in ("Patient", "Patient/a/_history", "Patient/_history", "_history", "Patient/$everything"):
        page, pages = read_xml(await bare.get(f"/r5/{path}?_count=1&_format=xml&_pretty=true")), 1
        while url := next((link["url"] for link in page["link"] if link["relation"] == "next"), None):
            answer = await bare.get(url)
            page, pages = read_xml(answer), pages + 1
            assert b"\n  <type" in answer.content
        assert pages >= 2, path


async def test_a_search_by_form_may_name_the_format_in_the_form(bare: httpx.AsyncClient) -> None:
    form = {"_format": "xml", "_pretty": "true", "gender": "female"}
    answer = await bare.post("/r5/Patient/_search", data=form)
    assert read_xml(answer)["type"] == "searchset"
    assert b"\n  <type" in answer.content
    assert (await bare.post("/r5/Patient/_search?_format=json", data=form)).status_code == 400
    assert (await bare.post("/r5/Patient/_search", data={"_format": "ttl"})).status_code == 406


# --- XML everywhere -------------------------------------------------------------------------------------------------


async def test_what_is_sent_in_xml_is_read_in_either_format(bare: httpx.AsyncClient, observation: Json) -> None:
    xml = to_xml("R5", observation).replace(b"</component>", b"</component><component><code><text value='b'/></code>"
    b"<valueQuantity><value value='1.00'/></valueQuantity></component>")  # fmt: skip
    made = await bare.post("/r5/Observation", content=xml, headers={"Content-Type": XML})
    assert made.status_code == 201
    stored = read_xml(made)
    assert stored["component"][1]["valueQuantity"]["value"].as_tuple().exponent == -2
    as_json = await bare.get(f"/r5/Observation/{stored['id']}")
    assert b'"value":1.00}' in as_json.content
    assert {name: value for name, value in as_json.json().items() if name in observation} | {
        "component": observation["component"]
    } == observation
    changed = xml.replace(b"<Observation xmlns=\"http://hl7.org/fhir\">", b"<Observation xmlns=\"http://hl7.org/fhir\">"
    b"<id value='%b'/>" % stored["id"].encode()).replace(b"final", b"amended")  # fmt: skip
    put = await bare.put(f"/r5/Observation/{stored['id']}", content=changed, headers={"Content-Type": XML})
    assert (put.status_code, put.headers["etag"], read_xml(put)["status"]) == (200, 'W/"2"', "amended")
    old = await bare.get(f"/r5/Observation/{stored['id']}/_history/1?_format=xml")
    assert read_xml(old) == stored
    history = read_xml(await bare.get(f"/r5/Observation/{stored['id']}/_history", headers={"Accept": XML}))
    assert [entry["resource"]["status"] for entry in history["entry"]] == ["amended", "final"]


async def test_bundles_and_operations_speak_xml(bare: httpx.AsyncClient, patient: Json) -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"fullUrl": "urn:uuid:7a9a8a0c-91b5-4a4e-9c0e-0d7f5f7e0c11", "resource": patient,
             "request": {"method": "POST", "url": "Patient"}},
            {"resource": {"resourceType": "ResearchStudy", "id": "s", "status": "active",
             "progressStatus": [{"state": {"coding": [{"system": "http://hl7.org/fhir/research-study-status",
             "code": "recruiting"}]}, "actual": True}]}, "request": {"method": "PUT", "url": "ResearchStudy/s"}},
        ],
    }  # fmt: skip
    headers = {"Content-Type": XML, "Prefer": "return=representation"}
    done = read_xml(await bare.post("/r5", content=to_xml("R5", bundle), headers=headers))
    assert [entry["response"]["status"][:3] for entry in done["entry"]] == ["201", "201"]
    name = done["entry"][0]["resource"]["id"]
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "meta", "valueMeta": {"tag": [{"system": "http://example.org/t", "code": "a"}]}}],
    }
    path = f"/r5/Patient/{name}/$meta-add"
    tagged = read_xml(await bare.post(path, content=to_xml("R5", parameters), headers={"Content-Type": XML}))
    assert tagged["parameter"][0]["valueMeta"]["tag"][0]["code"] == "a"
    statement = read_xml(await bare.get("/r5/metadata", headers={"Accept": XML}))
    assert statement["resourceType"] == "CapabilityStatement"


async def test_xml_without_a_word_about_the_answer_is_answered_in_xml(bare: httpx.AsyncClient, patient: Json) -> None:
    body = to_xml("R5", patient)
    for headers in ({}, {"Accept": "*/*"}):
        read_xml(await bare.post("/r5/Patient", content=body, headers={"Content-Type": XML} | headers))
    asked = await bare.post("/r5/Patient", content=body, headers={"Content-Type": XML, "Accept": JSON})
    assert asked.json()["resourceType"] == "Patient"
    general = await bare.post("/r5/Patient", content=body, headers={"Content-Type": "text/xml; charset=UTF-8"})
    assert general.headers["content-type"] == JSON_UTF8
    wrong = await bare.post("/r5/Patient", content=body.replace(b"name", b"nome"), headers={"Content-Type": XML})
    assert wrong.status_code == 400
    assert read_xml(wrong)["issue"][0]["expression"] == ["Patient.nome"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/r5/Patient/none", 404),
        ("GET", "/r5/nowhere/at/all/of/it", 404),
        ("PUT", "/r5/metadata", 405),
        ("GET", "/r5/Patient?shoe=44", 400),
        ("GET", "/r5/Patient?_pretty=maybe", 400),
        ("POST", "/r5/Patient", 400),
    ],
)
async def test_refusals_are_in_the_format_of_the_client(
    bare: httpx.AsyncClient, method: str, path: str, status: int
) -> None:
    headers = {"Accept": XML, "Prefer": "handling=strict", "Content-Type": XML}
    answer = await bare.request(method, path, headers=headers)
    assert answer.status_code == status
    if "_pretty" in path:
        assert answer.headers["content-type"] == JSON_UTF8  # how to write it was what could not be settled
    else:
        assert read_xml(answer)["resourceType"] == "OperationOutcome"


async def test_what_xml_cannot_carry_is_refused_with_its_place(bare: httpx.AsyncClient) -> None:
    made = await bare.post("/r5/Patient", json={"resourceType": "Patient", "name": [{"family": "a\uffff"}]})
    assert made.status_code == 201
    answer = await bare.get(f"/r5/Patient/{made.json()['id']}", headers={"Accept": XML})
    assert answer.status_code == 406
    assert read_xml(answer)["issue"][0]["expression"] == ["Patient.name[0].family"]
    quoted = await bare.get("/r5/Patient?_sort=a%EF%BF%BF", headers={"Accept": XML, "Prefer": "handling=strict"})
    assert (quoted.status_code, quoted.headers["content-type"]) == (400, JSON_UTF8)


async def test_a_large_answer_is_converted_beside_the_others(bare: httpx.AsyncClient) -> None:
    names = [{"family": f"Family {number}", "given": ["a", "b"]} for number in range(2000)]
    await bare.put("/r5/Patient/big", json={"resourceType": "Patient", "id": "big", "name": names})
    plain = await bare.get("/r5/Patient/big")
    xml = await bare.get("/r5/Patient/big", headers={"Accept": XML, "Accept-Encoding": "gzip"})
    assert xml.headers["content-encoding"] == "gzip"
    assert read_xml(xml) == plain.json()
    assert (xml.headers["etag"], xml.headers["last-modified"]) == (
        plain.headers["etag"],
        plain.headers["last-modified"],
    )
    sent = await bare.put("/r5/Patient/big", content=xml.content, headers={"Content-Type": XML, "Accept": JSON})
    assert (sent.status_code, sent.headers["etag"]) == (200, 'W/"1"')
    names[1999]["family"] = "\uffff"
    await bare.put("/r5/Patient/big", json={"resourceType": "Patient", "id": "big", "name": names})
    refused = await bare.get("/r5/Patient/big", headers={"Accept": XML})
    assert refused.status_code == 406
    assert read_xml(refused)["issue"][0]["expression"] == ["Patient.name[1999].family"]


async def test_pretty_indents_both_formats(bare: httpx.AsyncClient, patient: Json) -> None:
    await bare.put("/r5/Patient/a", json=patient | {"id": "a"})
    assert b'\n  "id": "a"' in (await bare.get("/r5/Patient/a?_pretty=true")).content
    assert b'\n  <id value="a"/>' in (await bare.get("/r5/Patient/a?_pretty=true&_format=xml")).content
    assert b"\n" not in (await bare.get("/r5/Patient/a?_pretty=false")).content
    refused = await bare.put("/r5/Patient/a?_pretty=perhaps", json=patient | {"id": "a", "active": True})
    assert refused.status_code == 400
    assert (await bare.get("/r5/Patient/a")).headers["etag"] == 'W/"1"'  # nothing was done before it was refused


# --- headers --------------------------------------------------------------------------------------------------------


async def test_a_read_names_its_version_and_head_has_the_same_headers(bare: httpx.AsyncClient, patient: Json) -> None:
    await bare.put("/r5/Patient/a", json=patient | {"id": "a"})
    for headers in ({}, {"Accept": XML}):
        read = await bare.get("/r5/Patient/a", headers=headers)
        assert read.headers["content-location"] == "http://test/r5/Patient/a/_history/1"
        head = await bare.head("/r5/Patient/a", headers=headers)
        mine = ("content-type", "content-length", "content-location", "etag", "last-modified", "vary")
        assert [head.headers[name] for name in mine] == [read.headers[name] for name in mine]
    same = await bare.get("/r5/Patient/a", headers={"If-None-Match": 'W/"1"', "Accept": XML})
    assert (same.status_code, same.content) == (304, b"")
    mine = ("content-location", "etag", "vary")
    assert [same.headers[name] for name in mine] == [read.headers[name] for name in mine]
    put = await bare.put("/r5/Patient/a", json=patient | {"id": "a", "active": True})
    assert put.headers["content-location"] == put.headers["location"] == "http://test/r5/Patient/a/_history/2"
    minimal = await bare.post("/r5/Patient", json=patient, headers={"Prefer": "return=minimal"})
    assert "content-location" not in minimal.headers


# --- gzip -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encodings", "is_packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br", True),
        ("x-gzip", True),
        ("*", True),
        ("br;q=1.0, gzip;q=0.2", True),
        ("gzip;q=0", False),
        ("identity, gzip;q=0.5", False),
        ("gzip;q=0, *", False),
        ("br, deflate", False),
    ],
)
def test_accept_encoding_says_whether_answers_are_packed(encodings: str, is_packed: bool) -> None:
    assert wants_gzip(encodings) == is_packed


async def test_answers_that_are_worth_it_are_packed_for_who_asks(bare: httpx.AsyncClient) -> None:
    asked = {"Accept-Encoding": "gzip, deflate"}
    answer = await bare.get("/r5/metadata", headers=asked)
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.content) // 5
    assert (await bare.get("/r5/metadata")).content == answer.content
    small = await bare.get("/r5/Patient?_count=0", headers=asked)
    assert "content-encoding" not in small.headers
    assert "Accept-Encoding" in small.headers["vary"]
    text = "x" * 2000
    medium = await bare.post("/r5/Basic", json={"resourceType": "Basic", "code": {"text": text}}, headers=asked)
    assert (medium.status_code, medium.headers["content-encoding"]) == (201, "gzip")
    assert medium.json()["code"]["text"] == text


def halves(data: bytes) -> bytes:
    """Two gzip files in one."""
    return gzip.compress(data[: len(data) // 2], mtime=0) + gzip.compress(data[len(data) // 2 :], mtime=0)


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("x-gzip", halves),
        ("deflate", zlib.compress),
        ("identity", bytes),
    ],
)
async def test_packed_bodies_are_read(bare: httpx.AsyncClient, patient: Json, encoding: str, pack: Any) -> None:
    data = to_xml("R5", patient)
    headers = {"Content-Type": XML, "Content-Encoding": encoding}
    made = await bare.post("/r5/Patient", content=pack(data), headers=headers)
    assert made.status_code == 201
    found = await bare.post(
        "/r5/Patient/_search", content=pack(b"family=M%C3%BCller"),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Content-Encoding": encoding},
    )  # fmt: skip
    assert found.json()["total"] == 1


@pytest.mark.parametrize(
    ("encoding", "body", "status", "says"),
    [
        ("br", b"x", 415, "gzip"),
        ("gzip, gzip", b"x", 415, "gzip"),
        ("gzip", b"{}", 400, "no gzip"),
        ("deflate", gzip.compress(b"{}", mtime=0), 400, "no deflate"),
        ("gzip", gzip.compress(b'{"resourceType":"Patient"}', mtime=0)[:-9], 400, "whole"),
        ("gzip", gzip.compress(b'{"resourceType":"Patient"}', mtime=0) + b"rest", 400, "no gzip"),
        ("gzip", gzip.compress(b"", mtime=0), 400, "no body"),
        ("gzip", b"", 400, "no body"),
    ],
)
async def test_badly_packed_bodies_are_refused(
    bare: httpx.AsyncClient, encoding: str, body: bytes, status: int, says: str
) -> None:
    answer = await bare.post("/r5/Patient", content=body, headers={"Content-Type": JSON, "Content-Encoding": encoding})
    assert answer.status_code == status
    assert says in answer.json()["issue"][0]["diagnostics"]
    assert ("accept-encoding" in answer.headers) == (status == 415)


@pytest.mark.parametrize("pieces", [1, 20])
async def test_the_limit_of_a_body_is_that_of_what_it_unpacks_to(
    settings: Settings, mongodb_uri: str, pieces: int
) -> None:
    app = create_app(settings.model_copy(update={"max_body_mb": 1}), mongodb_uri)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        headers = {"Content-Type": JSON, "Content-Encoding": "gzip"}

        async def send(data: bytes) -> httpx.Response:
            whole = gzip.compress(data, mtime=0)
            step = -(-len(whole) // pieces)

            async def stream() -> Any:
                for at in range(0, len(whole), step):
                    yield whole[at : at + step]

            return await client.post("/r5/Binary", content=stream(), headers=headers)

        def binary(data: bytes) -> bytes:
            return b'{"resourceType":"Binary","contentType":"a/b","data":"%b"}' % data

        assert (await send(binary(b"A" * 1_000_000))).status_code == 201
        too_large = await send(binary(b"A" * 30_000_000))
        assert too_large.status_code == 413
        assert "max_body_mb" in too_large.json()["issue"][0]["diagnostics"]
        random = os.urandom(600_000).hex().encode()
        assert (await send(binary(random))).status_code == 413
