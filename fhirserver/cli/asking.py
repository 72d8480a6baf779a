"""fhirserver get and explain: one request answered, or a search explained, without a server.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

import msgspec
import typer

from fhirserver import fhirjson
from fhirserver.app import create_app
from fhirserver.cli import common
from fhirserver.cli.common import Database, DataDir, Uri
from fhirserver.interactions.explain import QUERY, SEARCH
from fhirserver.settings import Settings


def get(
    url_path: Annotated[str, typer.Argument(help="Path and query, such as '/r5/ResearchStudy?condition:text=CMV'.")],
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Answer one GET request without a server, and print the body."""
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    status, json, body = _answer(chosen, url_path)
    if json and "_pretty=" not in urlsplit(url_path).query:
        body = msgspec.json.format(body, indent=2)
    sys.stdout.buffer.write(body + b"\n")
    if status >= 400:
        raise typer.Exit(1)


def explain(
    url_path: Annotated[str, typer.Argument(help="Path and query of a search, such as '/r5/Patient?name=eve'.")],
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Explain a search: what it asks of MongoDB, by which indexes, and what is examined for it."""
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    status, json, body = _answer(chosen.model_copy(update={"explain": "all"}), url_path, (b"prefer", b"explain"))
    issues = _issues(fhirjson.loads(body)) if json else []
    told = [issue["diagnostics"] for issue in issues if issue.get("details", {}).get("text") in (SEARCH, QUERY)]
    for issue in issues:
        if issue["diagnostics"] not in told:
            common.complain(issue["severity"], issue["diagnostics"])
    for text in told:
        common.out.print(text, markup=False, soft_wrap=True)
    if not told and status < 400:
        common.complain(url_path, "this is no search: give a path such as /r5/Patient?name=eve")
    if status >= 400 or not told:
        raise typer.Exit(1)


def _issues(answer: fhirjson.Resource) -> list[fhirjson.Resource]:
    """The issues of an OperationOutcome, or of the one in a searchset."""
    found = [answer, *(entry["resource"] for entry in answer.get("entry", ()) if "resource" in entry)]
    return [issue for each in found if each["resourceType"] == "OperationOutcome" for issue in each["issue"]]


def _answer(chosen: Settings, url_path: str, *headers: tuple[bytes, bytes]) -> tuple[int, bool, bytes]:
    """Status, whether it is JSON, and the body of the answer to a GET."""
    with common.database(chosen) as uri:
        return asyncio.run(_called(chosen, uri, url_path, headers))


async def _called(
    chosen: Settings, uri: str, url_path: str, headers: tuple[tuple[bytes, bytes], ...]
) -> tuple[int, bool, bytes]:
    """Calls the application as a web server would."""
    app = create_app(chosen, uri)
    parts = urlsplit(url_path)
    path = unquote(parts.path)
    host = f"{chosen.host}:{chosen.port}".encode()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path if path.startswith("/") else f"/{path}",
        "raw_path": quote(path).encode(),
        # What a person types need not be percent-encoded; what is stays as it is.
        "query_string": quote(parts.query, safe="%/?:@!$&'()*+,;=-._~|").encode(),
        "root_path": "",
        "headers": [(b"accept", b"application/fhir+json"), (b"host", host), *headers],
        "client": ("127.0.0.1", 0),
        "server": (chosen.host, chosen.port),
        "app": app,
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    async with app.router.lifespan_context(app):
        await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    json = b"json" in dict(sent[0]["headers"]).get(b"content-type", b"")
    return sent[0]["status"], json, body
