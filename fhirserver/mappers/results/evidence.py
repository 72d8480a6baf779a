"""What every Evidence and EvidenceVariable of a study's results has: its name, whom it is about, what was measured.

https://hl7.org/fhir/R5/evidence.html, https://hl7.org/fhir/R5/evidencevariable.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver.mappers.identity import identifier, reference
from fhirserver.mappers.narrative import Row, narrative
from fhirserver.mappers.results.names import Key, key
from fhirserver.mappers.results.parts import ReportedGroup
from fhirserver.mappers.results.words import role

Resource = dict[str, Any]

POPULATION = "population"
EXPOSURE = "exposure"
MEASURED = "measuredVariable"


@dataclass(frozen=True, slots=True)
class Study:
    """The study whose results are mapped, and the ids of its reported groups."""

    stem: str
    groups: Mapping[Key, str]
    planned: Mapping[tuple[str, str], str]
    """The ids of the outcomes as planned, by kind (PRIMARY, SECONDARY, OTHER) and title."""

    def id(self, *parts: str) -> str:
        """The id of one of its resources."""
        return "-".join((self.stem, *parts))


def labelled(*pairs: tuple[str, str | None]) -> list[Resource]:
    """Notes under their labels: 'Analysis population: …'."""
    return [{"text": f"{label}: {text}"} for label, text in pairs if text]


def whom(study: Study, group: ReportedGroup, as_: str = POPULATION, notes: Sequence[str] = ()) -> Resource:
    """The variable that is a reported group; its id in the table is the reference's identifier."""
    observed: Resource = {}
    if (id_ := study.groups.get(key(group))) is not None:
        observed |= reference("Group", id_)
    if group.id:
        observed["identifier"] = {"value": group.id}
    if group.title:
        observed["display"] = group.title
    found: Resource = {}
    if notes:
        found["note"] = [{"text": note} for note in notes]
    found["variableRole"] = role(as_)
    if observed:
        found["observed"] = observed
    return found


def what(variable: Resource, planned: str | None = None) -> Resource:
    """The variable that was measured, and that was planned to be."""
    kind, id_, title = variable["resourceType"], variable["id"], variable.get("title")
    found: Resource = {"variableRole": role(MEASURED), "observed": reference(kind, id_, title)}
    if planned:
        found["intended"] = reference(kind, planned, title)
    return found


def evidence(
    id_: str, title: str, variables: list[Resource], statistics: list[Resource], description: str | None = None
) -> Resource:
    """An Evidence about one group or comparison."""
    found: Resource = {
        "resourceType": "Evidence",
        "id": id_,
        "text": narrative(title, _rows(statistics), description),
        "identifier": [identifier("Evidence", id_)],
        "title": title,
        "status": "active",
    }
    if description:
        found["description"] = description
    found["variableDefinition"] = variables
    if statistics:
        found["statistic"] = statistics
    return found


def variable(
    id_: str, title: str | None, description: str | None, time_frame: str | None, notes: list[Resource]
) -> Resource:
    """An EvidenceVariable: what was measured, and when."""
    found: Resource = {
        "resourceType": "EvidenceVariable",
        "id": id_,
        "text": narrative(title or id_, [("Time frame", time_frame)], description),
        "identifier": [identifier("EvidenceVariable", id_)],
    }
    if title:
        found["title"] = title
    found["status"] = "active"
    if description:
        found["description"] = description
    if notes:
        found["note"] = notes
    found["actual"] = True
    if time_frame:
        found["characteristic"] = [{"timeFromEvent": [{"description": time_frame}]}]
    return found


def _rows(statistics: Iterable[Resource]) -> Iterable[Row]:
    for one in statistics:
        label = [one.get("description"), one.get("category", {}).get("text")]
        name = ", ".join(part for part in label if part) or one.get("statisticType", {}).get("text", "")
        yield name, _said(one)


def _said(one: Resource) -> str:
    """A statistic in words."""
    parts = [_number(one.get("quantity"))]
    if "numberAffected" in one:
        parts.append(f"{one['numberAffected']} affected")
    if "numberOfEvents" in one:
        parts.append(f"{one['numberOfEvents']} events")
    sample = one.get("sampleSize", {})
    known = sample.get("knownDataCount", sample.get("numberOfParticipants"))
    if known is not None:
        parts.append(f"of {known}")
    for estimate in one.get("attributeEstimate", ()):
        between = estimate.get("range", {})
        limits = [_number(between.get(end)) for end in ("low", "high") if end in between]
        number = " to ".join(limits) if limits else _number(estimate.get("quantity"))
        if number:
            kind = estimate.get("type", {}).get("text")
            parts.append(f"({kind} {number})" if kind else f"({number})")
    parts += [note["text"] for note in one.get("note", ())]
    return " ".join(part for part in parts if part)


def _number(found: Resource | None) -> str:
    if not found or "value" not in found:
        return ""
    value = found["value"]
    text = f"{found.get('comparator', '')}{value if isinstance(value, int) else format(value, 'f')}"
    return f"{text} {found['unit']}" if "unit" in found else text
