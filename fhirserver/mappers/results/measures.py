"""A measure as an EvidenceVariable, and as one Evidence for each group with a statistic for each cell of its table.

https://hl7.org/fhir/R5/evidence-definitions.html#Evidence.statistic
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from fhirserver.mappers.results.evidence import Study, evidence, labelled, variable, what, whom
from fhirserver.mappers.results.names import group_parts
from fhirserver.mappers.results.numbers import level, odd, quantity, whole
from fhirserver.mappers.results.parts import Denominator, Measure, MeasureClass, Measurement, ReportedGroup
from fhirserver.mappers.results.words import PERCENTAGES, estimate_type, statistic_type

Resource = dict[str, Any]

PARTICIPANTS = "Participants"
ANALYSIS_POPULATION = "Analysis population"
UNITS_ANALYSED = "Units analysed"
DENOMINATOR = "Denominator"
PERCENTAGE = "Percentages"
PARAMETER = "Parameter"
DISPERSION = "Dispersion"
UNIT = "Unit"
VALUE = "Value as reported"
SPREAD = "Spread as reported"
LOWER = "Lower limit as reported"
UPPER = "Upper limit as reported"

_CONTINUOUS = {"MEAN", "MEDIAN", "GEOMETRIC_MEAN", "LEAST_SQUARES_MEAN", "GEOMETRIC_LEAST_SQUARES_MEAN", "LOG_MEAN"}


def measured(id_: str, measure: Measure, lonely: bool) -> Resource:
    """What was measured; `lonely` where it was found in no group."""
    notes = labelled(
        (ANALYSIS_POPULATION, measure.population),
        (UNITS_ANALYSED, measure.units_analysed),
        (DENOMINATOR, measure.denominator_units),
        (PERCENTAGE, PERCENTAGES[measure.percent] if measure.percent is not None else None),
    )
    if lonely:
        # There is no statistic to say so.
        notes += labelled((PARAMETER, measure.parameter), (DISPERSION, measure.dispersion), (UNIT, measure.unit))
    found = variable(id_, measure.title, measure.description, measure.time_frame, notes)
    if measure.parameter in _CONTINUOUS:
        found["handling"] = "continuous"
    return found


def found_in(
    study: Study,
    measured_: Resource,
    measure: Measure,
    table: list[ReportedGroup],
    common: tuple[Denominator, ...],
) -> Iterator[Resource]:
    """What was found, one Evidence a group; `common` are denominators that hold where the measure has none."""
    of_group: dict[str | None, list[Resource]] = {group.id: [] for group in table}
    kinds = _Kinds(measure)
    sizes = {group.id: counted(measure.denominators or common, group.id) for group in table}
    for row, class_ in enumerate(measure.classes, 1):
        for id_, statistic in _row(row, class_, kinds, sizes, table):
            of_group[id_].append(statistic)
    parts = group_parts(group.id for group in table)
    planned = intended(study, measure)
    for group in table:
        statistics = of_group[group.id] or kinds.bare()
        notes = [f"{units}: {value}" for units, value in _of(measure.denominators, group.id)]
        title = ": ".join(part for part in (measure.title, group.title or group.id) if part)
        yield evidence(
            f"{measured_['id']}-{parts[group.id]}",
            title or measured_["id"],
            [whom(study, group, notes=notes), what(measured_, planned)],
            statistics,
        )


def intended(study: Study, measure: Measure) -> str | None:
    """The outcome as planned, where it has the same title."""
    kind = "OTHER" if measure.kind == "OTHER_PRE_SPECIFIED" else measure.kind
    return study.planned.get((kind or "", measure.title or ""))


class _Kinds:
    """What all statistics of a measure share."""

    def __init__(self, measure: Measure) -> None:
        self.unit = measure.unit
        self.type = statistic_type(measure.parameter) if measure.parameter else None
        self.estimate: Resource | None = None
        self.level: Decimal | None = None
        if measure.dispersion:
            self.estimate, percent = estimate_type(measure.dispersion)
            self.level = level(percent)

    def bare(self) -> list[Resource]:
        """A statistic without a value says at least how it would be given."""
        found: Resource = {}
        if self.type:
            found["statisticType"] = self.type
        if self.unit:
            found["quantity"] = {"unit": self.unit}
        if self.estimate:
            found["attributeEstimate"] = [self.attribute()]
        return [found] if found else []

    def attribute(self) -> Resource:
        found: Resource = {"type": self.estimate} if self.estimate else {}
        if self.level is not None:
            found["level"] = self.level
        return found


def table_of(measure: Measure, groups: Iterable[ReportedGroup]) -> list[ReportedGroup]:
    """The groups of the table, then those that only its cells name."""
    found = {group.id: group for group in groups}
    denominators = [*measure.denominators, *(one for row in measure.classes for one in row.denominators)]
    counts = [count.group for one in denominators for count in one.counts]
    cells = [cell.group for row in measure.classes for one in row.categories for cell in one.measurements]
    for id_ in (*counts, *cells):
        if id_ not in found:
            found[id_] = ReportedGroup(id_)
    return list(found.values())


def _row(
    number_: int, row: MeasureClass, kinds: _Kinds, sizes: dict[str | None, int | None], table: list[ReportedGroup]
) -> Iterator[tuple[str | None, Resource]]:
    """The statistics of a row, each with its group; their ids say row and column."""
    met: set[str | None] = set()
    for column, category in enumerate(row.categories, 1):
        cells = category.measurements or _nobody(category.title, table)
        for position, cell in enumerate(cells):
            again = any(other.group == cell.group for other in cells[:position])
            id_ = f"r{number_}c{column}" + (f"n{position}" if again else "")
            yield cell.group, _statistic(id_, row, category.title, cell, kinds, sizes[cell.group])
            met.add(cell.group)
    counted_ = {count.group for one in row.denominators for count in one.counts}
    rest = counted_ - met or ({table[0].id} if table and row.title and not met else set())
    for group in table:
        if group.id in rest:
            yield group.id, _statistic(f"r{number_}", row, None, Measurement(group.id), kinds, sizes[group.id])


def _nobody(title: str | None, table: list[ReportedGroup]) -> tuple[Measurement, ...]:
    """A column without a value keeps its title with the first group."""
    return (Measurement(table[0].id),) if title and table else ()


def _statistic(
    id_: str, row: MeasureClass, category: str | None, cell: Measurement, kinds: _Kinds, size: int | None
) -> Resource:
    found: Resource = {"id": id_}
    if row.title:
        found["description"] = row.title
    value = quantity(cell.value, kinds.unit)
    notes = labelled((VALUE, cell.value if odd(value, cell.value) else None))
    if cell.comment:
        notes.append({"text": cell.comment})
    if notes:
        found["note"] = notes
    if kinds.type:
        found["statisticType"] = kinds.type
    if category:
        found["category"] = {"text": category}
    if value:
        found["quantity"] = value
    if sample := _sample(size, _of(row.denominators, cell.group)):
        found["sampleSize"] = sample
    if estimate := dispersion(kinds.attribute(), cell.spread, cell.lower, cell.upper):
        found["attributeEstimate"] = [estimate]
    return found


def dispersion(found: Resource, spread: str | None, lower: str | None, upper: str | None) -> Resource:
    """How far values lie apart: `found` with its numbers, and the words where there are none."""
    around = quantity(spread)
    low, high = quantity(lower, compared=False), quantity(upper, compared=False)
    if "value" in low and "value" in high and low["value"] > high["value"]:
        low, high = {}, {}
    notes = labelled(
        (SPREAD, spread if odd(around, spread) else None),
        (LOWER, lower if odd(low, lower) else None),
        (UPPER, upper if odd(high, upper) else None),
    )
    if around:
        found["quantity"] = around
    if between := {name: end for name, end in (("low", low), ("high", high)) if end}:
        found["range"] = between
    if notes:
        found["note"] = notes
    return found


def counted(denominators: Iterable[Denominator], group: str | None) -> int | None:
    """How many participants of a group were looked at."""
    return next((whole(value) for units, value in _of(denominators, group) if units == PARTICIPANTS), None)


def _of(denominators: Iterable[Denominator], group: str | None) -> list[tuple[str, str]]:
    """(units, value) for a group."""
    return [
        (one.units or "", count.value or "") for one in denominators for count in one.counts if count.group == group
    ]


def _sample(size: int | None, of_row: list[tuple[str, str]]) -> Resource:
    """The size of a sample: of the group, and of those of them in a row."""
    found: Resource = {}
    notes = []
    for units, value in of_row:
        known = whole(value) if units == PARTICIPANTS and "knownDataCount" not in found else None
        if known is None:
            notes.append({"text": f"{units}: {value}"})
        else:
            found["knownDataCount"] = known
    if size is not None:
        found["numberOfParticipants"] = size
    if notes:
        found["note"] = notes
    return found
