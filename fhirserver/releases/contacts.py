"""Where somebody is reached and when: R4's telecom, address and contact persons are R5's contacts.

https://hl7.org/fhir/R5/metadatatypes.html#ExtendedContactDetail, https://hl7.org/fhir/R5/metadatatypes.html#availability
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirserver.releases.fillers import FILLER
from fhirserver.releases.parts import Change, Node, Reshaped, Walk
from fhirserver.releases.values import same


def telecoms() -> Reshaped:
    """R4's telecom as the telecoms of all contacts in R5; one contact where nothing else is known."""

    def down(form: Node, _old: Node, walk: Walk) -> Node:
        found = [walk("ContactPoint", point) for one in form.get("contact", ()) for point in one.get("telecom", ())]
        return {"telecom": found} if found else {}

    def up(form: Node, old: Node, walk: Walk) -> Node:
        left = [walk("ContactPoint", point) for point in form.get("telecom", ())]
        made: list[Node] = []
        for one in old.get("contact", ()):
            there = [point for point in one.get("telecom", ()) if _taken(point, left)]
            rest = {name: value for name, value in one.items() if name != "telecom"}
            if there or rest:
                made.append(rest | ({"telecom": there} if there else {}))
        if left and made and made[-1].keys() == {"telecom"}:
            made[-1]["telecom"] += left
        elif left:
            made.append({"telecom": left})
        return {"contact": made} if made else {}

    return Reshaped(("contact",), ("telecom",), down, up)


def _taken(value: Any, left: list[Any]) -> bool:
    at = next((at for at, one in enumerate(left) if same(one, value)), None)
    if at is not None:
        left.pop(at)
    return at is not None


def organization() -> Reshaped:
    """R4's telecom, address and contact: what an R5 contact without a name or purpose has is the organisation's own."""
    return Reshaped(("contact",), ("telecom", "address", "contact"), _views, _contacts)


def _views(form: Node, _old: Node, walk: Walk) -> Node:
    points: list[Any] = []
    addresses: list[Any] = []
    persons: list[Any] = []
    for one in form.get("contact", ()):
        if "name" in one or "purpose" in one:
            persons += [person] if (person := _person(one, walk)) else []
            continue
        points += [walk("ContactPoint", point) for point in one.get("telecom", ())]
        addresses += [walk("Address", one["address"])] if "address" in one else []
    made = {"telecom": points, "address": addresses, "contact": persons}
    return {name: value for name, value in made.items() if value}


def _person(one: Node, walk: Walk) -> Node:
    made: Node = {"purpose": walk("CodeableConcept", one["purpose"])} if "purpose" in one else {}
    made |= {"name": walk("HumanName", one["name"][0])} if one.get("name") else {}
    return made | _reached(one, walk)


def _reached(one: Node, walk: Walk) -> Node:
    made: Node = {"telecom": [walk("ContactPoint", point) for point in one["telecom"]]} if "telecom" in one else {}
    return made | ({"address": walk("Address", one["address"])} if "address" in one else {})


def _contacts(form: Node, _old: Node, walk: Walk) -> Node:
    """The organisation's own first: all its telecoms with its first address, a contact for each other address."""
    addresses = [walk("Address", one) for one in form.get("address", ())]
    own: Node = {"telecom": [walk("ContactPoint", one) for one in form["telecom"]]} if "telecom" in form else {}
    own |= {"address": addresses[0]} if addresses else {}
    made = [own] if own else []
    made += [{"address": one} for one in addresses[1:]]
    for one in form.get("contact", ()):
        person: Node = {"purpose": walk("CodeableConcept", one["purpose"])} if "purpose" in one else {}
        person |= {"name": [walk("HumanName", one["name"])]} if "name" in one else {}
        person |= _reached(one, walk)
        made += [person] if person else []
    return {"contact": made} if made else {}


def hours(r5: str, r4: tuple[str, ...], down: Mapping[str, str]) -> Reshaped:
    """R4's times of the week, and of absence where `r4` names a second element, as one Availability of R5.

    `down` are R5's names of the parts that R4 calls otherwise.
    """
    up = {name: other for other, name in down.items()}
    return Reshaped((r5,), r4, _times(r5, r4, down), _availability(r5, r4, up))


_PARTS = ("availableTime", "notAvailableTime")
_REASONS = frozenset({"description", "_description"})


def _times(name: str, r4: tuple[str, ...], renamed: Mapping[str, str]) -> Change:
    def change(form: Node, _old: Node, walk: Walk) -> Node:
        made: Node = {}
        for part, other in zip(_PARTS, r4, strict=False):
            found = [_named(one, renamed, walk) for each in form.get(name, ()) for one in each.get(part, ())]
            if part == _PARTS[1]:
                # R4 demands a reason.
                found = [one if one.keys() & _REASONS else one | {"_description": FILLER} for one in found]
            if found:
                made[other] = found
        return made

    return change


def _availability(name: str, r4: tuple[str, ...], renamed: Mapping[str, str]) -> Change:
    def change(form: Node, old: Node, walk: Walk) -> Node:
        made = {
            part: [_named(_reasoned(one), renamed, walk) for one in form[other]]
            for part, other in zip(_PARTS, r4, strict=False)
            if other in form
        }
        kept = {
            key: value for one in old.get(name, ())[:1] for key, value in one.items() if key not in _PARTS[: len(r4)]
        }
        return {name: [kept | made]} if kept or made else {}

    return change


def _reasoned(one: Node) -> Node:
    if "_description" in one and "description" not in one and same(one["_description"], FILLER):
        return {key: value for key, value in one.items() if key != "_description"}
    return one


def _named(one: Node, renamed: Mapping[str, str], walk: Walk) -> Node:
    made: Node = {}
    for key, value in one.items():
        bare = key.removeprefix("_")
        name = ("_" if key != bare else "") + renamed.get(bare, bare)
        if bare != key:
            made[name] = (
                [each and walk("Element", each) for each in value]
                if isinstance(value, list)
                else walk("Element", value)
            )
        elif bare == "during":
            made[name] = walk("Period", value)
        elif bare in ("extension", "modifierExtension"):
            made[name] = [walk("Extension", each) for each in value]
        else:
            made[name] = value
    return made
