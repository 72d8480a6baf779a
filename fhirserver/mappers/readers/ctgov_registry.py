"""Documents, annotations and derived data of a ClinicalTrials.gov study.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#DerivedSection
"""

from __future__ import annotations

from collections.abc import Iterator

from fhirserver.mappers.parts import Mesh
from fhirserver.mappers.readers.node import Node
from fhirserver.mappers.registry_parts import Branch, Browse, Document, Leaf, Registered, Step, Violation
from fhirserver.mappers.registry_words import (
    COMMENTS,
    ESTIMATED,
    FIRST_COMMENTS,
    SUBMISSION,
    SUBMITTED,
    UNKNOWN_DATE,
    UNPOSTED,
    VIOLATION,
    VIOLATION_DATES,
)

_TERM = {"id": str, "term": str}
_LEAF = {"id": str, "name": str, "asFound": str, "relevance": str}
_BRANCH = {"abbrev": str, "name": str}


def registered(root: Node) -> Registered:
    """What the registry adds to the record."""
    large = root.child("documentSection").child("largeDocumentModule")
    annotations = root.child("annotationSection").child("annotationModule")
    derived = root.child("derivedSection")
    misc = derived.child("miscInfoModule")
    unposted = annotations.child("unpostedAnnotation")
    violations = annotations.child("violationAnnotation").children("violationEvents")
    plan = large.flag("noSap")
    weights = misc.child("modelPredictions").child("bmiLimits")
    return Registered(
        documents=tuple(_document(node) for node in large.children("largeDocs")),
        no_analysis_plan=plan.value if plan else None,
        steps=(
            *_tracking(misc.child("submissionTracking")),
            *_unposted(unposted),
            *_violation_steps(violations),
        ),
        unposted_party=unposted.said("unpostedResponsibleParty"),
        violations=tuple(Violation(one.said("type"), one.prose("description")) for one in violations),
        removed_countries=tuple(country.value for country in misc.lines("removedCountries")),
        lowest_bmi=_number(weights, "minBmi"),
        highest_bmi=_number(weights, "maxBmi"),
        conditions=_browse(derived.child("conditionBrowseModule")),
        interventions=_browse(derived.child("interventionBrowseModule")),
    )


def _document(node: Node) -> Document:
    protocol, plan, consent = node.flag("hasProtocol"), node.flag("hasSap"), node.flag("hasIcf")
    return Document(
        kind=node.said("typeAbbrev"),
        label=node.said("label"),
        file=node.said("filename"),
        date=node.date("date"),
        uploaded=node.said("uploadDate"),
        size=node.count("size"),
        protocol=protocol.value if protocol else None,
        analysis_plan=plan.value if plan else None,
        consent_form=consent.value if consent else None,
        path=node.path,
    )


def _number(node: Node, name: str) -> str | None:
    value = node.number(name)
    return None if value is None else format(value, "f") if not isinstance(value, int) else str(value)


def _tracking(tracking: Node) -> Iterator[Step]:
    """How results were submitted and came back, before they were posted."""
    if date := tracking.date("estimatedResultsFirstSubmitDate"):
        yield Step(ESTIMATED, date, False)
    if first := tracking.child("firstMcpInfo").moment("postDateStruct"):
        yield Step(FIRST_COMMENTS, first.date, first.actual)
    for number, node in enumerate(tracking.children("submissionInfos"), 1):
        for name, words in SUBMITTED.items():
            if date := node.date(name):
                yield Step(f"{SUBMISSION} {number}: {words}", date)
        if (unknown := node.flag("unreleaseDateUnknown")) and unknown.value:
            yield Step(f"{SUBMISSION} {number}: {SUBMITTED['unreleaseDate']}{UNKNOWN_DATE}")
        if (comments := node.count("mcpReleaseN")) is not None:
            yield Step(f"{SUBMISSION} {number}: {COMMENTS} {comments}")


def _unposted(unposted: Node) -> Iterator[Step]:
    for node in unposted.children("unpostedEvents"):
        kind = node.said("type") or ""
        unknown = node.flag("dateUnknown")
        words = UNPOSTED.get(kind, kind)
        if words:
            yield Step(words + (UNKNOWN_DATE if unknown and unknown.value else ""), node.date("date"))


def _violation_steps(violations: list[Node]) -> Iterator[Step]:
    for number, node in enumerate(violations, 1):
        for name, words in VIOLATION_DATES.items():
            if date := node.date(name):
                yield Step(f"{VIOLATION} {number}: {words}", date)


def _browse(module: Node) -> Browse:
    return Browse(
        tuple(Mesh(id_, term) for id_, term in module.rows("ancestors", _TERM) if term),
        tuple(Leaf(*row) for row in module.rows("browseLeaves", _LEAF)),
        tuple(Branch(*row) for row in module.rows("browseBranches", _BRANCH)),
    )
