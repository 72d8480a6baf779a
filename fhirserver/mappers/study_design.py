"""How a study is built, as the concepts of ResearchStudy: phase, purpose, design, classifiers.

https://hl7.org/fhir/R5/researchstudy.html#tx
"""

from __future__ import annotations

from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers import codes
from fhirserver.mappers.codes import FHIR, coded, concept, words
from fhirserver.mappers.parts import Text
from fhirserver.mappers.study_facts import DURATION, FLAGS, REGISTRY, SHARED, SHARING, SPECIMENS, UNTYPED
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]


def phase(trial: Trial, issues: list[Issue]) -> Resource | None:
    """One concept, two phases at once included."""
    phases = trial.design.phases
    if not phases:
        return None
    known = codes.PHASES.get(tuple(sorted(value.value for value in phases)))
    if known:
        return concept("research-study-phase", *known)
    text = "/".join(words(value.value) for value in phases)
    issues.append(
        Issue("warning", "code-invalid", f"'{text}' is no phase known here; it is kept as text.", (phases[0].path,))
    )
    return {"text": text}


def purpose(trial: Trial, issues: list[Issue]) -> Resource | None:
    """The primary purpose."""
    value = trial.design.purpose
    return coded("research-study-prim-purp-type", codes.PURPOSE, value, issues) if value else None


def study_design(trial: Trial, issues: list[Issue]) -> list[Resource]:
    """Type, allocation, model, masking, who is masked, time perspective."""
    design = trial.design
    found: list[Resource] = []

    def add(value: Text | None, table: codes.Codes) -> None:
        if value:
            found.append(coded("study-design", table, value, issues))

    add(design.study_type, codes.STUDY_TYPE)
    add(design.allocation, codes.ALLOCATION)
    add(design.model, codes.MODEL)
    add(design.observational_model, codes.OBSERVATIONAL_MODEL)
    add(design.time_perspective, codes.TIME_PERSPECTIVE)
    add(design.masking, codes.MASKING)
    for masked in design.masked:
        add(masked, codes.MASKED)
    return found


def classifiers(trial: Trial) -> list[Resource]:
    """What else sets the study apart: oversight, registry of patients, specimens, data sharing."""
    found: list[Resource] = []
    for flag, code, (display, absent) in (
        (trial.fda_drug, "fda-regulated-drug", FLAGS["isFdaRegulatedDrug"]),
        (trial.fda_device, "fda-regulated-device", FLAGS["isFdaRegulatedDevice"]),
    ):
        if flag and flag.value:
            coding = {"system": FHIR + "research-study-classifiers", "code": code, "display": display}
            found.append({"coding": [coding], "text": display})
        elif flag:
            found.append({"text": absent})
    found += [{"text": one.value} for one in trial.oversight]
    design = trial.design
    found += [{"text": one.value} for one in trial.facts]
    if design.patient_registry:
        found.append({"text": REGISTRY[0 if design.patient_registry.value else 1]})
    if design.target_duration:
        found.append({"text": f"{DURATION}: {design.target_duration.value}"})
    if design.specimens:
        found.append({"text": SPECIMENS.get(design.specimens.value, words(design.specimens.value))})
    if trial.data_sharing:
        shared = SHARING.get(trial.data_sharing.value, words(trial.data_sharing.value))
        found.append({"text": f"{SHARED}: {shared}"})
    return found


def notes(trial: Trial) -> list[Resource]:
    """Prose on the design and on data sharing, each under its name."""
    design = trial.design
    described = [
        (name, text.value)
        for name, text in (
            ("Intervention model", design.model_description),
            ("Masking", design.masking_description),
            ("Biospecimens", design.specimen_description),
        )
        if text
    ]
    untyped = trial.enrolment is not None and trial.enrolment.actual is None
    return [
        *({"text": f"{name}: {text}"} for name, text in described),
        *({"text": one.value} for one in trial.data_sharing_notes),
        *([{"text": UNTYPED}] if untyped else []),
    ]
