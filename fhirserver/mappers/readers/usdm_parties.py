"""Organisations of a study definition: sponsors, registries, authorities, and the sites they manage.

https://github.com/cdisc-org/DDF-RA (USDM v4: Organization, StudyRole, StudyIdentifier)
"""

from __future__ import annotations

from dataclasses import dataclass

from fhirserver.mappers.more_parts import Address, Body, Number, Reach
from fhirserver.mappers.parts import Identifier, Party, Site
from fhirserver.mappers.readers.ctgov_json import NCT
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import Source, code_of, joined, references

_SPONSOR = "C70793"
_ROLES = {"sponsor": "SPONSOR", "co-sponsor": "COLLABORATOR", "collaborator": "COLLABORATOR"}


@dataclass(frozen=True, slots=True)
class Organisations:
    """The organisations, the sponsor among them, the sites, each one's body by its key, and the study's numbers."""

    bodies: tuple[Body, ...]
    sponsor: Party | None
    sites: tuple[Site, ...]
    by_key: dict[str, Body]
    numbers: list[Node]


def organisations(version: Node, source: Source) -> Organisations:
    """Everybody named, with their parts in the study."""
    numbers = version.children("studyIdentifiers")
    scopes = {one.line("scopeId") for one in numbers}
    said = _roles(version, source)
    by_key: dict[str, Body] = {}
    sites: list[Site] = []
    sponsor: str | None = None
    for one in version.children("organizations"):
        named = source.named(one)
        kind = code_of(one, "type")
        number, scheme = one.line("identifier"), one.line("identifierScheme")
        managed = _sites(one, source)
        leads = sponsor is None and kind is not None and kind.code == _SPONSOR and named.key in scopes
        if leads:
            sponsor = named.key
        roles = said.get(named.key, ())
        body = Body(
            named.title,
            "LEAD_SPONSOR" if leads else None,
            joined((*roles, kind.display if kind else None)) or "Organisation",
            (kind,) if kind else (),
            (Number(number, type=scheme),) if number else (),
            (named.name,) if named.label else (),
            (Reach(address=_address(one.child("legalAddress"))),) if not one.child("legalAddress").empty else (),
            description=named.description,
            path=one.path,
        )
        by_key[named.key] = body
        sites += managed
    lead = by_key[sponsor] if sponsor else None
    return Organisations(
        tuple(by_key.values()), Party(lead.name, path=lead.path) if lead else None, tuple(sites), by_key, numbers
    )


def _roles(version: Node, source: Source) -> dict[str, tuple[str, ...]]:
    """What each organisation does, in words."""
    found: dict[str, tuple[str, ...]] = {}
    for one in version.children("roles"):
        named = source.named(one)
        code = code_of(one, "code")
        masking = one.child("masking")
        masking.skip("id")
        masked = masking.flag("isMasked")
        state = None if masked is None else "masked" if masked.value else "not masked"
        references(one, "appliesToIds")
        role = joined((code.display if code else None, named.name, named.label, named.description))
        said = joined((role, source.prose(masking), state))
        for key in references(one, "organizationIds"):
            found[key] = (*found.get(key, ()), said)
    return found


def _address(node: Node) -> Address:
    node.skip("id")
    country = code_of(node, "country")
    return Address(
        tuple(line.value for line in node.lines("lines")),
        node.line("city"),
        node.line("district"),
        node.line("state"),
        node.line("postalCode"),
        country.display if country else None,
        node.line("text"),
    )


def _sites(node: Node, source: Source) -> list[Site]:
    found = []
    for one in node.children("managedSites"):
        named = source.named(one)
        country = code_of(one, "country")
        name = joined((named.label or named.name, named.description), ", ")
        found.append(Site(facility=name, country=country.display if country else None, path=one.path))
    return found


def identifiers(version: Node, known: Organisations) -> tuple[Identifier, ...]:
    """ClinicalTrials.gov's number makes the study one with its record; the sponsor's own is its organisation's."""
    found: list[Identifier] = []
    for one in known.numbers:
        one.skip("id")
        body = known.by_key.get(one.line("scopeId") or "")
        value = one.line("text")
        if not value:
            continue
        name = body.name if body else None
        if NCT.fullmatch(value):
            kind = "alias" if any(each.kind == "registry" for each in found) else "registry"
            found.append(Identifier("alias" if kind == "alias" else "registry", value, path=one.path))
        elif body and body.role == "LEAD_SPONSOR" and not any(each.kind == "organisation" for each in found):
            found.append(Identifier("organisation", value, path=one.path))
        else:
            found.append(Identifier("secondary", value, assigner=name, path=one.path))
    for one in version.children("referenceIdentifiers"):
        one.skip("id")
        body = known.by_key.get(one.line("scopeId") or "")
        kind_of = code_of(one, "type")
        if value := one.line("text"):
            words = kind_of.display if kind_of else None
            found.append(Identifier("secondary", value, words, body.name if body else None, path=one.path))
    return tuple(sorted(found, key=lambda one: one.kind != "registry"))
