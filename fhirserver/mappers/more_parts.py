"""What other registries and study definitions say of a trial beyond ClinicalTrials.gov's data model.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fhirserver.mappers.parts import Text
from fhirserver.mappers.protocol_parts import Coded, Protocol


def _path() -> str:
    path: str = field(default="", compare=False)
    return path


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address; `text` is all of it where the record says so."""

    lines: tuple[str, ...] = ()
    city: str | None = None
    district: str | None = None
    state: str | None = None
    zip: str | None = None
    country: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Reach:
    """How to reach an organisation, or somebody in it, for a purpose."""

    purpose: str | None = None
    name: str | None = None
    phones: tuple[str, ...] = ()
    fax: str | None = None
    emails: tuple[str, ...] = ()
    urls: tuple[str, ...] = ()
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A number that something is known by, with what kind it is."""

    value: str
    system: str | None = None
    type: str | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """An organisation with a part in the study: `role` is a code of codes.PARTY_ROLE, or None where `part` says it."""

    name: str
    role: str | None = None
    part: str | None = None
    kinds: tuple[Coded, ...] = ()
    numbers: tuple[Number, ...] = ()
    aliases: tuple[str, ...] = ()
    reach: tuple[Reach, ...] = ()
    active: bool | None = None
    description: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Translation:
    """What a text of the record is in another language (BCP 47)."""

    of: str
    language: str
    text: str
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Titled:
    """A further title; `code` is one of HL7's title types, where there is one."""

    title: str
    type: str
    code: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Aim:
    """An objective; `kind` is PRIMARY, SECONDARY or OTHER."""

    kind: str
    text: str
    name: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Decision:
    """What an authority or a committee decided, and when; or another date in the study's life in a region."""

    activity: str
    date: str
    path: str = _path()


@dataclass(frozen=True, slots=True)
class More:
    """All of it; `topics` are coded conditions, `notes` prose under its name."""

    titles: tuple[Titled, ...] = ()
    bodies: tuple[Body, ...] = ()
    notes: tuple[Text, ...] = ()
    topics: tuple[Coded, ...] = ()
    classifiers: tuple[Coded, ...] = ()
    design: tuple[Coded, ...] = ()
    regions: tuple[Coded, ...] = ()
    aims: tuple[Aim, ...] = ()
    decisions: tuple[Decision, ...] = ()
    target: int | None = None
    translations: tuple[Translation, ...] = ()
    protocol: Protocol | None = None
