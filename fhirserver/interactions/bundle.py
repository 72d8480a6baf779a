"""batch and transaction: many interactions in one request, each for itself or all or nothing.

https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from http import HTTPStatus
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, FhirError, Malformed, TooLarge
from fhirserver.fhirjson import Resource
from fhirserver.interactions import search, write
from fhirserver.interactions.bundle_entry import Ask, ask, inside
from fhirserver.interactions.bundle_places import Kept, resolve
from fhirserver.interactions.read import read, vread
from fhirserver.interactions.rewrite import conditional_references, rewrite
from fhirserver.interactions.server import Reader, Server
from fhirserver.resources import bundle as render
from fhirserver.resources.operation_outcome import outcome
from fhirserver.store.store import Tx

Merge = Callable[[Resource, Resource], Resource]
"""What is written of a study, given what is there and what was sent."""

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2}


async def process(server: Server, bundle: Resource, *, bodies: bool = False) -> bytes:
    """The response Bundle of a batch or transaction; `bodies` puts written resources into it."""
    return render.render(f"{bundle.get('type')}-response", await responses(server, bundle, bodies=bodies))


async def responses(server: Server, bundle: Resource, *, bodies: bool = False) -> list[render.Entry]:
    """The entries of the response, in the order of the request's."""
    entries = _entries(server, bundle)
    if bundle["type"] == "batch":
        return [await _alone(server, at, entry, bodies) for at, entry in enumerate(entries)]
    return await _together(server, [ask(server, at, entry) for at, entry in enumerate(entries)], bodies)


async def transaction(
    server: Server, bundle: Resource, *, keep_ids: bool = False, merge: Merge | None = None
) -> list[write.Outcome]:
    """Carries out a transaction of writes alone.

    `keep_ids` lets a create or conditional update take the id that its resource proposes where nothing has that id
    yet; `merge` says what becomes of a study that is there already.
    """
    asks = [ask(server, at, entry) for at, entry in enumerate(_entries(server, bundle))]
    return await perform(server, asks, keep_ids=keep_ids, merge=merge)


async def perform(
    server: Server, asks: Sequence[Ask], *, keep_ids: bool = False, merge: Merge | None = None
) -> list[write.Outcome]:
    """Carries out writes that were taken apart, in one transaction; see `transaction`."""
    await _accept(server, asks)
    outcomes, _ = await _carry_out(server, asks, keep_ids, merge)
    return [outcomes[asked.at] for asked in asks]


def _entries(server: Server, bundle: Resource) -> list[Any]:
    if bundle.get("resourceType") != "Bundle" or bundle.get("type") not in ("batch", "transaction"):
        raise BadRequest(
            "This address takes a Bundle of type 'batch' or 'transaction': send a single resource to its own type.",
            expression="Bundle.type",
        )
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        raise Malformed("Bundle.entry is an array.", expression="Bundle.entry")
    most = server.settings.max_bundle_entries
    if len(entries) > most:
        raise TooLarge(
            f"The Bundle has {len(entries)} entries, this server takes {most}: split it, or raise the setting "
            "max_bundle_entries.",
            expression="Bundle.entry",
        )
    return entries


async def _alone(server: Server, at: int, entry: Any, bodies: bool) -> render.Entry:
    """One entry of a batch; its refusal is its own answer."""
    try:
        asked = ask(server, at, entry)
        if asked.method == "GET":
            return await _get(server, asked)
        return (await _together(server, [asked], bodies))[0]
    except FhirError as error:
        return _refused(error)


def _refused(error: FhirError) -> render.Entry:
    return render.Entry(response=render.Response(_status(error.status), outcome=outcome(error.issues)))


@cache
def _status(code: int) -> str:
    return f"{code} {HTTPStatus(code).phrase}"


async def _get(server: Server, asked: Ask, within: Reader | None = None) -> render.Entry:
    if asked.id is None:
        params = search.query_params(asked.query)
        body = await search.searchset(server, asked.type, params, strict=False, within=within)
        return render.Entry(body=body, response=render.Response(_status(200)))
    if asked.version is None:
        version = await read(server, asked.type, asked.id, within=within)
    else:
        version = await vread(server, asked.type, asked.id, asked.version, within=within)
    return render.Entry(
        full_url=server.url(version.type, version.id),
        body=version.body,
        response=render.Response(_status(200), etag=version.version, modified=version.at),
    )


async def _accept(server: Server, asks: Sequence[Ask]) -> None:
    for number, asked in enumerate(asks, 1):
        if asked.resource is not None:
            try:
                await write.accept(server, asked.type, asked.resource)
                if asked.method == "PUT" and asked.id is not None:
                    write.named(asked.type, asked.id, asked.resource)
            except FhirError as error:
                raise inside(error, asked.where) from None
            if number % 20 == 0:
                # A large Bundle takes seconds to check: others are served in between.
                await asyncio.sleep(0)


