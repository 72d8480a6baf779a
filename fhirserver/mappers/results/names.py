"""The ids of what results become: made from titles and the record's own group ids, at most 64 characters.

https://hl7.org/fhir/R5/datatypes.html#id
"""

from __future__ import annotations

from collections.abc import Iterable

from fhirserver.mappers.identity import slug
from fhirserver.mappers.results.parts import ReportedGroup, Results

_LONGEST = 22
_GROUP = 12

Key = tuple[str | None, str | None]


def key(group: ReportedGroup) -> Key:
    """Groups of several tables are one where their title and description are."""
    return group.title, group.description


def distinct(texts: Iterable[str | None], longest: int = _LONGEST) -> list[str]:
    """Short slugs that differ from each other, in the order of their texts."""
    seen: set[str] = set()
    next_: dict[str, int] = {}
    found = []
    for text in texts:
        name = slug(text or "untitled", longest)
        if name in seen:
            stem = slug(text or "untitled", longest - 5)
            number = next_.get(stem, 2)
            while f"{stem}-{number}" in seen:
                number += 1
            next_[stem] = number + 1
            name = f"{stem}-{number}"
        seen.add(name)
        found.append(name)
    return found


def group_parts(ids: Iterable[str | None]) -> dict[str | None, str]:
    """The part of an id that each group's id in its table makes: OG000 is og000."""
    of_table = list(dict.fromkeys(ids))
    return dict(zip(of_table, distinct(of_table, _GROUP), strict=True))


def all_groups(results: Results) -> list[ReportedGroup]:
    """The groups of all tables, each once, in the order they are met."""
    tables: list[Iterable[ReportedGroup]] = []
    if results.flow:
        tables.append(results.flow.groups)
    if results.baseline:
        tables.append(results.baseline.groups)
        tables += [measure.groups for measure in results.baseline.measures]
    tables += [outcome.groups for outcome in results.outcomes]
    if results.events:
        tables.append([one.group for one in results.events.groups])
    found = {key(group): group for table in tables for group in table}
    return [group for said, group in found.items() if said != (None, None)]
