"""Headers, addresses and bodies as clients really send them: https://www.rfc-editor.org/rfc/rfc9110"""

from __future__ import annotations

import gzip
import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from fhirserver.web.routes import ROUTES

Json = dict[str, Any]
HOST = ("Host", "test")
JSON = ("Content-Type", "application/fhir+json")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def client(shared: httpx.AsyncClient) -> httpx.AsyncClient:
    return shared


@pytest.fixture
def person(patient: Json) -> Json:
    """A patient of this test alone."""
    own = uuid.uuid4().hex
    return patient | {"id": own, "name": [{"family": f"Müller{own}"}]}


@pytest.fixture
async def place(client: httpx.AsyncClient, person: Json) -> str:
    """Where the person is, in the second version."""
    found = f"/r5/Patient/{person['id']}"
    await client.put(found, json=person)
    await client.put(found, json=person | {"active": True})
    return found


async def send(
    client: httpx.AsyncClient, method: str, url: str, headers: Sequence[tuple[str, str | bytes]], content: bytes = b""
) -> httpx.Response:
    """A request with exactly these headers, some of them twice perhaps."""
    raw = [(name.encode(), value.encode() if isinstance(value, str) else value) for name, value in headers]
    return await client.send(httpx.Request(method, f"http://test{url}", headers=raw, content=content))


def where(answer: httpx.Response) -> list[str]:
    """The places that the first issue of a refusal names."""
    found: list[str] = answer.json()["issue"][0]["expression"]
    return found


# --- methods and addresses ------------------------------------------------------------------------------------------


def routes() -> dict[str, set[str]]:
    """The methods of every address of the route table; of operations those that an example of each takes."""
    found: dict[str, set[str]] = {}
    for method, path, _ in ROUTES:
        if "{operation}" not in path:
            found.setdefault(f"/r5{path}", set()).add(method)
    reading = {f"/r5{place}/$meta": {"GET", "POST"} for place in ("", "/{type}", "/{type}/{id}")}
    return found | reading | {"/r5/{type}/{id}/$meta-add": {"POST"}}


@pytest.mark.parametrize(("path", "expected"), routes().items(), ids=routes())
async def test_options_and_a_refused_method_list_what_an_address_takes(
    client: httpx.AsyncClient, place: str, path: str, expected: set[str]
) -> None:
    for slash in ("", "/"):
        address = (
            path.rstrip("/").format(compartment="Patient", type="Patient", id=place.rpartition("/")[2], version="1")
            + slash
        )
        options = await client.options(address)
        assert (options.status_code, options.content) == (204, b"")
        methods = set(options.headers["allow"].split(", "))
        assert methods == expected | {"OPTIONS"} | ({"HEAD"} if "GET" in expected else set())
        refused = await client.request("TRACE", address)
        assert refused.status_code == 405
        if "$" not in path:
            assert refused.headers["allow"] == options.headers["allow"]
        if "GET" not in expected:
            for method in ("GET", "HEAD"):
                assert (await client.request(method, address)).status_code in (404, 405)


