"""Operations as entries of a batch or transaction.

https://hl7.org/fhir/R5/http.html#transaction
"""

from __future__ import annotations

from collections.abc import Iterable

from fhirserver.errors import FhirError
from fhirserver.interactions import operations
from fhirserver.interactions.bundle_entry import Invoke, Part, inside
from fhirserver.interactions.bundle_writes import written
from fhirserver.interactions.operation import Call
from fhirserver.interactions.rewrite import Links, rewrite
from fhirserver.interactions.search import query_params
from fhirserver.interactions.server import Server
from fhirserver.resources import bundle as render
from fhirserver.resources.bundle import status
from fhirserver.store.store import Tx


async def invoke(server: Server, asked: Invoke, within: Tx | None = None, links: Links | None = None) -> render.Entry:
    """The response entry of an operation; its body may link to other entries of the transaction `within`."""
    body = asked.resource
    if body is not None and links:
        body = rewrite(server.release, body, links)
    call = Call(
        asked.method,
        asked.code,
        asked.type,
        asked.id,
        query=tuple(query_params(asked.query)),
        body=body,
        within=within,
    )
    answer = await operations.invoke(server, call)
    if answer.written is not None:
        return written(server, answer.written, bodies=True)
    return render.Entry(body=operations.body(server, answer), response=render.Response(status(200)))


async def invoked(server: Server, parts: Iterable[Part], tx: Tx, links: Links) -> dict[int, render.Entry]:
    """The response entries of all operations among the entries, by entry number, carried out in their order."""
    found = {}
    for asked in parts:
        if isinstance(asked, Invoke):
            try:
                found[asked.at] = await invoke(server, asked, tx, links)
            except FhirError as error:
                raise inside(error, asked.where) from None
    return found
