"""The neutral trial: what a registry record says, free of the record's format.

https://hl7.org/fhir/R5/researchstudy.html says what becomes of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fhirserver.errors import Issue
from fhirserver.mappers.identity import CLINICAL_TRIALS_GOV
from fhirserver.mappers.more_parts import More
from fhirserver.mappers.parts import (
    Arm,
    Artifact,
    Design,
    Eligibility,
    Enrolment,
    Event,
    Identifier,
    Intervention,
    Mesh,
    Moment,
    Outcome,
    Party,
    Person,
    Site,
    Text,
    Value,
)
from fhirserver.mappers.registry_parts import Registered
from fhirserver.mappers.results.parts import Results


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial as its record tells it."""

    identifiers: tuple[Identifier, ...] = ()
    title: Text | None = None
    official_title: Text | None = None
    acronym: Text | None = None
    organisation: Party | None = None
    sponsor: Party | None = None
    collaborators: tuple[Party, ...] = ()
    funders: tuple[Text, ...] = ()
    responsible: Person | None = None
    officials: tuple[Person, ...] = ()
    contacts: tuple[Person, ...] = ()
    status: Text | None = None
    last_known_status: Text | None = None
    why_stopped: Text | None = None
    verified: Moment | None = None
    start: Moment | None = None
    completion: Moment | None = None
    events: tuple[Event, ...] = ()
    version: Text | None = None
    fda_drug: Value[bool] | None = None
    fda_device: Value[bool] | None = None
    oversight: tuple[Text, ...] = ()
    facts: tuple[Text, ...] = ()
    """What else is said of the study, in the words of study_facts."""
    record_facts: tuple[Text, ...] = ()
    """What is said of the record itself."""
    summary: Text | None = None
    description: Text | None = None
    conditions: tuple[Text, ...] = ()
    keywords: tuple[Text, ...] = ()
    condition_terms: tuple[Mesh, ...] = ()
    intervention_terms: tuple[Mesh, ...] = ()
    design: Design = field(default_factory=Design)
    enrolment: Enrolment | None = None
    arms: tuple[Arm, ...] = ()
    interventions: tuple[Intervention, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    eligibility: Eligibility = field(default_factory=Eligibility)
    sites: tuple[Site, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    data_sharing: Text | None = None
    data_sharing_notes: tuple[Text, ...] = ()
    more: More | None = None
    results: Results | None = None
    registered: Registered = field(default_factory=Registered)

    @property
    def registry(self) -> str:
        """The system of that number."""
        return next((i.system for i in self.identifiers if i.kind == "registry" and i.system), CLINICAL_TRIALS_GOV)

    @property
    def registry_id(self) -> str | None:
        """The number of the registry, NCT02083731."""
        return next((i.value for i in self.identifiers if i.kind == "registry"), None)


@dataclass(frozen=True, slots=True)
class Reading:
    """A trial as read: what the reader could not place, the format it found, and the record's SHA-256 in hex."""

    trial: Trial
    issues: tuple[Issue, ...]
    format: str
    sha256: str
    size: int
    media_type: str
