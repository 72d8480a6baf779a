"""One element as another, item by item: what items the other cannot hold keep their places."""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.releases.bridges import Bridge, bridge
from fhirserver.releases.exchanges import Exchange, of
from fhirserver.releases.parts import Change, Node, Walk, unchanged
from fhirserver.releases.values import Item, items, properties, same
from fhirserver.resources.registry import Element, Release, is_primitive


def listed(source: Release, target: Release, mine: Element, theirs: Element, there: Bridge, back: Bridge) -> Exchange:
    """The exchange of two elements whose items correspond by a bridge each way."""
    return Exchange(
        (mine.name,),
        (theirs.name,),
        _change(mine, is_primitive(source, mine.type), theirs, is_primitive(target, theirs.type), there, back),
        _change(theirs, is_primitive(target, theirs.type), mine, is_primitive(source, mine.type), back, there),
        always=False,
    )


def one_of(source: Release, target: Release, mine: Sequence[Element], theirs: Sequence[Element]) -> Exchange:
    """The exchange of elements that are a choice in one release and may stand side by side in the other."""
    pairs = list(zip(mine, theirs, strict=True))
    return Exchange(
        tuple(element.name for element in mine),
        tuple(element.name for element in theirs),
        _first(source, target, pairs),
        _first(target, source, [(other, element) for element, other in pairs]),
        always=False,
    )


def _first(source: Release, target: Release, pairs: list[tuple[Element, Element]]) -> Change:
    bridges = [bridge(source, target, mine.type, theirs.type) for mine, theirs in pairs]

    def change(form: Node, _old: Node, walk: Walk) -> Node:
        for (mine, theirs), crossed in zip(pairs, bridges, strict=True):
            found = items(form, mine.name, is_primitive(source, mine.type))
            made = [one for item in found if crossed is not None and (one := crossed(item, walk)) is not None]
            if made:
                return properties(theirs.name, made, theirs.many)
        return {}

    return change


def _change(
    mine: Element, primitive: bool, theirs: Element, their_primitive: bool, there: Bridge, back: Bridge
) -> Change:
    def change(form: Node, old: Node, walk: Walk) -> Node:
        mine_items = _items(form, mine, primitive)
        found = [(item, made) for item in mine_items if (made := there(item, walk)) is not None]
        before = items(of(old, theirs.name), theirs.name, their_primitive) if old else []
        if not before:
            return properties(theirs.name, [made for _, made in found], theirs.many)
        return properties(theirs.name, _merged(found, before, theirs, back), theirs.many)

    return change


def _items(form: Node, element: Element, primitive: bool) -> list[Item]:
    found = items(form, element.name, primitive)
    return found if element.many or len(found) < 2 else found[:1]


def _merged(new: list[tuple[Item, Item]], old: list[Item], element: Element, back: Bridge) -> list[Item]:
    """New items, as what they were before where they are unchanged; old ones that never showed keep their places."""
    shown = [(item, back(item, unchanged)) for item in old]
    known = [pair for pair in shown if pair[1] is not None]
    found: list[Item] = []
    for mine, made in new:
        at = next((at for at, (_, form) in enumerate(known) if same(form, mine)), None)
        found.append(made if at is None else known.pop(at)[0])
    if element.many:
        for at, (item, form) in enumerate(shown):
            if form is None:
                found.insert(min(at, len(found)), item)
    return found