@pytest.mark.parametrize(
    "path",
    ["/r5/Patient/a/b/c/d", "/r5/Nothing", "/r5/Nothing/a", "/r5/_nothing", "/r5/Patient/a/$nothing", "/nothing"],
)
async def test_options_of_no_address_is_not_found(client: httpx.AsyncClient, path: str) -> None:
    assert (await client.options(path)).status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health/live",
        "/health/ready",
        "/r5/metadata",
        "/r5/Patient?_count=1",
        "/r5/Patient?name=x",
        "/r5/_history",
        "/r5/Patient/_history",
        "/r5/Patient/$meta",
        "{place}/$meta",
        "{place}/$everything",
        "{place}",
        "{place}-none",
        "{place}/_history",
        "{place}/_history/1",
        "/r5/Nothing",
        "/nothing",
    ],
)
async def test_head_is_get_without_its_body(client: httpx.AsyncClient, place: str, path: str) -> None:
    address = path.format(place=place)
    get, head = [await client.request(method, address, headers={"Accept": "*/*"}) for method in ("GET", "HEAD")]
    assert head.content == b""
    assert head.status_code == get.status_code
    # A Bundle of versions says when it was made, which takes as many digits as it takes.
    length = [] if address.endswith("_history") else ["content-length"]
    same = ("content-type", "etag", "last-modified", *length)
    assert [head.headers.get(name) for name in same] == [get.headers.get(name) for name in same]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/%725/%50atient/{id}", 200),
        ("/r5/Patient/{id}/", 200),
        ("/r5/Patient/{id}/_history/2/", 200),
        ("/r5//Patient//{id}", 404),
        ("//r5/Patient/{id}", 404),
        ("/R5/Patient/{id}", 404),
        ("/r5/patient/{id}", 404),
        ("/r5/Patient/{id}X", 404),
        ("/r5/Patient/{id};v=1", 404),
        ("/r5/Patient/{id}%00", 404),
        ("/r5/Patient/%FF", 404),
        ("/r5/Patient/%zz", 404),
        ("/r5/Patient/{id}{id}{id}", 404),
        ("/r5/Patient/%2e%2e", 404),
        ("/r5/%2e%2e/r5/Patient/{id}", 404),
        ("/r5/Patient/" + "a/" * 4000, 404),
    ],
)
async def test_an_address_is_meant_letter_by_letter(
    client: httpx.AsyncClient, place: str, path: str, status: int
) -> None:
    address = httpx.URL("http://test" + path.format(id=place.rpartition("/")[2]))
    answer = await client.get(address)
    assert answer.status_code == status, answer.text


async def test_ids_may_have_dots_but_be_no_step_up(client: httpx.AsyncClient, patient: Json) -> None:
    for id_ in ("a.b-C.9", "...", ".a", "metadata"):
        made = await client.put(f"/r5/Patient/{id_}", json=patient | {"id": id_})
        assert made.status_code == 201, id_
        assert (await client.get(f"/r5/Patient/{id_}")).json()["id"] == id_
    for id_, path in ((".", "%2e"), ("..", "%2e%2e")):
        entry = {"resource": patient | {"id": id_}, "request": {"method": "PUT", "url": f"Patient/{id_}"}}
        transaction = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert (await client.post("/r5", json=transaction)).status_code == 400
        body = json.dumps(patient | {"id": id_}).encode()
        assert (await send(client, "PUT", f"/r5/Patient/{path}", [HOST, JSON], body)).status_code == 400


async def test_long_queries_are_answered_or_refused_in_kind(client: httpx.AsyncClient) -> None:
    many = "&".join(f"name=abcdefgh{n}" for n in range(90))
    assert (await client.get(f"/r5/Patient?{many}")).status_code == 200
    for query in (f"name={'a' * 5000}", "&".join(["name=a"] * 600), "&" * 9000 + "nothing=1&" * 101):
        answer = await client.get(f"/r5/Patient?{query}")
        assert answer.status_code == 400
        assert answer.json()["resourceType"] == "OperationOutcome"


# --- preconditions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("etags", "status"),
    [
        ("*", 200),
        ('W/"2"', 200),
        ('"2"', 200),
        ("2", 200),
        ('"1", "2"', 200),
        ('W/"1",W/"2"', 200),
        ('W/"9"  ,W/"2"', 200),
        (', "2",', 200),
        ('W/"1"', 412),
        ('W/"1", W/"9"', 412),
        ('W/""', 412),
        ('"another-server"', 412),
        ('W/"99999999999999999999"', 412),
        ("", 400),
        (" , ", 400),
        ('W/"2', 400),
        ('"2"x', 400),
        ('*, "2"', 400),
    ],
)
async def test_if_match_is_a_list_of_etags(
    client: httpx.AsyncClient, place: str, person: Json, etags: str, status: int
) -> None:
    answer = await client.put(place, json=person | {"active": False}, headers={"If-Match": etags})
    assert answer.status_code == status, answer.text
    if status == 400:
        assert where(answer) == ["If-Match"]
    deleted = await client.delete(place, headers={"If-Match": etags.replace("2", "3")})
    assert deleted.status_code == (204 if status == 200 else status)


