"""The writes of a batch entry or a transaction, carried out in one MongoDB transaction.

https://hl7.org/fhir/R5/http.html#trules: deletions first, then creates, then updates and patches, then reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from msgspec import structs

from fhirserver.errors import BadRequest, FhirError, Issue
from fhirserver.fhirjson import Resource
from fhirserver.interactions import profiles, write
from fhirserver.interactions.bundle_entry import Ask, inside
from fhirserver.interactions.bundle_parts import entries_of, part
from fhirserver.interactions.bundle_places import Kept, Same, Several, Target, resolve
from fhirserver.interactions.bundle_steps import Merge, merged, steps_of
from fhirserver.interactions.lens import served, taken
from fhirserver.interactions.rewrite import Links, conditional_references, rewriting
from fhirserver.interactions.server import Server
from fhirserver.resources import bundle as render
from fhirserver.resources.bundle import status
from fhirserver.resources.operation_outcome import outcome
from fhirserver.store.documents import Create
from fhirserver.store.store import Tx

After = Callable[[Tx, Links], Awaitable[dict[int, render.Entry]]]
"""The rest of a transaction, which sees its writes."""

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2}


async def transaction(
    server: Server, bundle: Resource, *, keep_ids: bool = False, merge: Merge | None = None
) -> list[write.Outcome]:
    """Carries out a transaction of writes alone.

    `keep_ids` lets a create or conditional update take the id that its resource proposes where nothing has that id
    yet; `merge` says what becomes of a study that is there already.
    """
    parts = [part(server, at, entry) for at, entry in enumerate(entries_of(server, bundle))]
    return await perform(server, [asked for asked in parts if isinstance(asked, Ask)], keep_ids=keep_ids, merge=merge)


async def perform(
    server: Server, asks: Sequence[Ask], *, keep_ids: bool = False, merge: Merge | None = None
) -> list[write.Outcome]:
    """Carries out writes that were taken apart, in one transaction; see `transaction`."""
    asks = await accept(server, asks)
    outcomes, _ = await carry_out(server, asks, keep_ids, merge)
    return [outcomes[asked.at] for asked in asks]


async def accept(server: Server, asks: Sequence[Ask]) -> list[Ask]:
    """Refuses entries whose resources are not valid; the others, with what is to be said of them.

    Definitions of the Bundle count already: what claims a profile may come together with it.
    """
    beside = profiles.beside(server.release, [asked.resource for asked in asks if asked.resource])
    accepted: list[Ask] = []
    for number, asked in enumerate(asks, 1):
        notes: tuple[Issue, ...] = ()
        if asked.resource is not None:
            try:
                notes = await write.accept(server, asked.type, asked.resource, beside)
                if asked.method == "PUT" and asked.id is not None:
                    write.named(asked.type, asked.id, asked.resource)
            except FhirError as error:
                raise inside(error, asked.where) from None
            if number % 20 == 0:
                # A large Bundle takes seconds to check: others are served in between.
                await asyncio.sleep(0)
            resource = taken(server, asked.resource)
            if notes or resource is not asked.resource:
                asked = structs.replace(asked, resource=resource, notes=notes)
        accepted.append(asked)
    return accepted


async def carry_out(
    server: Server,
    asks: Sequence[Ask],
    keep_ids: bool = False,
    merge: Merge | None = None,
    after: After | None = None,
) -> tuple[dict[int, write.Outcome], dict[int, render.Entry]]:
    """What became of the writes, and what `after` gave once they were done, by entry number."""
    asks = sorted(asks, key=lambda asked: _ORDER[asked.method])
    linked: dict[str, int] = {}
    for asked in asks:
        if asked.resource is not None:
            for link in conditional_references(server.form(asked.type), asked.resource):
                linked.setdefault(link, asked.at)
    _distinct(asks)
    if after is None and not keep_ids and not linked and all(_is_new(server, asked) for asked in asks):
        return await _create(server, asks), {}
    locks = await _rule_locks(server, asks)

    async def work(tx: Tx) -> tuple[dict[int, write.Outcome], dict[int, render.Entry]]:
        places = await resolve(server, tx, asks, linked, keep_ids)
        steps = await steps_of(server, tx, asks, places)
        if merge is not None:
            steps = await merged(tx, steps, merge)
        results = await write.apply_within(server, tx, [step.operation for step in steps], locks)
        outcomes: dict[int, write.Outcome] = {}
        for step, result in zip(steps, results, strict=True):
            outcomes[step.at] = result
        for asked in asks:
            match places.by_entry[asked.at]:
                case Kept(version):
                    outcomes[asked.at] = write.Outcome(version, changed=False)
                case Same(at):
                    outcomes[asked.at] = structs.replace(outcomes[at], created=False, changed=False)
                case Several(ids):
                    outcomes[asked.at] = _deleted(asked, len(ids))
                case Target():
                    pass
        return outcomes, await after(tx, places.links) if after else {}

    return await server.store.transact(work, locks=locks)


def _distinct(asks: Sequence[Ask]) -> None:
    """Refuses two entries of one fullUrl: what links to it could mean either."""
    seen: dict[str, Ask] = {}
    for asked in asks:
        if asked.full_url is not None and seen.setdefault(asked.full_url, asked) is not asked:
            raise BadRequest(
                f"Two entries have the fullUrl '{asked.full_url[:200]}': give each its own.",
                expression=(f"{seen[asked.full_url].where}.fullUrl", f"{asked.where}.fullUrl"),
                code="duplicate",
            )


def _is_new(server: Server, asked: Ask) -> bool:
    """Whether an entry creates something that no condition and no rule watches."""
    return asked.method == "POST" and asked.criteria is None and not write.watched(server, _put(asked))


def _put(asked: Ask) -> write.Put:
    return write.Put(asked.type, asked.fresh, asked.resource or {}, create_only=True)


async def _create(server: Server, asks: Sequence[Ask]) -> dict[int, write.Outcome]:
    """Creates that depend on nothing that is stored."""
    links = {one.full_url: f"{one.type}/{one.fresh}" for one in asks if one.full_url is not None}
    rewrite = rewriting(links)
    creates = []
    for asked in asks:
        form = server.form(asked.type)
        resource = rewrite(form, asked.resource or {})
        creates.append(Create(resource, asked.type, asked.fresh, form, partial(write.index, server)))
    written = await server.store.create_many(creates)
    return {
        one.at: write.Outcome(each.version, each.created, each.changed, one.notes)
        for one, each in zip(asks, written, strict=True)
    }


def _deleted(asked: Ask, number: int) -> write.Outcome:
    said = Issue("information", "informational", f"{number} {asked.type} resources matched and were deleted.")
    return write.Outcome(None, changed=True, warnings=(said,))


async def _rule_locks(server: Server, asks: Sequence[Ask]) -> list[str]:
    """Locks of the research rules, as far as they are known before conditions are resolved."""
    operations: list[write.Operation] = []
    for asked in asks:
        if asked.resource is not None:
            operations.append(write.Put(asked.type, asked.id or asked.fresh, asked.resource))
        elif asked.id is not None:
            operations.append(write.Remove(asked.type, asked.id))
    return await write.rule_locks(server, operations)


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
        body=served(server, version).body if bodies else None,
        response=render.Response(
            status(201 if result.created else 200),
            f"{version.type}/{version.id}/_history/{version.version}",
            version.version,
            version.at,
            notes,
        ),
    )
