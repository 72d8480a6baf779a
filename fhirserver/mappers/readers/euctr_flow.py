"""The flow of subjects in an EU Clinical Trials Register record: periods, milestones, who left and why.

https://www.clinicaltrialsregister.eu/about.html (EudraCT results, schema 1.x, as JSON)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fhirserver.mappers.readers import spoken
from fhirserver.mappers.readers.euctr_parts import several, value, worded
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.readers.usdm_parts import joined
from fhirserver.mappers.results.parts import Flow, FlowCount, FlowPeriod, FlowStep, ReportedGroup


def flow(node: Node, periods: Iterable[Node], arms: dict[str, ReportedGroup]) -> Flow | None:
    """The flow; None where nothing is said of it. Fills `arms`."""
    if node.empty:
        return None
    reasons = {
        one.line("id"): joined((one.line("otherReason"), worded(value(one, "type"))), ": ")
        for name, part in (("reasonsNotCompleted", "reasonNotCompleted"), ("reasonsJoined", "reasonJoined"))
        for one in several(node, name, part)
    }
    found = [_period(one, arms, reasons) for one in periods]
    return Flow(
        pre_assignment=node.prose("screeningInformation"),
        recruitment=node.prose("recruitmentDetails"),
        groups=tuple(arms.values()),
        periods=tuple(found),
    )


def _period(node: Node, arms: dict[str, ReportedGroup], reasons: Mapping[str | None, str]) -> FlowPeriod:
    started, completed = node.child("startedMilestone"), node.child("completedMilestone")
    titles = {started.line("id"): "STARTED", completed.line("id"): "COMPLETED"}
    for one in several(node, "otherMilestones", "otherMilestone"):
        titles[one.line("id")] = one.line("title") or "Milestone"
    steps: dict[str | None, list[FlowCount]] = {key: [] for key in titles}
    left: dict[str | None, list[FlowCount]] = {}
    for arm in several(node, "arms", "arm"):
        key = arm.line("id") or arm.path
        reached = [arm.child("startedMilestoneAchievement"), arm.child("completedMilestoneAchievement")]
        reached += several(arm, "otherMilestoneAchievements", "otherMilestoneAchievement")
        for one in reached:
            milestone = (
                one.line("startedMilestoneId") or one.line("completedMilestoneId") or one.line("otherMilestoneId")
            )
            count = one.line("subjects")
            if milestone in steps and count:
                steps[milestone].append(FlowCount(key, count))
        for name in ("notCompletedReasonDetails", "joinedReasonDetails"):
            for one in several(arm, name, "reasonDetail"):
                reason = one.line("reasonNotCompletedId") or one.line("reasonJoinedId")
                if count := one.line("subjects"):
                    left.setdefault(reason, []).append(FlowCount(key, count))
        products = [
            joined([one.value for one in spoken.lines(product, _version)], "; ")
            for product in several(arm, "armProducts", "armProduct")
        ]
        kind = worded(value(arm, "type"))
        rest = [one.value for one in spoken.lines(arm, lambda name: name == "id")]
        said = joined((arm.prose("description"), kind and f"Type: {kind}", *products, *rest), "\n")
        arms.setdefault(key, ReportedGroup(key, arm.line("title"), said or None))
    node.skip("id")
    about = [one.value.removesuffix(" – ") for one in spoken.lines(node, _version)]
    title = joined((node.line("title"), *(_code(one) for one in about)))
    return FlowPeriod(
        title or None,
        tuple(FlowStep(titles[key], None, tuple(counts)) for key, counts in steps.items()),
        tuple(FlowStep(reasons.get(key) or "Reason", None, tuple(counts)) for key, counts in left.items()),
    )


def _version(name: str) -> bool:
    return name in ("id", "version")


def _code(line: str) -> str:
    """'Blinding type – Value: BLINDING.single' is 'Blinding type: single'."""
    name, _, said = line.partition(": ")
    return f"{name.removesuffix(' – Value')}: {said.rpartition('.')[2] if said.isascii() and ' ' not in said else said}"
