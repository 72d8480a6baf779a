"""Several trial records that are new, stored in one transaction: what is said to the database is said once for all.

https://hl7.org/fhir/R5/http.html#transaction. A record is mostly small resources of a dozen types: alone it takes as
many round trips as eight together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from msgspec import structs

from fhirserver.fhirjson import Resource
from fhirserver.interactions import bundle_writes
from fhirserver.interactions.bundle_entry import Ask
from fhirserver.interactions.bundle_parts import part
from fhirserver.interactions.import_record import Imported, Mapped, imported, known, mapped, merge, turn
from fhirserver.interactions.server import Server
from fhirserver.interactions.write import Outcome

MOST = 1000
"""Resources after which a transaction takes no more records."""


async def import_together(server: Server, records: Sequence[bytes]) -> dict[int, Imported]:
    """What became of those records, by their number, that could be stored together; of the others nothing was stored.

    Studies that are there already, and records with which something is wrong, are left to `import_record`, which says
    what. So are all of them where one keeps the others from being stored.
    """
    found: dict[int, Mapped] = {}
    for number, data in enumerate(records):
        # Whatever is wrong with it is told when it is imported by itself.
        with suppress(Exception):
            found[number] = mapped(data, server.release)
    # Nor is it told here what is wrong with storing them.
    with suppress(Exception):
        return await _stored(server, found)
    return {}


async def _stored(server: Server, found: Mapping[int, Mapped]) -> dict[int, Imported]:
    there = await known(server, list(found.values()))
    chosen = _Chosen(server)
    new = [number for number, record in found.items() if record.study["id"] not in there and chosen.take(record)]
    if len(new) < 2:
        return {}
    taken = [found[number] for number in new]
    async with turn(taken):
        outcomes = await bundle_writes.perform(server, chosen.asks, keep_ids=True, merge=merge)
    return {
        number: imported(server, record, [_outcome(outcomes, at, first) for at, first in places])
        for number, record, places in zip(new, taken, chosen.places, strict=True)
    }


class _Chosen:
    """The entries of the records of a transaction, each resource once.

    `places` says of each record which of `asks` its entries are, and whether they were the first to ask.
    """

    def __init__(self, server: Server) -> None:
        self.asks: list[Ask] = []
        self.places: list[list[tuple[int, bool]]] = []
        self._server = server
        self._at: dict[tuple[str, str], tuple[int, Resource]] = {}

    def take(self, record: Mapped) -> bool:
        """Adds a record; False for one that says something else of what another one wrote, or is too much."""
        entries = record.bundle["entry"]
        keys = [(entry["resource"]["resourceType"], entry["resource"]["id"]) for entry in entries]
        if self.asks and len(self.asks) + len(entries) > MOST:
            return False
        if any(
            key in self._at and self._at[key][1] != entry["resource"] for key, entry in zip(keys, entries, strict=True)
        ):
            return False
        places = []
        for key, entry in zip(keys, entries, strict=True):
            first = key not in self._at
            if first:
                at = len(self.asks)
                asked = part(self._server, at, entry)
                assert isinstance(asked, Ask)
                self.asks.append(asked)
                self._at[key] = at, entry["resource"]
            places.append((self._at[key][0], first))
        self.places.append(places)
        return True


def _outcome(outcomes: Sequence[Outcome], at: int, first: bool) -> Outcome:
    """What became of an entry; what an earlier record wrote is not written again."""
    return outcomes[at] if first else structs.replace(outcomes[at], created=False, changed=False)
