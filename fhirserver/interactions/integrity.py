"""Referential integrity: what is referred to is not deleted, and what is written refers to what is there.

https://hl7.org/fhir/R5/http.html#delete. By the setting `referential_integrity` it holds for enrolments (references
of a ResearchSubject), for all resources, or for none. A deletion and a write that refers to the same resource lock one
key, so that of two that race one sees the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from fhirserver import fhirjson
from fhirserver.errors import Conflict, Issue, Unprocessable
from fhirserver.fhirjson import Resource
from fhirserver.interactions.server import Server
from fhirserver.resources.registry import RELEASES, Release, has_lens, place, stored_release, structure
from fhirserver.search.indexing import LIVE, REFERS, TRACED, references
from fhirserver.settings import Settings
from fhirserver.store.store import Tx

_SHOWN = 5
"""Referrers that a refusal names."""

Key = tuple[str, str]
"""Type and id."""


def lock(key: Key) -> str:
    """What the deletion of a resource and the writes that refer to it both lock."""
    return f"refer/{key[0]}/{key[1]}"


def watches_writes(settings: Settings, type_: str) -> bool:
    """Whether the references of this type are watched."""
    return settings.referential_integrity == "all" or (
        settings.referential_integrity == "enrolment" and type_ in TRACED
    )


def watches_deletions(settings: Settings, release: Release, type_: str) -> bool:
    """Whether something that is watched may refer to this type."""
    match settings.referential_integrity:
        case "none":
            return False
        case "all":
            return True
        case "enrolment":
            return type_ in _referable(release)


@cache
def _referable(release: Release) -> frozenset[str]:
    """The types that an enrolment may refer to."""
    found: set[str] = set()
    for type_ in TRACED:
        shape = structure(stored_release(release, type_), type_)
        for element in shape.elements.values() if shape else ():
            found |= element.targets
    return frozenset(found)


def local_references(server: Server, resource: Resource) -> dict[Key, str]:
    """The resources of this server that a resource refers to, with the reference as it stands there."""
    found: dict[Key, str] = {}
    own = (None, *(f"{base}/" for base in server.bases))
    for text in references(resource):
        literal = fhirjson.literal(text)
        if literal is not None and literal.base in own:
            found[literal.type, literal.id] = text
    return found


def locks(server: Server, removed: Iterable[Key], written: Iterable[Resource]) -> list[str]:
    """Keys to lock for these deletions and writes."""
    keys = [lock(key) for key in removed if watches_deletions(server.settings, server.release, key[0])]
    for resource in written:
        if watches_writes(server.settings, resource["resourceType"]):
            keys += [lock(key) for key in local_references(server, resource)]
    return sorted(set(keys))


async def check(server: Server, tx: Tx, removed: Sequence[Key], written: Sequence[Resource]) -> None:
    """Conflict when something refers to what was deleted in `tx`, Unprocessable when a reference leads nowhere."""
    watched = [key for key in removed if watches_deletions(server.settings, server.release, key[0])]
    if watched:
        await _unreferred(server, tx, watched)
    await _lead_somewhere(
        server, tx, [each for each in written if watches_writes(server.settings, each["resourceType"])]
    )


async def _unreferred(server: Server, tx: Tx, removed: Sequence[Key]) -> None:
    bases = ("", *(f"{base}/" for base in server.bases))
    whole = server.settings.referential_integrity == "all"
    referrers: list[str] = []
    for release, type_ in await _referring(server) if whole else [(server.release, type_) for type_ in sorted(TRACED)]:
        # What one release stores for itself refers to what that release sees.
        seen = [key for key in removed if place(release, key[0]) == place(server.release, key[0])]
        forms = [f"{REFERS}{base}{key[0]}/{key[1]}" for key in seen for base in bases]
        found = await tx.seen_in(release).ids(type_, {"t": {"$in": forms}}, _SHOWN + 1 - len(referrers))
        referrers += [f"{type_}/{id_}" + _of(server, release) for id_ in found]
        if len(referrers) > _SHOWN:
            break
    if whole:
        for type_, id_ in removed:
            referrers += [f"Group/{group}" for group in await tx.groups_of(f"{type_}/{id_}", _SHOWN)]
    if referrers:
        listed = ", ".join(referrers[:_SHOWN]) + (" and others" if len(referrers) > _SHOWN else "")
        names = ", ".join(f"{type_}/{id_}" for type_, id_ in removed[:_SHOWN])
        raise Conflict(
            f"{listed} refer to what would be deleted ({names}): delete those first, or together in one transaction.",
            details="referred-to",
        )


async def _referring(server: Server) -> list[tuple[Release, str]]:
    """Every place where resources are stored, once: a type, and a release that sees it there."""
    found = [(server.release, type_) for type_ in await server.store.types()]
    for release in RELEASES:
        if release != server.release:
            types = await server.store.seen_in(release).types()
            found += [(release, type_) for type_ in types if not has_lens(type_)]
    return found


def _of(server: Server, release: Release) -> str:
    return "" if release == server.release else f" ({release})"


async def _lead_somewhere(server: Server, tx: Tx, resources: Sequence[Resource]) -> None:
    wanted = [local_references(server, resource) for resource in resources]
    by_type: dict[str, dict[str, None]] = {}
    for references_ in wanted:
        for type_, id_ in references_:
            by_type.setdefault(type_, {})[id_] = None
    there: set[Key] = set()
    for type_, ids in by_type.items():
        found = await tx.ids(type_, {"_id": {"$in": list(ids)}, "t": LIVE}, len(ids))
        there.update((type_, id_) for id_ in found)
    for resource, references_ in zip(resources, wanted, strict=True):
        _all_there(resource, [text for key, text in references_.items() if key not in there])


def _all_there(resource: Resource, missing: Sequence[str]) -> None:
    if missing:
        kind = resource["resourceType"]
        raise Unprocessable(
            [
                Issue(
                    "error",
                    "not-found",
                    f"The reference '{text[:200]}' leads nowhere: create what it refers to first, or in the same "
                    "transaction.",
                    (kind,),
                    "dangling-reference",
                )
                for text in missing[:20]
            ]
        )
