"""What travels on the wire, byte by byte: a real server and a client of sockets alone.

https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.cli.running import serving

PATIENT = b'{"resourceType":"Patient","id":"a","active":true}'
HEAD = b"Host: here\r\nContent-Type: application/fhir+json\r\n"
Ask = Callable[..., bytes]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.URL]:
    """A server with Patient/a, and its address."""
    with serving(tmp_path_factory.mktemp("wire") / "data") as server:
        url = httpx.URL(server.url)
        httpx.put(f"{url}/Patient/a", content=PATIENT, headers={"Content-Type": "application/json"}).raise_for_status()
        yield url


@pytest.fixture
def ask(base: httpx.URL) -> Ask:
    """Sends parts, each after an answer to the one before, and reads until the server closes or stops sending."""

    def send(*parts: bytes) -> bytes:
        with socket.create_connection((base.host, base.port or 80), timeout=1) as wire:
            for part in parts[:-1]:
                wire.sendall(part)
                assert wire.recv(65536).startswith(b"HTTP/1.1 100 ")
            wire.sendall(parts[-1])
            got = b""
            try:
                while more := wire.recv(65536):
                    got += more
                    if len(got.partition(b"\r\n\r\n")[2]) >= length(got):
                        break
            except TimeoutError:
                pass
        return got

    return send


def length(answer: bytes) -> int:
    """The Content-Length of an answer; a large number where it has none yet."""
    found = re.search(rb"^content-length: (\d+)", answer, re.IGNORECASE | re.MULTILINE)
    return int(found[1]) if found and b"\r\n\r\n" in answer else 1 << 40


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def put(extra: bytes = b"", body: bytes = PATIENT, size: int | None = None, version: bytes = b"1.1") -> bytes:
    counted = b"Content-Length: %d\r\n" % (len(body) if size is None else size)
    return b"PUT /r5/Patient/a HTTP/%b\r\n%b%b%b\r\n%b" % (version, HEAD, counted, extra, body)


def chunked(*chunks: bytes) -> bytes:
    parts = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    return b"PUT /r5/Patient/a HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n%b" % (HEAD, parts)


def test_a_body_may_come_in_chunks(ask: Ask) -> None:
    answer = ask(chunked(PATIENT[:3], PATIENT[3:40], PATIENT[40:]))
    assert status(answer) == 200
    assert b'"active":true' in answer


def test_an_empty_body_in_chunks_is_an_empty_body(ask: Ask) -> None:
    assert status(ask(chunked())) == 400


def test_a_client_that_waits_for_100_continue_gets_it(ask: Ask) -> None:
    assert status(ask(put(b"Expect: 100-continue\r\n", b"", len(PATIENT)), PATIENT)) == 200


@pytest.mark.parametrize(
    "request_",
    [
        put(size=len(PATIENT) - 5),
        put(size=-5),
        put(b"Content-Length: 5\r\n"),
        chunked(PATIENT).replace(b"Transfer", b"Content-Length: 5\r\nTransfer"),
        chunked(PATIENT).replace(b"\r\n\r\n%x" % len(PATIENT), b"\r\n\r\nzz"),
        b"GET /r5/Patient/a HTTP/1.1\r\nHost: here\r\nAccept: a\x00b\r\n\r\n",
        b"GET /r5/Patient/a b HTTP/1.1\r\nHost: here\r\n\r\n",
        b"GET /r5/Patient?name=" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: here\r\n\r\n",
        b"BREW /r5/Patient/a HTTP/1.1\r\nHost: here\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
    ids=lambda each: each[:40].decode() if isinstance(each, bytes) else None,
)
def test_what_is_no_request_is_refused_and_the_server_goes_on(ask: Ask, base: httpx.URL, request_: bytes) -> None:
    assert b"400 Bad Request" in ask(request_)
    assert httpx.get(f"{base}/Patient/a").headers["etag"] == 'W/"1"'


def test_a_body_that_never_ends_is_not_stored(ask: Ask, base: httpx.URL) -> None:
    other = PATIENT.replace(b"true", b"false")
    assert ask(put(body=other, size=len(other) + 10)) == b""
    assert httpx.get(f"{base}/Patient/a").json()["active"] is True


def test_a_request_of_http_1_1_names_its_host_once(ask: Ask) -> None:
    assert status(ask(b"GET /r5/Patient/a HTTP/1.1\r\n\r\n")) == 400
    twice = ask(b"GET /r5/Patient/a HTTP/1.1\r\nHost: here\r\nHost: there\r\n\r\n")
    assert status(twice) == 400
    assert b"OperationOutcome" in twice


def test_a_client_of_http_1_0_needs_no_host_and_gets_a_whole_answer(ask: Ask) -> None:
    answer = ask(b"GET /r5/Patient/a HTTP/1.0\r\n\r\n")
    assert status(answer) == 200
    assert b"connection: close" in answer.lower()
    assert b'"resourceType":"Patient"' in answer


def test_a_host_that_is_no_host_does_not_reach_links(ask: Ask) -> None:
    answer = ask(b'GET /r5/Patient HTTP/1.1\r\nHost: a"><script>\r\n\r\n')
    assert status(answer) == 200
    assert b"script" not in answer


def test_the_whole_address_may_stand_in_the_request_line(ask: Ask) -> None:
    assert status(ask(b"GET http://here/r5/Patient/a HTTP/1.1\r\nHost: here\r\n\r\n")) == 200


def test_head_sends_no_body(ask: Ask) -> None:
    answer = ask(b"HEAD /r5/Patient/a HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert status(answer) == 200
    assert answer.endswith(b"\r\n\r\n")


def test_two_requests_in_a_row_get_their_answers_in_order(base: httpx.URL) -> None:
    one = b"GET /r5/Patient/%b HTTP/1.1\r\nHost: here\r\n%b\r\n"
    with socket.create_connection((base.host, base.port or 80), timeout=5) as wire:
        wire.sendall(one % (b"a", b"") + one % (b"b", b"Connection: close\r\n"))
        got = b"".join(iter(lambda: wire.recv(65536), b""))
    assert [int(found) for found in re.findall(rb"HTTP/1.1 (\d+)", got)] == [200, 404]


def test_a_long_header_is_no_trouble(ask: Ask) -> None:
    assert status(ask(b"GET /r5/Patient/a HTTP/1.1\r\nHost: here\r\nX-A: " + b"a" * 60_000 + b"\r\n\r\n")) == 200


def test_a_websocket_is_refused(ask: Ask) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    answer = ask(b"GET /r5/Patient/a HTTP/1.1\r\nHost: here\r\n" + upgrade + b"Sec-WebSocket-Version: 13\r\n\r\n")
    assert status(answer) in (400, 403, 404, 426)


def test_files_of_the_machine_are_out_of_reach(ask: Ask) -> None:
    for path in (b"/../../etc/passwd", b"/r5/../../etc/passwd", b"/%2e%2e/%2e%2e/etc/passwd", b"/r5/..%2fmetadata"):
        answer = ask(b"GET " + path + b" HTTP/1.1\r\nHost: here\r\n\r\n")
        assert status(answer) in (400, 404), path
