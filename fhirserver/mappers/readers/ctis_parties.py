"""Sponsors, sites and member states of a record of the EU's Clinical Trials Information System.

https://euclinicaltrials.eu/
"""

from __future__ import annotations

from dataclasses import replace

from fhirserver.mappers.more_parts import Address, Body, Number, Reach
from fhirserver.mappers.parts import Person, Site, Text
from fhirserver.mappers.protocol_parts import Coded
from fhirserver.mappers.readers import spoken
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined

OMS = "https://spor.ema.europa.eu/omswi"
"""The Organisation Management Service of the European Medicines Agency, which numbers organisations and places."""


def internal(name: str) -> bool:
    """Keys of the system's own, and what its forms show: nothing of the study."""
    return (
        name in _INTERNAL
        or name.endswith(("Id", "Ids", "Pk", "uuid", "Uuid"))
        or name in ("id", "party", "partIIIinfoKey")
    )


_INTERNAL = {
    *("isEditable", "isCreate", "isSave", "isBusinessKeyValidated", "isDraftUnauthProduct", "isEditingApplication"),
    *("hasApplicationChanges", "isDueInLessThanTwoDays", "considerationCommentInfoListPresent", "includedInRfi"),
    *("consCommentInfoListPresent", "isDeConsolidated", "typeCode", "businessKeyForDisplay", "systemVersion"),
    *("atcUpdatable", "addressId", "considerations", "evCodeDisplay", "nameDisplay", "productEvVersion"),
}


def sponsors(part: Node, root: Node) -> tuple[Body, ...]:
    """The sponsors, the first of them or the one so marked leading; then third parties and funders."""
    nodes = part.children("sponsors")
    known = {node.child("organisation").peek("businessKey") for node in nodes}
    for node in (root.child("primarySponsor"), *root.children("coSponsors")):
        # Part I names the same sponsors.
        if not node.empty and node.child("organisation").peek("businessKey") in known:
            node.child("organisation").skip(*node.child("organisation").rest())
            node.skip(*node.rest())
    if not nodes:
        nodes = [root.child("primarySponsor")] if root.kind("primarySponsor") is dict else []
        nodes += root.children("coSponsors")
    found: list[Body] = []
    lead = False
    for node in nodes:
        primary = node.flag("primary")
        leads = not lead and (len(nodes) == 1 or bool(primary and primary.value))
        if body := _sponsor(node, "LEAD_SPONSOR" if leads else "COLLABORATOR"):
            lead = lead or leads
            found.append(body)
        for one in node.children("thirdParties"):
            duties = [text.value.partition(": ")[2] for duty in one.children("sponsorDuties") for text in _duty(duty)]
            address = one.child("organisationAddress")
            if third := _body(address.child("organisation"), None, _at(address, one)):
                found.append(replace(third, part=joined(("Third party", joined(duties, ", ")), ", duties: ")))
    return tuple(found)


def _duty(node: Node) -> list[Text]:
    return list(spoken.lines(node, internal))


def _sponsor(node: Node, role: str) -> Body | None:
    reach: list[Reach] = []
    own = node.child("organisation").peek("businessKey")
    for one in node.children("addresses"):
        _again(one.child("organisation"), own)
        reach.append(_at(one, one))
    for name in ("publicContacts", "scientificContacts"):
        reach += [_contact(one, own) for one in node.children(name)]
    union = node.child("contactPointForUnion")
    if not union.empty:
        reach.append(_person(union.child("person"), union.line("type")))
        _again(union.child("organisation"), own)
    legal = node.child("legalRepresentative")
    if not legal.empty:
        address = legal.child("organisationAddress")
        at = _at(address, address)
        represents = address.child("organisation").line("name")
        reach.append(
            Reach(joined(("Legal representative", represents), ": "), None, at.phones, None, at.emails, (), at.address)
        )
        reach.append(_person(legal.child("person"), "Legal representative"))
    commercial, status = node.flag("isCommercial"), node.line("commercial")
    body = _body(node.child("organisation"), role, *reach)
    kinds = (Coded(status),) if status else ()
    if commercial is not None and not status:
        kinds = (Coded("Commercial" if commercial.value else "Non-Commercial"),)
    said = "\n".join(one.value for one in spoken.lines(node, internal))
    return body and replace(body, kinds=(*body.kinds, *kinds), description=said or None)


