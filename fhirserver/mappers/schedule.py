"""A schedule of activities as PlanDefinitions: an action an epoch, below it one a visit, below that one an activity.

https://hl7.org/fhir/R5/plandefinition.html, https://hl7.org/fhir/uv/vulcan-schedule/ (the extension for windows)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.codes import THO
from fhirserver.mappers.concepts import codeable
from fhirserver.mappers.durations import duration, shifted
from fhirserver.mappers.identity import identifier, reference, uri
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.protocol_keys import Keys
from fhirserver.mappers.protocol_parts import Applies, Coded, Encounter, Epoch, Protocol, Rule, Timeline, Timing, Visit

Resource = dict[str, Any]

WINDOW = "http://hl7.org/fhir/uv/vulcan-schedule/StructureDefinition/AcceptableOffsetRangeSoa"


def timelines(protocol: Protocol, names: Naming, keys: Keys, issues: list[Issue]) -> list[Resource]:
    """A PlanDefinition a timeline, the study's own first."""
    return [_Plan(protocol, names, keys, issues).plan(one) for one in protocol.timelines]


def condition(kind: str, text: str, description: str | None = None) -> Resource:
    """A condition in the words of the record, for people to judge."""
    return {
        "kind": kind,
        "expression": {"description": description or text, "language": "text/plain", "expression": text},
    }


def ruled(rules: Iterable[Rule]) -> list[Resource]:
    """What starts and stops an action; the rule's own name stands before its words."""
    return [
        condition(one.kind, one.text, ": ".join(part for part in (one.name, one.note, one.text) if part))
        for one in rules
    ]


class _Plan:
    """One protocol's things by their keys."""

    def __init__(self, protocol: Protocol, names: Naming, keys: Keys, issues: list[Issue]) -> None:
        self._names = names
        self._keys = keys
        self._issues = issues
        self._epochs: Mapping[str, Epoch] = {one.named.key: one for one in protocol.epochs}
        self._encounters: Mapping[str, Encounter] = {one.named.key: one for one in protocol.encounters}
        self._activities = {one.named.key: one for one in protocol.activities}
        self._conditions = protocol.conditions
        self._ids: dict[str, str] = {}

    def plan(self, timeline: Timeline) -> Resource:
        """The PlanDefinition of a timeline."""
        id_ = self._keys.timelines[timeline.named.key]
        title = f"{timeline.named.title} of {self._names.stem}"
        self._ids = {one.named.key: f"visit-{number}" for number, one in enumerate(timeline.visits, 1)}
        actions = self._epochs_of(timeline)
        found: Resource = {
            "resourceType": "PlanDefinition",
            "id": id_,
            "text": _text(title, timeline, self._encounters, self._activities),
            "url": uri("PlanDefinition", id_),
            "identifier": [identifier("PlanDefinition", id_)],
            "name": timeline.named.name,
            "title": title,
            "type": {"coding": [{"system": THO + "plan-definition-type", "code": "clinical-protocol"}]},
            "status": "active",
            "subjectReference": reference("Group", self._names.eligibility),
        }
        if timeline.named.description:
            found["description"] = timeline.named.description
        said = [f"Planned duration: {timeline.duration}" if timeline.duration else None, *timeline.named.notes]
        if usage := "\n\n".join(part for part in said if part):
            found["usage"] = usage
        if actions:
            found["action"] = actions
        return found

    def _epochs_of(self, timeline: Timeline) -> list[Resource]:
        """The visits in order, those of an epoch below it."""
        found: list[Resource] = []
        groups: dict[str, Resource] = {}
        for visit in timeline.visits:
            action = self._visit(visit, timeline)
            epoch = self._epochs.get(visit.epoch or "")
            if epoch is None:
                found.append(action)
                continue
            group = groups.get(epoch.named.key)
            if group is None:
                group = groups[epoch.named.key] = self._epoch(epoch)
                found.append(group)
            group["action"].append(action)
        return found

    def _epoch(self, epoch: Epoch) -> Resource:
        id_ = self._keys.epochs[epoch.named.key]
        found: Resource = {"id": id_, "linkId": id_, "title": epoch.named.title}
        described = [epoch.named.name if epoch.named.label else None, epoch.named.description, *epoch.named.notes]
        if said := "\n".join(part for part in described if part):
            found["description"] = said
        if epoch.type:
            found["code"] = codeable(epoch.type)
        return found | {"groupingBehavior": "logical-group", "action": []}

    def _visit(self, visit: Visit, timeline: Timeline) -> Resource:
        id_ = self._ids[visit.named.key]
        encounter = self._encounters.get(visit.encounter or "")
        named = encounter.named if encounter else visit.named
        found: Resource = {"id": id_, "linkId": id_, "prefix": visit.named.name, "title": named.title}
        if said := _described(visit, encounter):
            found["description"] = said
        if told := _told(visit, encounter):
            found["textEquivalent"] = told
        if encounter and encounter.type:
            found["code"] = codeable(encounter.type)
        conditions = ruled(encounter.rules) if encounter else []
        if timeline.entry == visit.named.key and timeline.entry_condition:
            conditions.insert(0, condition("start", timeline.entry_condition))
        conditions += [_condition(one) for one in self._conditions if visit.named.key in one.targets]
        if conditions:
            found["condition"] = conditions
        if related := self._related(visit):
            found["relatedAction"] = related
        if encounter and encounter.settings:
            codes = [each for one in encounter.settings for each in codeable(one).get("coding", ())]
            text = ", ".join(one.display for one in encounter.settings)
            found["location"] = {"concept": {"coding": codes, "text": text} if codes else {"text": text}}
        if visit.branches:
            found |= {"selectionBehavior": "at-most-one", "requiredBehavior": "could"}
        if visit.timeline in self._keys.timelines:
            found["definitionCanonical"] = uri("PlanDefinition", self._keys.timelines[visit.timeline])
        children = [self._branch(id_, number, one) for number, one in enumerate(visit.branches, 1)]
        children += [
            self._activity(f"{id_}-activity-{number}", key, visit.named.key)
            for number, key in enumerate(visit.activities, 1)
            if key in self._activities
        ]
        if children:
            found["action"] = children
        return found

    def _branch(self, id_: str, number: int, branch: Any) -> Resource:
        found: Resource = {"id": f"{id_}-branch-{number}", "linkId": f"{id_}-branch-{number}"}
        found["title"] = branch.condition
        found["condition"] = [condition("applicability", branch.condition)]
        if branch.target in self._ids:
            found["relatedAction"] = [{"targetId": self._ids[branch.target], "relationship": "before"}]
        return found

    def _activity(self, id_: str, key: str, visit: str) -> Resource:
        activity = self._activities[key]
        found: Resource = {"id": id_, "linkId": id_, "title": activity.named.title}
        its = {key, *(one.named.key for one in activity.procedures)}
        said = [
            _condition(one)
            for one in self._conditions
            if its.intersection(one.targets) and (not one.contexts or visit in one.contexts)
        ]
        if said:
            found["condition"] = said
        return found | {"definitionCanonical": uri("ActivityDefinition", self._keys.activities[key])}

    def _related(self, visit: Visit) -> list[Resource]:
        """How far from which visits; then what follows, where no time says so."""
        found = [one for timing in visit.timings if (one := self._timed(timing, visit))]
        target = self._ids.get(visit.following or "")
        if target and target != self._ids[visit.named.key] and all(one["targetId"] != target for one in found):
            found.append({"targetId": target, "relationship": "before"})
        return found

    def _timed(self, timing: Timing, visit: Visit) -> Resource | None:
        """A visit's distance from another. The fixed point that others are measured from has none."""
        kind = timing.kind.display.casefold()
        target = self._ids.get(timing.target or "")
        if kind not in ("before", "after") or target is None or timing.target == visit.named.key:
            return None
        start, _, end = (timing.between.display if timing.between else "").casefold().partition(" to ")
        edges = {"start": f"{kind}-start", "end": f"{kind}-end"}
        found: Resource = {"id": self._keys.timings[timing.named.key]}
        offset = duration(timing.value)
        window = self._window(timing, offset) if offset else None
        if window:
            found["extension"] = [{"url": WINDOW, "valueRange": window}]
        found |= {"targetId": target, "relationship": edges.get(end, kind)}
        if start == "end":
            found["endRelationship"] = edges.get(end, kind)
        if offset:
            found["offsetDuration"] = offset
        elif timing.value:
            self._odd(timing, timing.value)
        return found

    def _window(self, timing: Timing, offset: Resource) -> Resource | None:
        """The offsets that are acceptable, as a Range: what is earlier lies further from a visit that comes after."""
        found: Resource = {}
        before = timing.kind.display.casefold() == "before"
        sides = (
            ("low", timing.upper if before else timing.lower, -1),
            ("high", timing.lower if before else timing.upper, 1),
        )
        for side, said, sign in sides:
            if said is None:
                continue
            by = duration(said)
            limit = shifted(offset, by, sign) if by else None
            if limit is None:
                self._odd(timing, said)
                return None
            found[side] = limit
        return found or None

    def _odd(self, timing: Timing, said: str) -> None:
        self._issues.append(
            Issue("warning", "value", f"'{said}' is no duration of one unit; it was left out.", (timing.named.path,))
        )


