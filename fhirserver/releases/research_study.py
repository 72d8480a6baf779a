"""ResearchStudy: R4's one status is where the study stands, R5 tells that apart from the record's own status; parties.

https://hl7.org/fhir/R5/researchstudy.html, https://hl7.org/fhir/R4/researchstudy.html
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from fhirserver.releases.parts import Node, Renamed, Reshaped, Rules, Walk
from fhirserver.releases.research_study_parties import parties, views
from fhirserver.releases.research_study_status import progressed, status
from fhirserver.releases.targets import fits
from fhirserver.releases.values import same

_is_group = fits(frozenset({"Group"}))
_DESIGN = "http://hl7.org/fhir/study-design"


def _category(form: Node, _old: Node, walk: Walk) -> Node:
    found = [*form.get("studyDesign", ()), *form.get("classifier", ())]
    return {"category": [walk("CodeableConcept", one) for one in found]} if found else {}


def _classified(form: Node, old: Node, walk: Walk) -> Node:
    """Designs are known by their code system, or because they were designs before; the rest classifies."""
    designs: list[Any] = []
    classifiers: list[Any] = []
    for one in form.get("category", ()):
        made = walk("CodeableConcept", one)
        known = any(same(made, other) for other in old.get("studyDesign", ()))
        (designs if known or _is_design(made) else classifiers).append(made)
    made = {"studyDesign": designs, "classifier": classifiers}
    return {name: value for name, value in made.items() if value}


def _is_design(concept: Node) -> bool:
    return any(coding.get("system") == _DESIGN for coding in concept.get("coding", ()))


def _enrollment(form: Node, _old: Node, walk: Walk) -> Node:
    recruitment = form.get("recruitment", {})
    found = [recruitment[name] for name in ("eligibility", "actualGroup") if name in recruitment]
    found = [one for one in found if _is_group(one)]
    return {"enrollment": [walk("Reference", one) for one in found]} if found else {}


def _recruitment(form: Node, old: Node, walk: Walk) -> Node:
    """A first Group says who may take part, a second who does."""
    made = {
        name: value for name, value in old.get("recruitment", {}).items() if name not in ("eligibility", "actualGroup")
    }
    groups = [walk("Reference", one) for one in form.get("enrollment", ())]
    made |= dict(zip(("eligibility", "actualGroup"), groups, strict=False))
    return {"recruitment": made} if made else {}


RULES: Rules = MappingProxyType(
    {
        "ResearchStudy": (
            Reshaped(("status", "progressStatus"), ("status",), status, progressed),
            Reshaped(("associatedParty",), ("sponsor", "principalInvestigator", "contact"), views, parties),
            Reshaped(("studyDesign", "classifier"), ("category",), _category, _classified),
            Reshaped(("recruitment",), ("enrollment",), _enrollment, _recruitment),
            Renamed("comparisonGroup", "arm"),
            Renamed("whyStopped", "reasonStopped"),
            Renamed("region", "location"),
        ),
    }
)
