"""SearchParameters that are written: one that is active is compiled first, and is in force with the write itself.

https://hl7.org/fhir/R5/searchparameter.html. Active is in use; draft, retired and unknown are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fhirserver import fhirjson
from fhirserver.errors import Conflict, Issue, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.interactions.in_force import definitions, known
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import Release
from fhirserver.search.defined import TYPE, Compiled, Definition, active, compiled, flaws, slim, standard
from fhirserver.search.mongo import to_mongo
from fhirserver.search.parse import parse
from fhirserver.store.store import Tx

LOCK = "search-parameters"
"""What every transaction locks that writes one."""

ADOPTED = "search-parameters/adopted"
_MOST = 100_000
_PAGE = 200


def defines(type_: str) -> bool:
    """Whether resources of this type define search parameters."""
    return type_ == TYPE


def accept(server: Server, resource: Resource) -> None:
    """Refuses an active SearchParameter that nothing could make usable, before anything is written with it."""
    if active(resource) and (issues := flaws(server.release, resource)):
        raise Unprocessable(issues)


async def follow(server: Server, tx: Tx, written: Mapping[str, Resource | None]) -> None:
    """Takes SearchParameters into use that were written in `tx`, by their ids; None for one that was deleted.

    Unprocessable when one cannot be used, Conflict when another in use would no longer be.
    """
    if not written:
        return
    changes = {id_: _used(server.release, each) for id_, each in written.items()}
    there = {each.id: each for each in await registered(server.release, tx)}
    if all(change == (there[id_].resource if id_ in there else None) for id_, change in changes.items()):
        return
    latest = 1 + max((each.number for each in there.values()), default=0)
    after = {id_: each for id_, each in there.items() if id_ not in changes}
    after |= {id_: Definition(id_, latest, change) for id_, change in changes.items() if change is not None}
    before, then = await asyncio.to_thread(_both, server.release, list(there.values()), list(after.values()))
    _refuse(before, then, changes)
    await tx.parameters.register(server.release, changes)
    known(server.store).expect()


def _used(release: Release, resource: Resource | None) -> Resource | None:
    """What of a SearchParameter is registered; nothing of what is not in use, or is in the release already."""
    if resource is None or not active(resource) or standard(release, resource):
        return None
    return slim(resource)


async def registered(release: Release, tx: Tx) -> list[Definition]:
    """The definitions in use."""
    snapshot = await tx.parameters.load()
    return definitions(each for each in snapshot.definitions if each.release == release)


def _both(release: Release, before: Sequence[Definition], after: Sequence[Definition]) -> tuple[Compiled, Compiled]:
    return compiled(release, before), compiled(release, after)


def _refuse(before: Compiled, after: Compiled, changes: Mapping[str, Resource | None]) -> None:
    issues: list[Issue] = []
    for id_, change in changes.items():
        if change is not None and id_ in after.wrong:
            of = f"{change.get('url')}: " if len(changes) > 1 else ""
            issues += [replace(each, diagnostics=of + each.diagnostics) for each in after.wrong[id_]]
    if issues:
        raise Unprocessable(issues)
    broken = sorted(after.wrong.keys() - before.wrong.keys())
    if broken:
        raise Conflict(
            f"{TYPE}/{broken[0]} is composed of what this would change: retire or change that first, or both in one "
            "transaction.",
            expression=TYPE,
        )


async def adopt(server: Server) -> None:
    """Takes into use what is stored and active, whoever stored it: once, in a database that older versions wrote."""
    if TYPE not in await server.store.types() or await server.store.marked(f"{ADOPTED}/{server.release}"):
        return
    await take_over(server)
    await server.store.mark(f"{ADOPTED}/{server.release}")


async def take_over(server: Server) -> None:
    """Registers what the stored SearchParameters say, no more and no less; those that cannot be used are found out."""

    async def work(tx: Tx) -> None:
        stored = await _active(server, tx)
        changes: dict[str, Resource | None] = {each.id: None for each in await registered(server.release, tx)}
        changes |= {id_: _used(server.release, resource) for id_, resource in stored.items()}
        await tx.parameters.register(server.release, changes)

    await server.store.transact(work, locks=[LOCK])
    known(server.store).expect()


async def _active(server: Server, tx: Tx) -> dict[str, Resource]:
    found: dict[str, Resource] = {}
    asked = parse(server.release, TYPE, [("status", "active")], strict=True)
    where = to_mongo(asked.filter, server.release)
    ids = sorted(await tx.ids(TYPE, where, _MOST))
    for start in range(0, len(ids), _PAGE):
        versions = await tx.read_many([(TYPE, id_) for id_ in ids[start : start + _PAGE]])
        found |= {version.id: fhirjson.loads(version.body) for version in versions.values()}
    return found
