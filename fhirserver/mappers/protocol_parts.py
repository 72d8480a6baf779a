"""The parts of a protocol that study definitions have and registry records lack: schedule, objectives, estimands, text.

https://www.cdisc.org/ddf (Unified Study Definitions Model). Things refer to each other by the keys that the record
gives them; paths take no part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fhirserver.mappers.parts import Eligibility, Text


def _path() -> str:
    path: str = field(default="", compare=False)
    return path


@dataclass(frozen=True, slots=True)
class Coded:
    """A code of a terminology with its words; `system` is an address, or None for a code of the sponsor's own."""

    display: str
    code: str | None = None
    system: str | None = None
    version: str | None = None
    aliases: tuple[Coded, ...] = ()
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Named:
    """What most parts have: the key others know it by, a short name, a label for people, a description."""

    key: str
    name: str
    label: str | None = None
    description: str | None = None
    notes: tuple[str, ...] = ()
    path: str = _path()

    @property
    def title(self) -> str:
        """What to show."""
        return self.label or self.name


@dataclass(frozen=True, slots=True)
class Rule:
    """Prose that says when something starts, stops or applies; for people to judge."""

    kind: Literal["start", "stop", "applicability"]
    text: str
    name: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Epoch:
    """A period of the study."""

    named: Named
    type: Coded | None = None


@dataclass(frozen=True, slots=True)
class Encounter:
    """A planned contact with the subject."""

    named: Named
    type: Coded | None = None
    settings: tuple[Coded, ...] = ()
    modes: tuple[Coded, ...] = ()
    rules: tuple[Rule, ...] = ()
    timing: str | None = None


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure of an activity."""

    named: Named
    type: str | None = None
    code: Coded | None = None
    intervention: int | None = None


@dataclass(frozen=True, slots=True)
class Activity:
    """What is done at encounters; `concepts` are keys of biomedical concepts, `timeline` that of its own schedule."""

    named: Named
    concepts: tuple[str, ...] = ()
    procedures: tuple[Procedure, ...] = ()
    children: tuple[str, ...] = ()
    timeline: str | None = None


@dataclass(frozen=True, slots=True)
class Timing:
    """How far a visit lies from another: an ISO 8601 duration with its window, and the words for both."""

    named: Named
    kind: Coded
    value: str | None = None
    words: str | None = None
    between: Coded | None = None
    target: str | None = None
    lower: str | None = None
    upper: str | None = None
    window: str | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """Where a decision leads under a condition."""

    condition: str
    target: str


@dataclass(frozen=True, slots=True)
class Visit:
    """One point of a timeline: the activities of an encounter, or a decision; `following` is what comes next."""

    named: Named
    epoch: str | None = None
    encounter: str | None = None
    activities: tuple[str, ...] = ()
    following: str | None = None
    timings: tuple[Timing, ...] = ()
    branches: tuple[Branch, ...] = ()
    timeline: str | None = None


@dataclass(frozen=True, slots=True)
class Timeline:
    """A schedule; `main` is the study's, the others belong to activities or visits."""

    named: Named
    main: bool
    entry_condition: str | None = None
    entry: str | None = None
    duration: str | None = None
    visits: tuple[Visit, ...] = ()


@dataclass(frozen=True, slots=True)
class Applies:
    """A condition on activities or procedures, at some visits or, where `contexts` is empty, at all."""

    named: Named
    text: str
    contexts: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Property:
    """One value that a biomedical concept collects."""

    named: Named
    code: Coded | None = None
    datatype: str | None = None
    required: bool | None = None
    enabled: bool | None = None
    responses: tuple[Response, ...] = ()


@dataclass(frozen=True, slots=True)
class Response:
    """A value that a property may take."""

    named: Named
    code: Coded
    enabled: bool | None = None


@dataclass(frozen=True, slots=True)
class Concept:
    """A biomedical concept; a surrogate has no code yet."""

    named: Named
    code: Coded | None = None
    synonyms: tuple[str, ...] = ()
    link: str | None = None
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True, slots=True)
class Objective:
    """What the study is to find out; `outcomes` are positions in Trial.outcomes, `kind` as an outcome's."""

    named: Named
    text: str
    kind: str
    level: Coded | None = None
    outcomes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Intercurrent:
    """An event that breaks off or changes treatment, and how it is dealt with."""

    named: Named
    text: str | None = None
    strategy: str | None = None


@dataclass(frozen=True, slots=True)
class Estimand:
    """What is to be estimated: in whom, of what, on which outcome, summed up how."""

    named: Named
    summary: str | None = None
    population: Population | None = None
    interventions: tuple[int, ...] = ()
    outcome: int | None = None
    events: tuple[Intercurrent, ...] = ()


@dataclass(frozen=True, slots=True)
class Population:
    """Whose data are analysed."""

    named: Named
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Cohort:
    """A part of the population with limits of its own."""

    named: Named
    eligibility: Eligibility
    planned: int | None = None
    completing: int | None = None


@dataclass(frozen=True, slots=True)
class Element:
    """What happens in one arm during one epoch; `interventions` are positions in Trial.interventions."""

    named: Named
    rules: tuple[Rule, ...] = ()
    interventions: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """An arm's position in Trial.arms, an epoch, and what is done there."""

    arm: int
    epoch: str
    elements: tuple[Element, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the protocol's text, as HTML; number and title are printed where shown, `item` names the text."""

    name: str
    number: str | None = None
    title: str | None = None
    html: str | None = None
    parts: tuple[Section, ...] = ()
    number_shown: bool = True
    title_shown: bool = True
    item: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Document:
    """The protocol as a document."""

    named: Named
    version: str | None = None
    status: str | None = None
    language: Coded | None = None
    type: Coded | None = None
    template: str | None = None
    date: str | None = None
    dates: tuple[Text, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True, slots=True)
class Protocol:
    """All of it."""

    epochs: tuple[Epoch, ...] = ()
    encounters: tuple[Encounter, ...] = ()
    activities: tuple[Activity, ...] = ()
    timelines: tuple[Timeline, ...] = ()
    conditions: tuple[Applies, ...] = ()
    concepts: tuple[Concept, ...] = ()
    objectives: tuple[Objective, ...] = ()
    estimands: tuple[Estimand, ...] = ()
    cohorts: tuple[Cohort, ...] = ()
    cells: tuple[Cell, ...] = ()
    documents: tuple[Document, ...] = ()
