"""Binary resources in their own format: https://hl7.org/fhir/R5/binary.html#rest"""

from __future__ import annotations

import base64
import gzip
from typing import Any

import httpx
import pytest

from fhirserver.resources.xml import from_xml, to_xml

Json = dict[str, Any]
JSON, XML = "application/fhir+json", "application/fhir+xml"
PDF = b"%PDF-1.7\n\x00\xff\xfe\r\n"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def binary(kind: str = "application/pdf", data: bytes = PDF, **more: Any) -> Json:
    encoded = base64.b64encode(data).decode()
    return {"resourceType": "Binary", "id": "a", "contentType": kind, "data": encoded} | more


@pytest.fixture
def bare(client: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client that says nothing of formats by itself."""
    for name in ("accept", "content-type", "accept-encoding"):
        client.headers.pop(name, None)
    client.headers["accept-encoding"] = ""
    return client


@pytest.mark.parametrize(
    ("kind", "accept", "is_native"),
    [
        ("application/pdf", None, True),
        ("application/pdf", "*/*", True),
        ("application/pdf", "application/pdf", True),
        ("application/pdf", "image/png", True),
        ("application/pdf", BROWSER, True),
        ("application/pdf", f"application/pdf, {JSON};q=0.5", True),
        ("application/pdf", f"application/pdf;q=0.5, {JSON}", False),
        ("application/pdf", JSON, False),
        ("application/pdf", XML, False),
        ("application/pdf", "application/json", False),
        ("application/pdf", f"{JSON};q=0, */*", True),
        ("application/json", "application/json", True),
        ("application/xacml+json", "application/json", True),
        ("application/xacml+json", "application/xml", False),
        (JSON, "*/*", True),
        (JSON, JSON, False),
    ],
)
async def test_a_read_gives_the_content_unless_fhir_is_asked_for(
    bare: httpx.AsyncClient, kind: str, accept: str | None, is_native: bool
) -> None:
    await bare.put("/r5/Binary/a", json=binary(kind))
    for path in ("/r5/Binary/a", "/r5/Binary/a/_history/1", "/r5/Binary/a?_summary=true"):
        answer = await bare.get(path, headers={} if accept is None else {"Accept": accept})
        assert answer.status_code == 200
        assert (answer.content == PDF) == is_native
        if is_native:
            assert answer.headers["content-type"] == kind


async def test_the_content_comes_with_the_headers_of_its_version(bare: httpx.AsyncClient) -> None:
    await bare.put("/r5/Binary/a", json=binary(securityContext={"reference": "DocumentReference/d"}))
    read = await bare.get("/r5/Binary/a")
    resource = await bare.get("/r5/Binary/a", headers={"Accept": JSON})
    for name in ("etag", "last-modified", "content-location", "vary"):
        assert read.headers[name] == resource.headers[name]
    assert read.headers["x-security-context"] == "DocumentReference/d"
    assert read.headers["x-content-type-options"] == "nosniff"
    known = await bare.get("/r5/Binary/a", headers={"If-None-Match": read.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    for wanted in ("json", "application/xml"):
        assert (
            (await bare.get(f"/r5/Binary/a?_format={wanted}")).headers["content-type"].startswith("application/fhir+")
        )
    found = await bare.get("/r5/Binary?_id=a")
    assert found.json()["entry"][0]["resource"]["contentType"] == "application/pdf"


async def test_what_may_hold_scripts_is_shut_into_a_sandbox(bare: httpx.AsyncClient) -> None:
    for kind, runs in (
        ("text/html; charset=utf-8", True),
        ("image/svg+xml", True),
        ("text/xml", True),
        ("image/png", False),
    ):
        await bare.put("/r5/Binary/a", json=binary(kind))
        answer = await bare.get("/r5/Binary/a")
        assert answer.headers["content-type"] == kind
        assert ("sandbox" in answer.headers.get("content-security-policy", "")) == runs


async def test_a_type_that_no_header_can_hold_is_sent_as_bytes(bare: httpx.AsyncClient) -> None:
    for kind in ("tëxt/x", "pdf", "a/b;" + ";" * 200, "a/b; c=d e"):
        assert (await bare.put("/r5/Binary/a", json=binary(kind))).status_code in (200, 201)
        answer = await bare.get("/r5/Binary/a")
        assert (answer.headers["content-type"], answer.content) == ("application/octet-stream", PDF)


async def test_a_binary_without_content_is_read_as_a_resource(bare: httpx.AsyncClient) -> None:
    await bare.put("/r5/Binary/a", json={"resourceType": "Binary", "id": "a", "contentType": "image/png"})
    assert (await bare.get("/r5/Binary/a")).json()["contentType"] == "image/png"


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("application/pdf", PDF),
        ('multipart/related; boundary="a b;c"; type=text/plain', b"--a b;c--"),
        ("text/plain;charset=latin-1", "Grüße".encode("latin-1")),
        ("text/csv", b" \n"),
        ("application/json", b'{"a": 1}'),
        ("application/json", b"not at all"),
        ("application/xml", b"<ClinicalDocument xmlns='urn:hl7-org:v3'/>"),
        ("text/xml", b"<!DOCTYPE a><a>"),
        (JSON, b'{"resourceType": "Patient"}'),
        (XML, b'<Patient xmlns="http://hl7.org/fhir"><id value="a"/></Patient>'),
        ("application/octet-stream", b"\xef\xbb\xbfa"),
    ],
)
async def test_what_is_sent_as_it_is_becomes_a_binary(bare: httpx.AsyncClient, kind: str, data: bytes) -> None:
    headers = {"Content-Type": kind, "X-Security-Context": "Patient/p", "Accept": JSON}
    made = await bare.post("/r5/Binary", content=data, headers=headers)
    assert made.status_code == 201
    found = made.json()
    assert (found["contentType"], base64.b64decode(found["data"])) == (kind, data)
    assert found["securityContext"] == {"reference": "Patient/p"}
    assert (await bare.get(f"/r5/Binary/{found['id']}")).content == data
    put = await bare.put(f"/r5/Binary/{found['id']}", content=gzip.compress(data + b" "),
                         headers=headers | {"Content-Encoding": "gzip"})  # fmt: skip
    assert (put.status_code, put.headers["etag"]) == (200, 'W/"2"')
    assert (await bare.get(f"/r5/Binary/{found['id']}")).content == data + b" "


@pytest.mark.parametrize("kind", [JSON, "application/json", None, XML, "text/xml"])
async def test_a_binary_resource_is_itself_and_no_content_of_another(bare: httpx.AsyncClient, kind: str | None) -> None:
    resource = {name: value for name, value in binary().items() if name != "id"}
    data = to_xml("R5", resource) if kind and "xml" in kind else str(resource).replace("'", '"').encode()
    made = await bare.post("/r5/Binary", content=data, headers={"Content-Type": kind} if kind else {})
    assert made.status_code == 201
    found = from_xml("R5", made.content) if kind == XML else made.json()
    assert (found["contentType"], found["data"]) == ("application/pdf", resource["data"])


@pytest.mark.parametrize(
    ("kind", "data", "status"),
    [
        (JSON, b"{", 400),
        (XML, b"<Binary", 400),
        (XML, b'<Binary xmlns="http://hl7.org/fhir"><foo/></Binary>', 400),
        ("application/json", b'{"resourceType": "Binary", "contentType": 1}', 400),
        ("application/json", b'{"resourceType": "Binary", "data": "a", "data": "b"}', 400),
        (None, b'{"resourceType": "Patient"}', 400),
        (None, b"%PDF", 400),
        ("nonsense", b"a", 400),
        ("application/x-www-form-urlencoded", b"a=b", 415),
        ("application/pdf", b"", 400),
    ],
)
async def test_what_is_neither_is_refused(bare: httpx.AsyncClient, kind: str | None, data: bytes, status: int) -> None:
    answer = await bare.post("/r5/Binary", content=data, headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == status
    outcome = from_xml("R5", answer.content) if kind == XML else answer.json()
    assert outcome["issue"][0]["diagnostics"]


async def test_a_large_binary_is_decoded_beside_the_others(bare: httpx.AsyncClient) -> None:
    data = bytes(range(256)) * 1000
    await bare.put("/r5/Binary/a", content=data, headers={"Content-Type": "image/tiff"})
    answer = await bare.get("/r5/Binary/a", headers={"Accept": "image/*"})
    assert (answer.headers["content-type"], answer.content) == ("image/tiff", data)
    head = await bare.head("/r5/Binary/a")
    assert head.headers["content-length"] == str(len(data))