async def _together(server: Server, asks: Sequence[Ask], bodies: bool) -> list[render.Entry]:
    """All entries in one MongoDB transaction; reads come last in it, and one that fails undoes it all."""
    await _accept(server, asks)
    if all(asked.method == "GET" for asked in asks):
        found = await _gets(server, asks, None)
        return [found[asked.at] for asked in asks]
    outcomes, found = await _carry_out(server, asks)
    return [found[asked.at] if asked.method == "GET" else written(server, outcomes[asked.at], bodies) for asked in asks]


async def _gets(server: Server, asks: Sequence[Ask], within: Reader | None) -> dict[int, render.Entry]:
    found = {}
    for asked in asks:
        if asked.method == "GET":
            try:
                found[asked.at] = await _get(server, asked, within)
            except FhirError as error:
                raise inside(error, asked.where) from None
    return found


def written(server: Server, result: write.Outcome, bodies: bool) -> render.Entry:
    """The response entry of a write."""
    version = result.version
    notes = outcome(result.warnings) if result.warnings else None
    if version is None or version.gone:
        return render.Entry(
            response=render.Response(_status(204), etag=version.version if version else None, outcome=notes)
        )
    place = server.url(version.type, version.id)
    return render.Entry(
        full_url=place,
        body=version.body if bodies else None,
        response=render.Response(
            _status(201 if result.created else 200),
            f"{version.type}/{version.id}/_history/{version.version}",
            version.version,
            version.at,
            notes,
        ),
    )


async def _carry_out(
    server: Server, every: Sequence[Ask], keep_ids: bool = False, merge: Merge | None = None
) -> tuple[dict[int, write.Outcome], dict[int, render.Entry]]:
    """What became of the writes, and what the reads found after them, by entry number."""
    asks = sorted((asked for asked in every if asked.method != "GET"), key=lambda asked: _ORDER[asked.method])
    linked = set()
    for asked in asks:
        if asked.resource is not None:
            linked |= conditional_references(server.release, asked.resource)
    locks = await _rule_locks(server, asks)

    async def work(tx: Tx) -> tuple[dict[int, write.Outcome], dict[int, render.Entry]]:
        places = await resolve(server, tx, asks, linked, keep_ids)
        operations: dict[int, write.Operation] = {}
        outcomes: dict[int, write.Outcome] = {}
        for asked in asks:
            place = places.by_entry[asked.at]
            if isinstance(place, Kept):
                outcomes[asked.at] = write.Outcome(place.version, changed=False)
            elif asked.resource is None:
                operations[asked.at] = write.Remove(asked.type, place.id, asked.expected)
            else:
                resource = rewrite(server.release, asked.resource, places.links)
                operations[asked.at] = write.Put(asked.type, place.id, resource, asked.expected, place.fresh)
        _once(operations)
        if merge is not None:
            await _merge(tx, operations, merge)
        results = await write.apply_within(server, tx, list(operations.values()), locks)
        outcomes |= zip(operations, results, strict=True)
        return outcomes, await _gets(server, every, tx)

    return await server.store.transact(work, locks=locks)


async def _merge(tx: Tx, operations: dict[int, write.Operation], merge: Merge) -> None:
    """Lets `merge` decide on every study that is there already."""
    puts = {
        at: put
        for at, put in operations.items()
        if isinstance(put, write.Put) and put.type == "ResearchStudy" and not put.create_only
    }
    there = await tx.read_many([(put.type, put.id) for put in puts.values()])
    for at, put in puts.items():
        before = there.get((put.type, put.id))
        if before is not None:
            operations[at] = replace(put, resource=merge(fhirjson.loads(before.body), put.resource))


async def _rule_locks(server: Server, asks: Sequence[Ask]) -> list[str]:
    """Locks of the research rules, as far as they are known before conditions are resolved."""
    operations: list[write.Operation] = []
    for asked in asks:
        if asked.resource is not None:
            operations.append(write.Put(asked.type, asked.id or asked.fresh, asked.resource))
        elif asked.id is not None:
            operations.append(write.Remove(asked.type, asked.id))
    return await write.rule_locks(server, operations)


def _once(operations: Mapping[int, write.Operation]) -> None:
    """A transaction names each resource once."""
    seen: dict[tuple[str, str], int] = {}
    for at, operation in operations.items():
        key = (operation.type, operation.id)
        if key in seen:
            raise BadRequest(
                f"{operation.type}/{operation.id} is written by two entries: name it once in a transaction.",
                expression=(f"Bundle.entry[{seen[key]}]", f"Bundle.entry[{at}]"),
                code="duplicate",
            )
        seen[key] = at