def _body(node: Node, role: str | None, *reach: Reach) -> Body | None:
    """An organisation with its number and kind."""
    name, kind, key = node.line("name"), node.line("type"), node.line("businessKey")
    acronym, state = node.line("acronym"), node.line("organisationLocationStatus")
    sponsor, commercial = node.flag("clinicalTrialSponsor"), node.flag("commercial")
    if not name:
        return None
    kinds = [Coded(kind)] if kind else []
    if commercial is not None:
        kinds.append(Coded("Commercial organisation" if commercial.value else "Non-commercial organisation"))
    if sponsor is not None and sponsor.value:
        kinds.append(Coded("Clinical trial sponsor"))
    return Body(
        name,
        role,
        kinds=tuple(kinds),
        numbers=(Number(key, OMS),) if key else (),
        aliases=(acronym,) if acronym and acronym != name else (),
        reach=tuple(one for one in reach if one != Reach()),
        active=None if state is None else state == "Active",
        path=node.path,
    )


def _at(node: Node, about: Node) -> Reach:
    """An address with its telephone, and the number of the place."""
    phones = tuple(dict.fromkeys(one for one in (node.line("phone"), about.line("phoneNumber")) if one))
    emails = tuple(dict.fromkeys(one for one in (node.line("email"), about.line("email")) if one))
    place = node.line("businessKey")
    said = joined((f"Place {place}" if place else None, f"dial {dial}" if (dial := node.line("intl")) else None))
    return Reach(said or None, None, phones, None, emails, (), address(node.child("address")))


def address(node: Node) -> Address | None:
    """A postal address."""
    if node.empty:
        return None
    # The country's number says what its name says.
    node.skip("country")
    lines = tuple(line for number in range(1, 5) if (line := node.line(f"addressLine{number}")))
    text = node.line("oneLine")
    return Address(
        lines or ((text,) if text else ()),
        node.line("city"),
        zip=node.line("postcode"),
        country=node.line("countryName"),
        text=text if text and text not in lines else None,
    )


def _again(node: Node, own: object) -> None:
    """The sponsor itself, named once more."""
    if node.peek("businessKey") == own:
        node.skip(*node.rest())


def _contact(node: Node, own: object) -> Reach:
    organisation = node.child("organisation")
    phone, email = node.line("telephone"), node.line("functionalEmailAddress")
    purpose = joined((node.line("type"), organisation.line("name")), ": ")
    _again(organisation, own)
    return Reach(
        purpose or None,
        node.line("functionalName"),
        (phone,) if phone else (),
        None,
        (email,) if email else (),
    )


def _person(node: Node, purpose: str | None) -> Reach:
    name = joined((node.line("firstName"), node.line("lastName")), " ")
    phone, email = node.line("telephone"), node.line("email")
    language = node.line("preferredLanguage")
    return Reach(
        joined((purpose, f"language {language}" if language else None)) or None,
        name or None,
        (phone,) if phone else (),
        None,
        (email,) if email else (),
        (),
        address(node.child("address")),
    )


def sites(part: Node) -> list[Site]:
    """The sites of one member state."""
    found = []
    for node in part.children("trialSites"):
        place, person = node.child("organisationAddressInfo"), node.child("personInfo")
        organisation = place.child("organisation")
        reach = _at(place, place)
        at = reach.address or Address()
        name = joined((person.line("firstName"), person.line("lastName")), " ")
        department = node.line("departmentName")
        facility = organisation.line("name")
        contact = Person(
            name,
            "PRINCIPAL_INVESTIGATOR",
            affiliation=facility,
            phone=person.line("telephone"),
            email=person.line("email"),
            path=person.path,
        )
        desk = Person("", "CONTACT", facility, None, reach.phones[0] if reach.phones else None, None, None, place.path)
        if reach.emails:
            desk = Person("", "CONTACT", facility, None, desk.phone, None, reach.emails[0], place.path)
        kind = organisation.line("type")
        found.append(
            Site(
                facility=joined((facility, department), ", ") or None,
                city=at.city,
                zip=at.zip,
                country=at.country,
                lines=tuple(dict.fromkeys((*at.lines, *((at.text,) if at.text else ())))),
                number=joined((place.line("businessKey"), organisation.line("businessKey"), kind), ", ") or None,
                contacts=tuple(one for one in (contact, desk) if one.name or one.phone or one.email),
                path=node.path,
            )
        )
    return found
