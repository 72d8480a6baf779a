"""What is to be done with each element of a structure, from the tables of both releases and the declared parts.

https://hl7.org/fhir/R5/diff.html
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace

from fhirserver.releases.bridges import bridge
from fhirserver.releases.coding import CODED_TYPES, coded
from fhirserver.releases.exchanges import Exchange
from fhirserver.releases.listing import listed, one_of
from fhirserver.releases.parts import Apart, Coded, Part, Renamed, Reshaped, Swapped
from fhirserver.releases.rules import rules
from fhirserver.releases.targets import fits, limited, placed
from fhirserver.resources.registry import Element, Release, Structure, codes, is_primitive, structure


@dataclass(frozen=True, slots=True)
class Plan:
    """How the elements of `name` in the source release become those of `other` in the target release."""

    name: Structure
    other: Structure
    kept: Mapping[str, Element]
    """Elements that both have; their values may differ inside."""
    lost: frozenset[str]
    """Elements that the target lacks."""
    exchanges: tuple[Exchange, ...]
    claimed: Mapping[str, int]
    """Element of the target → the exchange that makes it."""
    filled: Mapping[str, Element]
    """Elements that the target demands and the source does not."""
    dropped: frozenset[str]
    """Elements that the source demands and the target does not."""
    recounted: frozenset[str]
    """Elements that repeat in one release and not in the other."""


def plan(source: Release, target: Release, name: str, other: str) -> Plan:
    """The plan for a structure, by its name in either release."""
    mine, theirs = structure(source, name), structure(target, other)
    if mine is None or theirs is None:
        raise LookupError(f"no structure {name} in {source} or {other} in {target}")
    exchanges = [
        made
        for part in rules(name if source == "R5" else other)
        if (made := _declared(source, target, mine, theirs, part)) is not None
    ]
    exchanges += _choices(source, target, mine, theirs)
    out_of = {name for exchange in exchanges for name in exchange.source}
    into = {name for exchange in exchanges for name in exchange.target}
    kept: dict[str, Element] = {}
    lost: set[str] = set()
    recounted: set[str] = set()
    apart = {part.name for part in rules(name if source == "R5" else other) if isinstance(part, Apart)}
    for element in mine.elements.values():
        if element.name in out_of:
            continue
        match = theirs.elements.get(element.name)
        if match is None or match.name in into or element.name in apart:
            lost.add(element.name)
            continue
        if element.name == "id" and (source == "R5" or mine.kind == "resource"):
            # An id of R5 is a string in R4; a resource's own is an id there too, which the table does not say.
            kept["id"] = element
            continue
        made = _differing(source, target, element, match)
        if made is not None:
            exchanges.append(made)
            into.add(element.name)
            out_of.add(element.name)
        elif not _agree(source, target, element, match):
            lost.add(element.name)
        elif element.many != match.many:
            recounted.add(element.name)
        else:
            kept[element.name] = element
    claimed = {name: at for at, exchange in enumerate(exchanges) for name in exchange.target}
    return Plan(
        mine,
        theirs,
        kept,
        frozenset(lost),
        tuple(exchanges),
        claimed,
        {element.name: element for element in _only_demanded(theirs, mine, claimed)},
        frozenset(element.name for element in _only_demanded(mine, theirs, out_of)),
        frozenset(recounted),
    )


def _choices(source: Release, target: Release, mine: Structure, theirs: Structure) -> Iterator[Exchange]:
    for one, other in ((mine, theirs), (theirs, mine)):
        for names in one.choices.values():
            beside = [name for name in names if name in other.elements and not other.elements[name].choice]
            if len(beside) > 1:
                yield one_of(
                    source, target, [mine.elements[name] for name in beside], [theirs.elements[name] for name in beside]
                )


def demanded(by: Structure) -> Iterator[Element]:
    """The mandatory elements of a structure; of a choice the one that says least."""
    heads: set[str] = set()
    for element in by.elements.values():
        if not element.min or element.choice in heads:
            continue
        if element.choice:
            heads.add(element.choice)
            plain = (by.elements.get(element.choice + type_) for type_ in ("String", "CodeableConcept"))
            yield next((one for one in plain if one is not None), element)
        else:
            yield element


def _only_demanded(by: Structure, other: Structure, claimed: Container[str]) -> Iterator[Element]:
    """Those that `by` demands where `other` may lack them."""
    heads = {
        head for head, names in other.choices.items() if other.elements[names[0]].min and by.elements.keys() >= {*names}
    }
    for element in demanded(by):
        match = other.elements.get(element.name)
        always = element.choice in heads if element.choice else match is not None and match.min
        if not always or element.name in claimed:
            yield element


def _declared(source: Release, target: Release, mine: Structure, theirs: Structure, part: Part) -> Exchange | None:
    down = source == "R5"
    match part:
        case Reshaped():
            if down:
                always = part.always or any(theirs.elements[name].min for name in part.r4)
                return Exchange(part.r5, part.r4, part.down, part.up, always, part.settled, part.quiet)
            always = part.always or any(theirs.elements[name].min for name in part.r5)
            return Exchange(part.r4, part.r5, part.up, part.down, always, part.settled, part.quiet)
        case Renamed():
            one, two = (part.r5, part.r4) if down else (part.r4, part.r5)
            a, b = mine.elements[one], theirs.elements[two]
            if limited(a, b):
                return _pointing(source, target, a, b)
            there, back = bridge(source, target, a.type, b.type), bridge(target, source, b.type, a.type)
            if there is None or back is None:
                raise LookupError(f"{mine.name}.{one} and {theirs.name}.{two} have no bridge")
            return listed(source, target, a, b, there, back)
        case Coded():
            one, two = (part.r5, part.r4) if down else (part.r4, part.r5)
            maps = (part.down, part.up) if down else (part.up, part.down)
            return coded(source, target, mine.elements[one], theirs.elements[two], *maps)
        case Apart() | Swapped():
            return None


def _differing(source: Release, target: Release, mine: Element, theirs: Element) -> Exchange | None:
    """The exchange of an element whose type or codes differ; None where they agree or have nothing in common."""
    if mine.type == theirs.type:
        if _bound(source, target, mine, theirs):
            return coded(source, target, mine, theirs, {}, {})
        return _pointing(source, target, mine, theirs) if limited(mine, theirs) else None
    if _agree(source, target, mine, theirs):
        return None
    there, back = bridge(source, target, mine.type, theirs.type), bridge(target, source, theirs.type, mine.type)
    return None if there is None or back is None else listed(source, target, mine, theirs, there, back)


def _pointing(source: Release, target: Release, mine: Element, theirs: Element) -> Exchange:
    """The exchange of references to types of which one of the elements takes only some."""
    made = listed(source, target, mine, theirs, placed(theirs), placed(mine))
    if (mine.name, mine.many) != (theirs.name, theirs.many):
        return made
    both = mine.targets & theirs.targets if mine.targets and theirs.targets else mine.targets or theirs.targets
    return replace(made, quiet={mine.name: fits(both)})


def _agree(source: Release, target: Release, mine: Element, theirs: Element) -> bool:
    """Whether the values of one are values of the other; where one is stricter, only towards the wider."""
    if mine.type == theirs.type:
        return True
    both = is_primitive(source, mine.type) and is_primitive(target, theirs.type)
    return both and mine.type in _TEXTS and theirs.type in _TEXTS


_TEXTS = frozenset({"string", "markdown"})


def _bound(source: Release, target: Release, mine: Element, theirs: Element) -> bool:
    ours = codes(source, mine.valueset) if mine.valueset else None
    other = codes(target, theirs.valueset) if theirs.valueset else None
    return ours != other and (ours is not None or other is not None) and mine.type in CODED_TYPES