def _condition(one: Applies) -> Resource:
    named = one.named
    label = ": ".join(part for part in (named.name, named.label, named.description) if part)
    return condition("applicability", one.text, f"{label}: {one.text}")


def _described(visit: Visit, encounter: Encounter | None) -> str | None:
    """Both descriptions and both labels, for a visit is an encounter at a point of the schedule."""
    found: dict[str, None] = {}
    for named in (encounter.named if encounter else None, visit.named):
        if named:
            for part in (
                named.description,
                named.name if encounter and named is encounter.named else None,
                named.label,
            ):
                if part:
                    found.setdefault(part)
            for note in named.notes:
                found.setdefault(note)
    return "\n".join(found) or None


def _told(visit: Visit, encounter: Encounter | None) -> str | None:
    """How and when, in words."""
    said = [f"Contact: {_worded(one)}" for one in encounter.modes] if encounter else []
    for one in visit.timings:
        named = one.named
        parts = (
            named.name,
            named.label,
            named.description,
            _worded(one.kind),
            one.words,
            one.between and _worded(one.between),
        )
        text = "; ".join(part for part in parts if part)
        said.append(f"Timing: {text}" + (f"; window {one.window}" if one.window else ""))
    return "\n\n".join(said) or None


def _worded(code: Coded) -> str:
    """'Before (C201357)': there is no element for the code."""
    return f"{code.display} ({code.code})" if code.code else code.display


def _text(
    title: str, timeline: Timeline, encounters: Mapping[str, Encounter], activities: Mapping[str, Any]
) -> Resource:
    rows = []
    for visit in timeline.visits:
        encounter = encounters.get(visit.encounter or "")
        label = encounter.named.title if encounter else visit.named.title
        when = [timing.words for timing in visit.timings if timing.words]
        does = [activities[key].named.title for key in visit.activities if key in activities]
        rows.append((f"{label} ({', '.join(when)})" if when else label, does))
    return narrative(title, rows, timeline.named.description)
