"""The EvidenceReport of a study and what its sections lead to.

https://hl7.org/fhir/R5/evidencereport.html
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import after, markup, notes
from fhirserver.mappers.results.numbers import said

REPORT = "EvidenceReport"


@dataclass(frozen=True, slots=True)
class Table:
    """A section: what was measured, and what was found in each group."""

    section: Resource
    measured: Resource
    found: tuple[Resource, ...]


@dataclass(frozen=True, slots=True)
class Statistic:
    """A statistic of a group, by its id."""

    id: str
    group: str | None
    said: Resource


def report(found: Gathered) -> Resource:
    """The report on the study, empty where there is none."""
    reports = (one for one in found.all(found.study.get("result")) if one["resourceType"] == REPORT)
    return next(reports, {})


def section(found: Gathered, title: str) -> Resource:
    """A section of the report, empty where there is none."""
    return next((one for one in report(found).get("section", ()) if one.get("title") == title), {})


def table(found: Gathered, of: Resource) -> Table:
    """What a section leads to."""
    measured = found.get(of.get("focusReference")) or {}
    return Table(of, measured, tuple(found.all(of.get("entryReference"))))


def tables(found: Gathered, title: str) -> list[Table]:
    """What the parts of a section lead to."""
    return [table(found, part) for part in section(found, title).get("section", ())]


def groups(found: Gathered, of: tuple[Resource, ...]) -> list[Resource]:
    """The groups that Evidence is about, one each."""
    told = []
    for one in of:
        observed = _population(one).get("observed", {})
        group = found.get(observed) or {}
        told.append(
            {
                "id": group_id(one),
                "title": observed.get("display"),
                "description": markup(group.get("description")),
            }
        )
    return told


def group_id(evidence: Resource) -> str | None:
    """The id in its table of the group that an Evidence is about."""
    return reported(_population(evidence))


def reported(variable: Resource) -> str | None:
    """The id in its table of a group."""
    found = variable.get("observed", {}).get("identifier", {}).get("value")
    return found if isinstance(found, str) else None


def looked_at(evidence: Resource) -> list[tuple[str, str]]:
    """(units, value) of the denominators of a group."""
    return [counted(text) for text in notes(_population(evidence))]


def counted(text: str) -> tuple[str, str]:
    """(units, value) of 'Eyes: 22'."""
    units, _, value = text.rpartition(": ")
    return units, value


def statistics(of: tuple[Resource, ...]) -> Iterator[Statistic]:
    """The statistics of all groups."""
    for one in of:
        for statistic in one.get("statistic", ()):
            yield Statistic(statistic.get("id", ""), group_id(one), statistic)


def denominators(of: list[tuple[str | None, list[tuple[str, str]]]]) -> list[Resource]:
    """Denominators from those of each group."""
    units: dict[str, list[Resource]] = {}
    for group, counts in of:
        for unit, value in counts:
            units.setdefault(unit, []).append({"groupId": group, "value": value})
    return [{"units": unit, "counts": counts} for unit, counts in units.items()]


def value_of(quantity: Resource | None, texts: list[str], label: str) -> str | None:
    """A reported number: its words where they are more than the quantity says."""
    return after(texts, label) or said(quantity)


def unlabelled(texts: list[str], *labels: str) -> str | None:
    """The first note that stands under none of these labels."""
    starts = tuple(f"{label}: " for label in labels)
    return next((text for text in texts if not text.startswith(starts)), None)


def time_frame(measured: Resource) -> str | None:
    """When it was measured."""
    for one in measured.get("characteristic", ()):
        for when in one.get("timeFromEvent", ()):
            if isinstance(when.get("description"), str):
                return str(when["description"])
    return None


def _population(evidence: Resource) -> Resource:
    found: Resource = next(iter(evidence.get("variableDefinition", ())), {})
    return found
