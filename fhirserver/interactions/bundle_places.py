"""Where the entries of a transaction go: conditions decided, ids given, links between entries known.

https://hl7.org/fhir/R5/http.html#trules. Conditions are judged by what is stored before the transaction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fhirserver.errors import BadRequest, Conflict, NotFound, PreconditionFailed
from fhirserver.interactions import bundle_links, conditional
from fhirserver.interactions.bundle_entry import Ask, place
from fhirserver.interactions.conditional import Criteria
from fhirserver.interactions.server import Server
from fhirserver.store.documents import Version
from fhirserver.store.store import Tx


@dataclass(frozen=True, slots=True)
class Target:
    """The id to write to or delete; `fresh` when nothing can be there yet."""

    id: str
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Several:
    """The ids that a conditional delete deletes."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A condition says that there is nothing to do: `version` is what exists already, None for nothing to delete."""

    version: Version | None


@dataclass(frozen=True, slots=True)
class Same:
    """A conditional create with the criteria of an earlier one: it finds what entry `at` makes."""

    at: int


Place = Target | Several | Kept | Same


@dataclass(frozen=True, slots=True)
class Places:
    """By entry number; and what each fullUrl and conditional reference stands for, as Type/id."""

    by_entry: dict[int, Place]
    links: dict[str, str]


async def resolve(server: Server, tx: Tx, asks: Sequence[Ask], linked: Mapping[str, int], keep_ids: bool) -> Places:
    """Decides every condition inside the transaction, so that two racing ones cannot both create.

    `linked` holds the conditional references with the number of an entry that has each.
    """
    references = {link: Criteria(*link.split("?", 1)) for link in linked}
    wanted = [asked.criteria for asked in asks if asked.criteria is not None]
    proposals = [proposal for asked in asks if (keep_ids or _upsert(asked)) and (proposal := asked.proposal)]
    matches, taken = await conditional.matches(server, tx, [*wanted, *references.values()], proposals)
    await conditional.lock_absent(tx, [criteria for criteria in _lockable(asks, keep_ids) if not matches[criteria]])
    existing = await tx.read_many([(asked.type, matched[0]) for asked in asks if (matched := _kept(asked, matches))])
    places = Places({}, {})
    makers: dict[Criteria, Ask] = {}
    for asked in asks:
        ids = matches[asked.criteria] if asked.criteria else []
        if asked.criteria and not ids and (maker := _maker(makers, asked)):
            places.by_entry[asked.at] = Same(maker.at)
            if asked.full_url is not None:
                places.links[asked.full_url] = f"{asked.type}/{_id(places.by_entry[maker.at])}"
            continue
        if len(ids) > 1:
            places.by_entry[asked.at] = await _several(server, tx, asked)
            continue
        there = existing.get((asked.type, ids[0])) if _kept(asked, matches) else None
        found = Kept(there) if there else _place(asked, ids, keep_ids, taken)
        places.by_entry[asked.at] = found
        if asked.full_url is not None and asked.method != "DELETE":
            places.links[asked.full_url] = f"{asked.type}/{ids[0] if isinstance(found, Kept) else _id(found)}"
    for link, criteria in references.items():
        written = _written(asks, places, criteria.type)
        ids = await bundle_links.referents(server, tx, criteria, matches[criteria], written, places.links)
        places.links[link] = f"{criteria.type}/{_only(link, linked[link], ids)}"
    return places


def _lockable(asks: Sequence[Ask], keep_ids: bool) -> list[Criteria]:
    """The criteria that two racing transactions both lock.

    Where ids are kept, what belongs to a study by its id is locked with that study: many locks meet others by chance.
    """
    owners = tuple(
        f"{asked.proposal[1]}-" for asked in asks if keep_ids and asked.type == "ResearchStudy" and asked.proposal
    )
    return [
        asked.criteria
        for asked in asks
        if asked.criteria is not None and not (asked.proposal and asked.proposal[1].startswith(owners))
    ]


