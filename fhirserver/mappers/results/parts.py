"""The posted results of a trial as its record tells them: tables of groups, measures and counts.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ResultsSection. Reported values stay the words of the
record ('12.30', 'NA', '<0.001'), codes those of its data model. What comes by the thousand is a named tuple, which
costs a quarter of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple


def _path() -> str:
    path: str = field(default="", compare=False)
    return path


@dataclass(frozen=True, slots=True)
class ReportedGroup:
    """Some of those who took part, as one table names them; `id` (OG000) is known in that table alone."""

    id: str | None
    title: str | None = None
    description: str | None = None


class FlowCount(NamedTuple):
    """How many of a group came to a step, or left for a reason."""

    group: str | None
    subjects: str | None = None
    units: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A milestone (STARTED, COMPLETED, …) or a reason to leave."""

    type: str | None
    comment: str | None = None
    counts: tuple[FlowCount, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowPeriod:
    """A stage of the study."""

    title: str | None
    milestones: tuple[FlowStep, ...] = ()
    withdrawals: tuple[FlowStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Flow:
    """How those who take part went through the study."""

    pre_assignment: str | None = None
    recruitment: str | None = None
    units: str | None = None
    groups: tuple[ReportedGroup, ...] = ()
    periods: tuple[FlowPeriod, ...] = ()


class GroupCount(NamedTuple):
    """How many of a group were looked at."""

    group: str | None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Denominator:
    """How many were looked at, group by group, counted in `units` (Participants, Eyes, …)."""

    units: str | None
    counts: tuple[GroupCount, ...] = ()


class Measurement(NamedTuple):
    """What was found in a group."""

    group: str | None
    value: str | None = None
    spread: str | None = None
    lower: str | None = None
    upper: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """A cell of a row for each group."""

    title: str | None = None
    measurements: tuple[Measurement, ...] = ()


@dataclass(frozen=True, slots=True)
class MeasureClass:
    """A row of a measure's table, with its own denominators where fewer were looked at."""

    title: str | None = None
    denominators: tuple[Denominator, ...] = ()
    categories: tuple[Category, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """A statistical analysis of an outcome; `groups` are the ids of those compared."""

    groups: tuple[str, ...] = ()
    description: str | None = None
    other: str | None = None
    parameter: str | None = None
    value: str | None = None
    comment: str | None = None
    dispersion: str | None = None
    dispersion_value: str | None = None
    method: str | None = None
    method_comment: str | None = None
    p_value: str | None = None
    p_value_comment: str | None = None
    sides: str | None = None
    level: str | None = None
    lower: str | None = None
    upper: str | None = None
    lower_comment: str | None = None
    upper_comment: str | None = None
    non_inferiority_tested: bool | None = None
    hypothesis: str | None = None
    hypothesis_comment: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Measure:
    """What was measured and found, at the start or as an outcome; `kind` is PRIMARY, POST_HOC, … for outcomes."""

    title: str | None
    kind: str | None = None
    description: str | None = None
    population: str | None = None
    time_frame: str | None = None
    reporting: str | None = None
    expected: str | None = None
    parameter: str | None = None
    dispersion: str | None = None
    unit: str | None = None
    percent: bool | None = None
    units_analysed: str | None = None
    denominator_units: str | None = None
    groups: tuple[ReportedGroup, ...] = ()
    denominators: tuple[Denominator, ...] = ()
    classes: tuple[MeasureClass, ...] = ()
    analyses: tuple[Analysis, ...] = ()
    path: str = _path()


@dataclass(frozen=True, slots=True)
class Baseline:
    """Who took part: what was known of them at the start."""

    population: str | None = None
    units: str | None = None
    groups: tuple[ReportedGroup, ...] = ()
    denominators: tuple[Denominator, ...] = ()
    measures: tuple[Measure, ...] = ()


class EventTotals(NamedTuple):
    """How many of a group are affected by any event of a kind, of how many at risk."""

    affected: int | None = None
    at_risk: int | None = None


NO_TOTALS = EventTotals()


@dataclass(frozen=True, slots=True)
class EventGroup:
    """A group in which adverse events were counted."""

    group: ReportedGroup
    deaths: EventTotals = NO_TOTALS
    serious: EventTotals = NO_TOTALS
    other: EventTotals = NO_TOTALS


class EventCount(NamedTuple):
    """How often an event happened in a group, and to how many."""

    group: str | None
    events: int | None = None
    affected: int | None = None
    at_risk: int | None = None


@dataclass(frozen=True, slots=True)
class AdverseEvent:
    """One kind of event, by its term."""

    term: str | None
    organ_system: str | None = None
    vocabulary: str | None = None
    assessment: str | None = None
    notes: str | None = None
    counts: tuple[EventCount, ...] = ()


@dataclass(frozen=True, slots=True)
class AdverseEvents:
    """What harm was seen."""

    threshold: str | None = None
    time_frame: str | None = None
    description: str | None = None
    mortality_comment: str | None = None
    groups: tuple[EventGroup, ...] = ()
    serious: tuple[AdverseEvent, ...] = ()
    other: tuple[AdverseEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Agreement:
    """Whether the investigators may publish."""

    employee: bool | None = None
    restrictive: bool | None = None
    restriction: str | None = None
    details: str | None = None
    path: str = _path()


@dataclass(frozen=True, slots=True)
class ResultsContact:
    """Whom to ask about the results."""

    name: str | None = None
    organisation: str | None = None
    email: str | None = None
    phone: str | None = None
    extension: str | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """The posted results; None where the record has no such module."""

    flow: Flow | None = None
    baseline: Baseline | None = None
    outcomes: tuple[Measure, ...] = ()
    events: AdverseEvents | None = None
    limitations: str | None = None
    agreement: Agreement | None = None
    contact: ResultsContact | None = None