async def test_if_match_on_what_is_not_there_does_not_hold(client: httpx.AsyncClient, person: Json) -> None:
    place = f"/r5/Patient/{person['id']}"
    for etag in ("*", 'W/"1"'):
        assert (await client.put(place, json=person, headers={"If-Match": etag})).status_code == 412
    assert (await client.get(place)).status_code == 404


async def test_a_date_is_no_precondition_of_a_write(client: httpx.AsyncClient, place: str, person: Json) -> None:
    headers = {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"}
    for method, body in (("PUT", person), ("DELETE", None)):
        answer = await client.request(method, place, json=body, headers=headers)
        assert answer.status_code == 400
        assert "If-Match" in answer.json()["issue"][0]["diagnostics"]
    assert (await client.get(place)).headers["etag"] == 'W/"2"'


@pytest.mark.parametrize(
    ("etags", "status"),
    [("*", 304), ('W/"2"', 304), ('"2"', 304), ('"1", "2"', 304), ('W/"1"', 200), ("", 200), ("2", 200), ('"2', 200)],
)
async def test_if_none_match_is_a_list_of_etags(client: httpx.AsyncClient, place: str, etags: str, status: int) -> None:
    for method, path in (("GET", place), ("HEAD", place), ("GET", f"{place}/_history/2")):
        answer = await client.request(method, path, headers={"If-None-Match": etags})
        assert answer.status_code == status
        assert answer.headers["etag"] == 'W/"2"'
        assert status != 304 or answer.content == b""


RFC_1123, RFC_850, ASCTIME = "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"


@pytest.mark.parametrize("form", [RFC_1123, RFC_850, ASCTIME])
async def test_if_modified_since_takes_the_three_forms_of_an_http_date(
    client: httpx.AsyncClient, place: str, form: str
) -> None:
    at = parsedate_to_datetime((await client.get(place)).headers["last-modified"])

    async def since(when: datetime) -> int:
        return (await client.get(place, headers={"If-Modified-Since": when.strftime(form)})).status_code

    second, day = timedelta(seconds=1), timedelta(days=1)
    assert [await since(when) for when in (at, at + day, at - second)] == [304, 304, 200]


@pytest.mark.parametrize(
    "date", ["", "2026-01-01", "yesterday", "Mon, 31 Feb 2020 00:00:00 GMT", "Sat, 01 Jan 20000000 00:00:00 GMT"]
)
async def test_what_is_no_http_date_is_no_condition(client: httpx.AsyncClient, place: str, date: str) -> None:
    assert (await client.get(place, headers={"If-Modified-Since": date})).status_code == 200


async def test_an_etag_outweighs_a_date(client: httpx.AsyncClient, place: str) -> None:
    headers = {"If-Modified-Since": (await client.get(place)).headers["last-modified"], "If-None-Match": 'W/"1"'}
    assert (await client.get(place, headers=headers)).status_code == 200


@pytest.mark.parametrize("start", ["name=M%C3%BCller", "name=Müller", "?name=M%C3%BCller", "name=m%c3%bcller"])
async def test_if_none_exist_is_utf_8(client: httpx.AsyncClient, place: str, person: Json, start: str) -> None:
    headers = [HOST, JSON, ("If-None-Exist", f"{start}{person['id']}".encode())]
    found = await send(client, "POST", "/r5/Patient", headers, json.dumps(person).encode())
    assert (found.status_code, found.headers["location"]) == (200, f"http://test{place}/_history/2")


async def test_if_none_exist_in_another_encoding_is_refused(client: httpx.AsyncClient, patient: Json) -> None:
    answer = await client.post("/r5/Patient", json=patient, headers={"If-None-Exist": "name=Müller".encode("latin-1")})
    assert answer.status_code == 400
    assert where(answer) == ["If-None-Exist"]


# --- headers that are there twice -----------------------------------------------------------------------------------


async def test_a_list_may_come_in_several_headers(client: httpx.AsyncClient, place: str, person: Json) -> None:
    body = json.dumps(person).encode()
    matches = [("If-Match", 'W/"9"'), ("If-Match", 'W/"2"')]
    assert (await send(client, "PUT", place, [HOST, JSON, *matches], body)).status_code == 200
    known = [("If-None-Match", '"1"'), ("If-None-Match", '"3"')]
    assert (await send(client, "GET", place, [HOST, *known])).status_code == 304
    accepts = [("Accept", "image/png"), ("Accept", "application/fhir+json")]
    assert (await send(client, "GET", place, [HOST, *accepts])).status_code == 200
    prefers = [("Prefer", "handling=strict"), ("Prefer", "return=minimal")]
    minimal = await send(client, "PUT", place, [HOST, JSON, *prefers], body)
    assert (minimal.status_code, minimal.content) == (200, b"")


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ([("Content-Type", "text/plain")], 400),
        ([JSON], 200),
        ([("Host", "elsewhere")], 400),
        ([HOST], 400),
        ([("If-None-Exist", "_id=a"), ("If-None-Exist", "_id=b")], 400),
        ([("X-Anything", "1"), ("X-Anything", "2")], 200),
    ],
)
async def test_what_can_be_said_once_is_not_said_twice(
    client: httpx.AsyncClient, place: str, person: Json, more: list[tuple[str, str]], status: int
) -> None:
    answer = await send(client, "PUT", place, [HOST, JSON, *more], json.dumps(person).encode())
    assert answer.status_code == status
    if status == 400:
        assert where(answer) == [more[0][0]]


