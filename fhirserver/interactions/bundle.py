"""batch and transaction: many interactions in one request, each for itself or all or nothing.

https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhirserver.errors import FhirError
from fhirserver.fhirjson import Resource
from fhirserver.interactions.bundle_entry import Ask, Invoke, Look, Part
from fhirserver.interactions.bundle_operations import invoke, invoked
from fhirserver.interactions.bundle_parts import entries_of, part
from fhirserver.interactions.bundle_reads import look, looks
from fhirserver.interactions.bundle_writes import accept, carry_out, written
from fhirserver.interactions.rewrite import Links
from fhirserver.interactions.server import Server
from fhirserver.resources import bundle as render
from fhirserver.resources.bundle import status
from fhirserver.resources.operation_outcome import outcome
from fhirserver.store.store import Tx


async def process(server: Server, bundle: Resource, *, bodies: bool = False) -> bytes:
    """The response Bundle of a batch or transaction; `bodies` puts written resources into it."""
    return render.render(f"{bundle.get('type')}-response", await responses(server, bundle, bodies=bodies))


async def responses(server: Server, bundle: Resource, *, bodies: bool = False) -> list[render.Entry]:
    """The entries of the response, in the order of the request's."""
    entries = entries_of(server, bundle)
    if bundle["type"] == "batch":
        return [await _alone(server, at, entry, bodies) for at, entry in enumerate(entries)]
    return await _together(server, [part(server, at, entry) for at, entry in enumerate(entries)], bodies)


async def _alone(server: Server, at: int, entry: Any, bodies: bool) -> render.Entry:
    """One entry of a batch; its refusal is its own answer."""
    try:
        match part(server, at, entry):
            case Look() as asked:
                return await look(server, asked)
            case Invoke() as asked:
                return await invoke(server, asked)
            case Ask() as asked:
                return (await _together(server, [asked], bodies))[0]
    except FhirError as error:
        return render.Entry(response=render.Response(status(error.status), outcome=outcome(error.issues)))


async def _together(server: Server, parts: Sequence[Part], bodies: bool) -> list[render.Entry]:
    """All entries in one MongoDB transaction; operations and reads come last, and one that fails undoes it all."""
    await server.store.turn()
    asks = [asked for asked in parts if isinstance(asked, Ask)]
    if all(isinstance(asked, Look) for asked in parts):
        found = await looks(server, parts, None)
        return [found[asked.at] for asked in parts]
    asks = await accept(server, asks)

    async def after(tx: Tx, links: Links) -> dict[int, render.Entry]:
        return await invoked(server, parts, tx, links) | await looks(server, parts, tx)

    outcomes, found = await carry_out(server, asks, after=after if len(asks) < len(parts) else None)
    return [
        written(server, outcomes[asked.at], bodies) if isinstance(asked, Ask) else found[asked.at] for asked in parts
    ]
