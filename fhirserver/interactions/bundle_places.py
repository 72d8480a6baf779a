"""Where the entries of a transaction go: conditions decided, ids given, links between entries known.

https://hl7.org/fhir/R5/http.html#trules
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fhirserver.errors import BadRequest, PreconditionFailed
from fhirserver.interactions import conditional
from fhirserver.interactions.bundle_entry import Ask
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
class Kept:
    """A condition says that there is nothing to do: `version` is what exists already, None for nothing to delete."""

    version: Version | None


Place = Target | Kept


@dataclass(frozen=True, slots=True)
class Places:
    """By entry number; and what each fullUrl and conditional reference stands for, as Type/id."""

    by_entry: dict[int, Place]
    links: dict[str, str]


async def resolve(server: Server, tx: Tx, asks: Sequence[Ask], linked: set[str], keep_ids: bool) -> Places:
    """Decides every condition inside the transaction, so that two racing ones cannot both create."""
    references = {link: Criteria(*link.split("?", 1)) for link in linked}
    wanted = [asked.criteria for asked in asks if asked.criteria is not None]
    proposals = [proposal for asked in asks if keep_ids and (proposal := asked.proposal)]
    matches, taken = await conditional.matches(server, tx, [*wanted, *references.values()], proposals)
    await conditional.lock_absent(tx, [criteria for criteria in wanted if not matches[criteria]])
    existing = await tx.read_many([(asked.type, matched[0]) for asked in asks if (matched := _kept(asked, matches))])
    places = Places({}, {})
    for asked in asks:
        ids = matches[asked.criteria] if asked.criteria else []
        if len(ids) > 1:
            raise PreconditionFailed(
                f"The criteria match several {asked.type} resources: make them name one.",
                expression=f"{asked.where}.request",
                code="multiple-matches",
            )
        there = existing.get((asked.type, ids[0])) if _kept(asked, matches) else None
        place = Kept(there) if there else _place(asked, ids, keep_ids, taken)
        places.by_entry[asked.at] = place
        if asked.full_url is not None and asked.method != "DELETE":
            places.links[asked.full_url] = f"{asked.type}/{ids[0] if isinstance(place, Kept) else place.id}"
    for link, criteria in references.items():
        places.links[link] = f"{criteria.type}/{_only(link, matches[criteria])}"
    return places


def _kept(asked: Ask, matches: dict[Criteria, list[str]]) -> list[str]:
    """What a conditional create would have made and finds there."""
    return matches[asked.criteria] if asked.method == "POST" and asked.criteria else []


def _place(asked: Ask, ids: list[str], keep_ids: bool, taken: set[tuple[str, str]]) -> Place:
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
    if proposal is None or (keep_ids and proposal in taken):
        return Target(asked.fresh, True)
    return Target(proposal[1], fresh=keep_ids)


def _only(link: str, ids: list[str]) -> str:
    if len(ids) == 1:
        return ids[0]
    raise PreconditionFailed(
        f"The reference '{link[:200]}' matches {'more than one' if ids else 'no'} resource: "
        "a conditional reference must match exactly one.",
        expression="Bundle.entry.resource",
        code="multiple-matches" if ids else "not-found",
    )