# --- preferences ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefer", "kind"),
    [
        ("return=minimal", None),
        ('RETURN="minimal"', None),
        ("return = minimal", None),
        ("return=minimal, handling=strict", None),
        ("handling=lenient,return=minimal;q=1", None),
        ("return=minimal, return=representation", None),
        ("return=OperationOutcome", "OperationOutcome"),
        ("return=OperationOutcome, return=minimal", "OperationOutcome"),
        ("return=representation", "Patient"),
        ("return=whatever", "Patient"),
        ("respond-async", "Patient"),
        ("", "Patient"),
        (";;=,=", "Patient"),
    ],
)
async def test_the_first_preference_counts_and_what_is_unknown_does_not(
    client: httpx.AsyncClient, person: Json, prefer: str, kind: str | None
) -> None:
    answer = await client.put(f"/r5/Patient/{person['id']}", json=person, headers={"Prefer": prefer})
    assert answer.status_code == 201
    assert (answer.json()["resourceType"] if answer.content else None) == kind


# --- bodies ---------------------------------------------------------------------------------------------------------

TEXT = '{"resourceType":"Patient","id":"ID","name":[{"text":"Müller"}]}'
PATIENT = TEXT.encode()
FHIR = "application/fhir+json"


@pytest.mark.parametrize(
    ("body", "type_", "status"),
    [
        (b"", FHIR, 400),
        (b" \n", FHIR, 400),
        (b"\xef\xbb\xbf", FHIR, 400),
        (b"\xef\xbb\xbf" + PATIENT, FHIR, 201),
        (PATIENT, None, 201),
        (PATIENT, f'{FHIR}; charset="UTF-8"', 201),
        (PATIENT, "APPLICATION/FHIR+JSON;CHARSET=utf-8", 201),
        (TEXT.encode("latin-1"), FHIR, 400),
        (TEXT.encode("utf-16"), FHIR, 400),
        (TEXT.encode("utf-16-le"), FHIR, 400),
        (TEXT.encode("utf-32"), FHIR, 400),
        (TEXT.encode("utf-16"), f"{FHIR}; charset=utf-16", 415),
        (TEXT.encode("latin-1"), f"{FHIR}; charset=iso-8859-1", 415),
        (gzip.compress(PATIENT, mtime=0), FHIR, 400),
        (PATIENT + PATIENT, FHIR, 400),
        (PATIENT.replace(b'"name"', b'"active":true,"active":false,"name"'), FHIR, 400),
        (PATIENT.replace("ü".encode(), b"\\ud800"), FHIR, 400),
        (b"[]", FHIR, 400),
        (b"null", FHIR, 400),
        (b'"x"', FHIR, 400),
        (b"a=b", "application/x-www-form-urlencoded", 415),
        (PATIENT, "text/turtle", 415),
        (PATIENT, "application/json-patch+json", 415),
        (PATIENT, ";;=", 415),
    ],
)
async def test_a_body_is_one_resource_in_utf_8(
    client: httpx.AsyncClient, body: bytes, type_: str | None, status: int
) -> None:
    id_ = uuid.uuid4().hex
    headers = [HOST, *([("Content-Type", type_)] if type_ else [])]
    place = f"/r5/Patient/{id_}"
    answer = await send(client, "PUT", place, headers, body.replace(b"ID", id_.encode()))
    assert answer.status_code == status, answer.text
    read = await client.get(place)
    if status == 201:
        assert read.json()["name"] == [{"text": "Müller"}]
    else:
        assert answer.json()["resourceType"] == "OperationOutcome"
        assert read.status_code == 404


