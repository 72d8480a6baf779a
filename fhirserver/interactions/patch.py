"""patch: a change of the current version, carried out as an update.

https://hl7.org/fhir/R5/http.html#patch, https://hl7.org/fhir/R5/http.html#3.2.0.6.1
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fhirserver import fhirjson
from fhirserver.errors import NotFound, PreconditionFailed
from fhirserver.interactions import conditional, enrol, write
from fhirserver.interactions.apart import apart
from fhirserver.interactions.conditional import Criteria
from fhirserver.interactions.lens import served, taken
from fhirserver.interactions.read import known
from fhirserver.interactions.server import Reader, Server, known_type, present
from fhirserver.interactions.write import Outcome
from fhirserver.patch.formats import Change
from fhirserver.patch.guard import notes
from fhirserver.store.documents import Expected, Version
from fhirserver.store.store import Tx

Find = Callable[[Reader], Awaitable[str]]
"""The id of the resource to patch, as a reader sees it."""


async def patch(server: Server, type_: str, id_: str, change: Change, expected: Expected | None = None) -> Outcome:
    """Patches one resource; NotFound or Gone when it is not there, PreconditionFailed when it is not as expected.

    What others change in between is no reason to refuse: the patch is applied anew to what they made of it.
    """
    known(server, type_, id_)
    if not write.governed(write.Remove(type_, id_)):
        put = await _put(server, await _current(server, server.store, type_, id_), change, expected)
        try:
            return (await write.apply(server, [put]))[0]
        except PreconditionFailed:
            pass  # another client was faster: from here on they wait for each other

    async def find(_: Reader) -> str:
        return id_

    return await _in_turn(server, type_, find, change, expected)


async def patch_matching(
    server: Server, type_: str, query: str, change: Change, expected: Expected | None = None
) -> Outcome:
    """Patches the one resource that matches; NotFound when none does, PreconditionFailed when several do."""
    known_type(server, type_)
    criteria = conditional.criteria(type_, query)

    async def find(reader: Reader) -> str:
        return await _only(server, reader, criteria)

    return await _in_turn(server, type_, find, change, expected)


async def _in_turn(server: Server, type_: str, find: Find, change: Change, expected: Expected | None) -> Outcome:
    """Reads, changes and writes in one transaction; patches of one resource come one after the other."""
    id_ = await find(server.store)
    # What the rules will look at is known once the patch was tried.
    tried = await _put(server, await _current(server, server.store, type_, id_), change, expected)
    locks = sorted({f"{type_}/{id_}", *await write.rule_locks(server, [tried])})

    async def work(tx: Tx) -> Outcome:
        before = await _current(server, tx, type_, await find(tx))
        put = await _put(server, before, change, expected)
        if write.governed(put):
            await tx.lock(sorted(set(enrol.locks(fhirjson.loads(before.body), None)) - set(locks)))
        return (await write.apply_within(server, tx, [put], locks))[0]

    return await server.store.transact(work, locks=locks)


async def _current(server: Server, reader: Reader, type_: str, id_: str) -> Version:
    return present(server, await reader.read(type_, id_), f"{type_}/{id_}")


async def _put(server: Server, version: Version, change: Change, expected: Expected | None) -> write.Put:
    """The patched resource, to be written where the version is still the one it was made of."""
    conditional.require(version, expected)
    before = fhirjson.loads(served(server, version).body)
    after = await apart(before, change, before)
    said = await write.accept(server, version.type, after)
    stored = taken(server, after)
    return write.Put(version.type, version.id, stored, version.version, notes=(*said, *notes(before, after)))


async def _only(server: Server, reader: Reader, criteria: Criteria) -> str:
    found, _ = await conditional.matches(server, reader, [criteria])
    match found[criteria]:
        case [id_]:
            return id_
        case []:
            raise NotFound(f"No {criteria.type} matches the criteria, so there is nothing to patch.", expression="url")
    raise PreconditionFailed(
        f"The criteria match several {criteria.type} resources: make them name one.",
        expression="url",
        code="multiple-matches",
    )
