"""batch and transaction: many interactions in one request, each for itself or all or nothing.

https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver.errors import BadRequest, FhirError, Malformed, NotSupported, TooLarge
from fhirserver.fhirjson import Resource
from fhirserver.interactions import write
from fhirserver.interactions.bundle_entry import Ask, Invoke, Look, Part, part
from fhirserver.interactions.bundle_reads import look, looks
from fhirserver.interactions.bundle_writes import Merge, accept, carry_out
from fhirserver.interactions.server import Server
from fhirserver.resources import bundle as render
from fhirserver.resources.bundle import status
from fhirserver.resources.operation_outcome import outcome


async def process(server: Server, bundle: Resource, *, bodies: bool = False) -> bytes:
    """The response Bundle of a batch or transaction; `bodies` puts written resources into it."""
    return render.render(f"{bundle.get('type')}-response", await responses(server, bundle, bodies=bodies))


async def responses(server: Server, bundle: Resource, *, bodies: bool = False) -> list[render.Entry]:
    """The entries of the response, in the order of the request's."""
    entries = _entries(server, bundle)
    if bundle["type"] == "batch":
        return [await _alone(server, at, entry, bodies) for at, entry in enumerate(entries)]
    return await _together(server, [part(server, at, entry) for at, entry in enumerate(entries)], bodies)


async def transaction(
    server: Server, bundle: Resource, *, keep_ids: bool = False, merge: Merge | None = None
) -> list[write.Outcome]:
    """Carries out a transaction of writes alone.

    `keep_ids` lets a create or conditional update take the id that its resource proposes where nothing has that id
    yet; `merge` says what becomes of a study that is there already.
    """
    parts = [part(server, at, entry) for at, entry in enumerate(_entries(server, bundle))]
    return await perform(server, [asked for asked in parts if isinstance(asked, Ask)], keep_ids=keep_ids, merge=merge)


async def perform(
    server: Server, asks: Sequence[Ask], *, keep_ids: bool = False, merge: Merge | None = None
) -> list[write.Outcome]:
    """Carries out writes that were taken apart, in one transaction; see `transaction`."""
    await accept(server, asks)
    outcomes, _ = await carry_out(server, asks, keep_ids, merge)
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
        match part(server, at, entry):
            case Look() as asked:
                return await look(server, asked)
            case Invoke() as asked:
                return await _invoked(server, asked)
            case Ask() as asked:
                return (await _together(server, [asked], bodies))[0]
    except FhirError as error:
        return render.Entry(response=render.Response(status(error.status), outcome=outcome(error.issues)))


async def _invoked(server: Server, asked: Invoke) -> render.Entry:
    raise NotSupported(f"${asked.code} inside a Bundle is not done here.", expression=asked.where)


async def _together(server: Server, parts: Sequence[Part], bodies: bool) -> list[render.Entry]:
    """All entries in one MongoDB transaction; reads come last in it, and one that fails undoes it all."""
    for asked in parts:
        if isinstance(asked, Invoke):
            raise NotSupported(
                f"The operation ${asked.code} cannot be part of a transaction: send it alone, or in a batch.",
                expression=f"{asked.where}.request.url",
            )
    asks = [asked for asked in parts if isinstance(asked, Ask)]
    if not asks:
        found = await looks(server, parts, None)
        return [found[asked.at] for asked in parts]
    await accept(server, asks)

    outcomes, found = await carry_out(server, asks, looks=parts)
    return [
        written(server, outcomes[asked.at], bodies) if isinstance(asked, Ask) else found[asked.at] for asked in parts
    ]


def written(server: Server, result: write.Outcome, bodies: bool) -> render.Entry:
    """The response entry of a write."""
    version = result.version
    notes = outcome(result.warnings) if result.warnings else None
    if version is None or version.gone:
        return render.Entry(
            response=render.Response(status(204), etag=version.version if version else None, outcome=notes)
        )
    return render.Entry(
        full_url=server.url(version.type, version.id),
        body=version.body if bodies else None,
        response=render.Response(
            status(201 if result.created else 200),
            f"{version.type}/{version.id}/_history/{version.version}",
            version.version,
            version.at,
            notes,
        ),
    )
