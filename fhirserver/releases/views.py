"""A list of R5 that R4 shows as several elements, each those entries that play a certain part.

https://hl7.org/fhir/R5/diff.html
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver.releases.parts import Node, Reshaped, Walk, unchanged
from fhirserver.releases.values import same


@dataclass(frozen=True, slots=True)
class View:
    """An element of R4 that shows entries of a list of R5: which, how, and what entry a new value makes.

    A view that does not take `many` shows the first entry of its kind; further ones are not shown.
    """

    name: str
    many: bool
    takes: Callable[[Node], bool]
    shown: Callable[[Node, Walk], Any]
    made: Callable[[Any, Walk], Node]


def viewed(name: str, views: Sequence[View]) -> Reshaped:
    """The list `name` of R5 and its views in R4. What R4 cannot see of an entry stays as long as the entry is shown."""

    def down(form: Node, _old: Node, walk: Walk) -> Node:
        entries = form.get(name, ())
        made: Node = {}
        for view, places in zip(views, _places(views, entries), strict=True):
            found = [value for at in places if (value := view.shown(entries[at], walk))]
            if found:
                made[view.name] = found if view.many else found[0]
        return made

    def up(form: Node, old: Node, walk: Walk) -> Node:
        before = old.get(name, ())
        entries: list[Node | None] = list(before)
        for view, places in zip(views, _places(views, before), strict=True):
            values = form.get(view.name, ())
            made = [view.made(value, walk) for value in (values if view.many else [values] if values else [])]
            for at in places:
                seen = view.made(view.shown(before[at], unchanged), unchanged)
                match = next((one for one in made if same(one, seen)), None)
                if match is None and made and not view.many:
                    match = made[0]
                    entries[at] = before[at] | match
                elif match is None:
                    entries[at] = None
                if match is not None:
                    made.remove(match)
            entries += made
        found = [entry for entry in entries if entry]
        return {name: found} if found else {}

    return Reshaped((name,), tuple(view.name for view in views), down, up)


def _places(views: Sequence[View], entries: Sequence[Node]) -> list[list[int]]:
    """The places of the entries that each view shows; every entry is shown once."""
    places: list[list[int]] = [[] for _ in views]
    for at, entry in enumerate(entries):
        for view, found in zip(views, places, strict=True):
            if view.takes(entry) and (view.many or not found):
                found.append(at)
                break
    return places
