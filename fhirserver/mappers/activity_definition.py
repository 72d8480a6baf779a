"""An intervention of a study as an ActivityDefinition that the protocol points to.

https://hl7.org/fhir/R5/activitydefinition.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.codes import words
from fhirserver.mappers.dosage import dosage
from fhirserver.mappers.identity import identifier, reference, uri
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.parts import Intervention
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]

_KINDS = {
    "DRUG": "MedicationRequest",
    "BIOLOGICAL": "MedicationRequest",
    "COMBINATION_PRODUCT": "MedicationRequest",
    "GENETIC": "MedicationRequest",
    "DIETARY_SUPPLEMENT": "NutritionOrder",
    "DEVICE": "DeviceRequest",
    "BEHAVIORAL": "ServiceRequest",
    "DIAGNOSTIC_TEST": "ServiceRequest",
    "PROCEDURE": "ServiceRequest",
    "RADIATION": "ServiceRequest",
}


def activities(trial: Trial, names: Naming) -> list[Resource]:
    """One ActivityDefinition an intervention, in the record's order."""
    return [_activity(trial, names, position) for position in range(len(trial.interventions))]


def canonical(names: Naming, position: int) -> str:
    """The canonical url of an intervention."""
    return uri("ActivityDefinition", names.intervention(position))


def label(one: Intervention) -> str:
    """'Biological: MSCs'."""
    return f"{words(one.type)}: {one.name}" if one.type else one.name


def description(trial: Trial, position: int) -> str | None:
    """The record's words on an intervention; failing them, those on the only arm that has it and nothing else."""
    if said := trial.interventions[position].description:
        return said
    arms = [arm for arm in trial.arms if position in arm.interventions]
    return arms[0].description if len(arms) == 1 and arms[0].interventions == (position,) else None


def _activity(trial: Trial, names: Naming, position: int) -> Resource:
    one = trial.interventions[position]
    id_ = names.intervention(position)
    said = description(trial, position)
    activity: Resource = {
        "resourceType": "ActivityDefinition",
        "id": id_,
        "text": narrative(
            label(one),
            [("Also known as", list(one.other_names)), ("Study", names.stem), ("Description", said)],
        ),
        "url": canonical(names, position),
        "identifier": [identifier("ActivityDefinition", id_)],
        "title": label(one),
        "status": "active",
        "subjectReference": reference("Group", names.eligibility),
    }
    if one.other_names:
        activity["subtitle"] = f"Also known as: {'; '.join(one.other_names)}"
    if said:
        activity["description"] = said
    if one.type:
        activity["topic"] = [{"text": words(one.type)}]
    kind = _KINDS.get(one.type or "")
    if kind:
        activity["kind"] = kind
    activity["code"] = {"text": one.name}
    if kind in ("MedicationRequest", "NutritionOrder"):
        activity["productCodeableConcept"] = {"text": one.name}
        if one.description and (given := dosage(one.description)):
            activity["dosage"] = [given]
    return activity