async def test_what_a_delete_or_a_read_sends_along_does_no_harm(client: httpx.AsyncClient, place: str) -> None:
    assert (await client.request("GET", place, content=b"{")).status_code == 200
    assert (await client.request("DELETE", place, content=b"{")).status_code == 204


@pytest.mark.parametrize(
    ("form", "headers", "found"),
    [
        ("name=M%C3%BCller{id}", FORM, 1),
        ("name=Müller{id}", FORM, 1),
        ("name=nobody", {"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"}, 0),
        ("", FORM, 1),
        ("", {}, 1),
        ("name=%FF", FORM, 400),
        (b"name=\xff", FORM, 400),
        ('{{"name":"x"}}', {"Content-Type": "application/json"}, 415),
    ],
)
async def test_a_search_by_post_takes_a_form_or_nothing(
    client: httpx.AsyncClient, place: str, form: str | bytes, headers: dict[str, str], found: int
) -> None:
    id_ = place.rpartition("/")[2]
    body = form.format(id=id_).encode() if isinstance(form, str) else form
    answer = await client.post(f"/r5/Patient/_search?_id={id_}", content=body, headers=headers)
    assert (answer.json()["total"] if answer.status_code == 200 else answer.status_code) == found


@pytest.mark.parametrize("form", ["_id={id}", "_format=json&_id={id}", "_id={id}&_pretty=true"])
async def test_a_create_under_a_condition_in_the_url_makes_no_duplicate(
    client: httpx.AsyncClient, place: str, person: Json, form: str
) -> None:
    found = await client.post(f"/r5/Patient?{form.format(id=person['id'])}", json=person)
    assert (found.status_code, found.headers["location"]) == (200, f"http://test{place}/_history/2")


@pytest.mark.parametrize(
    ("url", "headers", "status"),
    [
        ("/r5/Patient?_format=json", {}, 201),
        ("/r5/Patient?_id=none-such", {}, 201),
        ("/r5/Patient?_id=a", {"If-None-Exist": "_id=a"}, 400),
        ("/r5/Patient?shoe-size=44", {}, 400),
        ("/r5/Patient?name=%FF", {}, 400),
    ],
)
async def test_what_stands_in_the_url_of_a_create_is_never_left_aside(
    client: httpx.AsyncClient, patient: Json, url: str, headers: dict[str, str], status: int
) -> None:
    assert (await client.post(url, json=patient, headers=headers)).status_code == status
