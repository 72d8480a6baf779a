"""The ids of what a study definition holds, by the keys that it gives them.

https://hl7.org/fhir/R5/datatypes.html#id
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fhirserver.mappers.identity import slugs
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.protocol_parts import Named, Protocol

Ids = dict[str, str]


@dataclass(frozen=True, slots=True)
class Keys:
    """Ids by key: of resources, and of epochs and timings inside of them."""

    timelines: Ids
    activities: Ids
    concepts: Ids
    estimands: Ids
    cohorts: Ids
    documents: Ids
    epochs: Ids
    timings: Ids


def keys(protocol: Protocol, names: Naming) -> Keys:
    """Ids made of names: a definition that lists its parts in another order keeps them."""
    timings = [timing.named for one in protocol.timelines for visit in one.visits for timing in visit.timings]
    documents = [one.named for one in protocol.documents]
    return Keys(
        _ids(f"{names.stem}-timeline-", (one.named for one in protocol.timelines)),
        _ids(f"{names.stem}-activity-", (one.named for one in protocol.activities)),
        _ids(f"{names.stem}-concept-", (one.named for one in protocol.concepts)),
        _ids(f"{names.stem}-estimand-", (one.named for one in protocol.estimands)),
        _ids(f"{names.stem}-cohort-", (one.named for one in protocol.cohorts)),
        _ids(f"{names.stem}-document-", documents),
        _ids("epoch-", (one.named for one in protocol.epochs)),
        _ids("timing-", timings),
    )


def _ids(prefix: str, named: Iterable[Named]) -> Ids:
    by_key = {one.key: one.name for one in named}
    return {key: prefix + name for key, name in zip(by_key, slugs(list(by_key.values())), strict=True)}
