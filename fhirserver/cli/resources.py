"""fhirserver load, get and reindex: FHIR resources into the store, one request answered, indexes built anew."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from fhirserver import fhirjson
from fhirserver.app import create_app
from fhirserver.cli import common
from fhirserver.cli.common import Database, DataDir, Paths, Uri
from fhirserver.errors import FhirError
from fhirserver.fhirjson import Resource
from fhirserver.interactions import bundle, write
from fhirserver.interactions.server import Server

TOGETHER = 250
"""Resources of an NDJSON file that go into one transaction."""


def load(
    paths: Paths,
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Store FHIR R5 resources: Bundles, NDJSON or single resources, from files or folders."""
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    found = common.files(paths, (".json", ".ndjson"))
    if common.with_server(chosen, lambda server: _load_all(server, found)):
        raise typer.Exit(1)


async def _load_all(server: Server, paths: list[Path]) -> int:
    failed = stored = 0
    with common.progress("loading", len(paths)) as advance:
        for path in paths:
            for resources in _groups(path):
                try:
                    stored += await _store(server, resources)
                except FhirError as error:
                    failed += 1
                    common.complain(path, error)
            advance()
    common.out.print(f"{stored} resources loaded from {len(paths)} files, {failed} failures.")
    return failed


def _groups(path: Path) -> Iterator[list[bytes]]:
    """The resources of a file, as JSON, in groups that are stored together."""
    if path.suffix.lower() != ".ndjson":
        yield [path.read_bytes()]
        return
    group: list[bytes] = []
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                group.append(line)
            if len(group) == TOGETHER:
                yield group
                group = []
    if group:
        yield group


async def _store(server: Server, group: list[bytes]) -> int:
    resources = [fhirjson.loads_resource(data) for data in group]
    if len(resources) == 1 and resources[0]["resourceType"] == "Bundle":
        content = resources[0]
        if content.get("type") in ("transaction", "batch"):
            entries = await bundle.responses(server, content)
            refused = [entry.response for entry in entries if entry.response and entry.response.status >= "400"]
            for response in refused:
                common.complain(response.status, _said(response.outcome))
            if refused:
                raise FhirError(f"{len(refused)} of {len(entries)} entries were refused.")
            return len(entries)
        if content.get("type") == "collection":
            resources = [entry["resource"] for entry in content.get("entry", []) if "resource" in entry]
    operations: list[write.Operation] = []
    for resource in resources:
        await write.accept(server, resource["resourceType"], resource)
        given = resource.get("id")
        operations.append(write.Put(resource["resourceType"], given or write.new_id(), resource, create_only=not given))
    stored = 0
    for start in range(0, len(operations), TOGETHER):
        stored += len(await write.apply(server, operations[start : start + TOGETHER]))
    return stored


def _said(outcome: Resource | None) -> str:
    issues = (outcome or {}).get("issue", [])
    return "; ".join(f"{' '.join(issue.get('expression', []))} {issue['diagnostics']}".strip() for issue in issues)


def get(
    url_path: Annotated[str, typer.Argument(help="Path and query, such as '/r5/ResearchStudy?condition:text=CMV'.")],
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Answer one GET request without a server, and print the body."""
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    with common.database(chosen) as uri:
        status, body = asyncio.run(_answer(chosen, uri, url_path))
    sys.stdout.buffer.write(body + b"\n")
    if status >= 400:
        raise typer.Exit(1)


async def _answer(chosen: Any, uri: str, url_path: str) -> tuple[int, bytes]:
    """Calls the application as a web server would: https://asgi.readthedocs.io/en/latest/specs/www.html"""
    app = create_app(chosen, uri)
    path, _, query = url_path.partition("?")
    joined = "&".join(part for part in (query, "_pretty=true") if part) if "_pretty" not in query else query
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path if path.startswith("/") else f"/{path}",
        "raw_path": path.encode(),
        "query_string": joined.encode(),
        "root_path": "",
        "headers": [(b"accept", b"application/fhir+json"), (b"host", f"{chosen.host}:{chosen.port}".encode())],
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
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


def reindex(
    mongodb_uri: Uri = None,
    database: Database = None,
    data_dir: DataDir = None,
) -> None:
    """Build the search terms of every stored resource anew, after an upgrade of the server."""
    chosen = common.settings(mongodb_uri=mongodb_uri, database=database, data_dir=data_dir)
    count = common.with_server(chosen, lambda server: _reindex(server))
    common.out.print(f"{count} resources indexed anew.")


async def _reindex(server: Server) -> int:
    total = 0
    for type_ in await server.store.types():
        with common.progress(type_, await server.store.count(type_, {}, cap=None)) as advance:

            def entry(resource: Resource, advance: Any = advance) -> Any:
                advance()
                return write.index(server, resource)

            total += await server.store.reindex(type_, entry)
    return total
