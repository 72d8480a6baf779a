"""Conditional references of a transaction: found in the store and among what the transaction itself writes.

https://hl7.org/fhir/R5/http.html#trules
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fhirserver.interactions import conditional
from fhirserver.interactions.bundle_entry import Ask
from fhirserver.interactions.conditional import Criteria
from fhirserver.interactions.rewrite import Links, rewrite
from fhirserver.interactions.server import Server
from fhirserver.search.match import matches
from fhirserver.store.store import Tx


async def referents(
    server: Server,
    tx: Tx,
    criteria: Criteria,
    stored: Sequence[str],
    written: Mapping[str, Ask | None],
    links: Links,
) -> list[str]:
    """The ids that a conditional reference matches once the transaction is done, two at most.

    `stored` are ids that match in the store, two at most; `written` is what the transaction writes of that type, None
    for a deletion. What a patch makes of a resource is not looked into: it matches as it is stored.
    """
    replaced = {id_ for id_, asked in written.items() if asked is None or asked.resource is not None}
    if not replaced:
        return list(stored)
    node = await conditional.condition(server, tx, criteria)
    if len(stored) > 1 and replaced & set(stored):
        # Others may match beside the two that were looked for.
        found = await tx.ids(criteria.type, conditional.filter_of(server, node), 2 + len(replaced))
    else:
        found = list(stored)
    left = [id_ for id_ in found if id_ not in replaced]
    for id_, asked in written.items():
        if asked is not None and asked.resource is not None:
            resource = rewrite(server.form(asked.type), asked.resource, links) | {"id": id_}
            if matches(node, resource, server.release):
                left.append(id_)
    return left[:2]