def _upsert(asked: Ask) -> bool:
    return asked.method == "PUT" and asked.criteria is not None


def _kept(asked: Ask, matches: dict[Criteria, list[str]]) -> list[str]:
    """What a conditional create would have made and finds there."""
    return matches[asked.criteria] if asked.method == "POST" and asked.criteria else []


def _maker(makers: dict[Criteria, Ask], asked: Ask) -> Ask | None:
    """The earlier entry that makes what this one's criteria ask for; refuses two that would both make it."""
    if asked.criteria is None or asked.method not in ("POST", "PUT"):
        return None
    first = makers.setdefault(asked.criteria, asked)
    if first is asked:
        return None
    if asked.method == "POST" == first.method:
        return first
    raise BadRequest(
        f"Two entries would write what '{asked.type}?{asked.criteria.query[:200]}' matches: send one of them.",
        expression=(place(first.at), asked.where),
        code="duplicate",
    )


async def _several(server: Server, tx: Tx, asked: Ask) -> Place:
    """All that a conditional delete matches, where the setting allows that many; PreconditionFailed else."""
    if asked.method == "DELETE" and asked.criteria and server.settings.conditional_delete == "multiple":
        if asked.expected is not None:
            raise PreconditionFailed(
                f"Several {asked.type} resources match, and a version can be that of one alone: leave it out.",
                expression=f"{asked.where}.request",
                code="multiple-matches",
            )
        return Several(tuple(await conditional.every(server, tx, asked.criteria)))
    raise PreconditionFailed(
        f"The criteria match several {asked.type} resources: make them name one.",
        expression=f"{asked.where}.request",
        code="multiple-matches",
    )


def _place(asked: Ask, ids: list[str], keep_ids: bool, taken: set[tuple[str, str]]) -> Target | Kept:
    proposal = asked.proposal
    if asked.method == "POST":
        return (
            Target(proposal[1], True) if keep_ids and proposal and proposal not in taken else Target(asked.fresh, True)
        )
    if asked.id is not None:
        return Target(asked.id)
    if ids:
        if proposal is not None and proposal[1] != ids[0] and not keep_ids:
            raise BadRequest(
                f"The criteria match {asked.type}/{ids[0]}, the body says id '{proposal[1]}': leave the id out.",
                expression=f"{asked.where}.resource.id",
            )
        return Target(ids[0])
    if asked.method == "DELETE":
        return Kept(None)
    if asked.method == "PATCH":
        raise NotFound(
            f"The criteria match no {asked.type}, so there is nothing to patch.",
            expression=f"{asked.where}.request.url",
        )
    if proposal is None or (keep_ids and proposal in taken):
        return Target(asked.fresh, True)
    if proposal in taken:
        raise Conflict(
            f"{asked.type}/{proposal[1]} is there, and does not match the criteria: leave the id out, or update by id.",
            expression=f"{asked.where}.resource.id",
        )
    return Target(proposal[1], fresh=keep_ids)


def _id(found: Place) -> str:
    match found:
        case Target(id_):
            return id_
        case Kept(Version(id=id_)):
            return id_
    raise LookupError("the entry writes no single resource")


def _written(asks: Sequence[Ask], places: Places, type_: str) -> dict[str, Ask | None]:
    """What the transaction writes of one type, by id; None for a deletion."""
    found: dict[str, Ask | None] = {}
    for asked in asks:
        if asked.type == type_:
            match places.by_entry[asked.at]:
                case Target(id_):
                    found[id_] = None if asked.method == "DELETE" else asked
                case Several(ids):
                    found |= dict.fromkeys(ids)
                case Kept() | Same():
                    pass
    return found


def _only(link: str, at: int, ids: Sequence[str]) -> str:
    if len(ids) == 1:
        return ids[0]
    raise PreconditionFailed(
        f"The reference '{link[:200]}' matches {'more than one' if ids else 'no'} resource: "
        "a conditional reference must match exactly one.",
        expression=f"{place(at)}.resource",
        code="multiple-matches" if ids else "not-found",
    )
