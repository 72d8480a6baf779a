"""Arms, interventions and outcomes: armsInterventionsModule and outcomesModule.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#ArmsInterventionsModule
"""

from __future__ import annotations

from fhirserver.fhirjson import Resource
from fhirserver.mappers.back.gathered import Gathered
from fhirserver.mappers.back.shape import code_of, markup, notes, text_of, unworded
from fhirserver.mappers.codes import ARM_TYPE, OUTCOME
from fhirserver.mappers.evidence_variable import ALSO, TIME_FRAME

_OUTCOMES = {"PRIMARY": "primaryOutcomes", "SECONDARY": "secondaryOutcomes", "OTHER": "otherOutcomes"}


def module(found: Gathered) -> Resource:
    """Arms with the names of their interventions, interventions with the labels of their arms."""
    groups = found.study.get("comparisonGroup", ())
    exposures = [one for focus in found.study.get("focus", ()) if (one := found.get(focus.get("reference")))]
    given = [list(found.all(group.get("intendedExposure"))) for group in groups]
    return {
        "armGroups": [
            {
                "label": group.get("name"),
                "type": code_of(group.get("type"), ARM_TYPE),
                "description": markup(group.get("description")),
                "interventionNames": [_label(one) for one in given[position]],
            }
            for position, group in enumerate(groups)
        ],
        "interventions": [
            _intervention(one)
            | {
                # The registry lists them by the alphabet.
                "armGroupLabels": sorted(
                    str(group.get("name"))
                    for group, has in zip(groups, given, strict=True)
                    if any(other is one for other in has)
                )
            }
            for one in exposures
        ],
    }


def _intervention(one: Resource) -> Resource:
    kind, name = _named(one)
    return {
        "type": unworded(kind) if kind else None,
        "name": name,
        "description": markup(one.get("description")),
        "otherNames": [text[len(ALSO) :] for text in notes(one) if text.startswith(ALSO)],
    }


def _named(one: Resource) -> tuple[str | None, str]:
    """The kind, in words, and the name, which the title holds together: 'Drug: Anakinra'."""
    title = one.get("title", "")
    concepts = (text_of(part.get("definitionCodeableConcept")) for part in one.get("characteristic", ()))
    name = next((said for said in concepts if said), title)
    kind = title.removesuffix(name).removesuffix(": ") if title != name else None
    return kind, name


def _label(one: Resource) -> str:
    """'Dietary Supplement: Iron', as an arm names its interventions."""
    kind, name = _named(one)
    return f"{kind.title()}: {name}" if kind else name


def outcomes(found: Gathered) -> Resource:
    """What is measured, by rank."""
    told: Resource = {name: [] for name in _OUTCOMES.values()}
    for one in found.study.get("outcomeMeasure", ()):
        rank = next((code for kind in one.get("type", ()) if (code := code_of(kind, OUTCOME, known=True))), "OTHER")
        said, frame = _framed(one.get("description", ""))
        told[_OUTCOMES[rank]].append({"measure": one.get("name"), "description": markup(said), "timeFrame": frame})
    return told


def _framed(text: str) -> tuple[str, str | None]:
    """A description and its last paragraph, the time frame."""
    said, start, frame = text.rpartition(TIME_FRAME)
    if start and (not said or said.endswith("\n\n")):
        return said.removesuffix("\n\n"), frame
    return text, None
