"""Estimands as Evidence: in whom, of what, on which outcome, summed up how, and what happens in between.

https://hl7.org/fhir/R5/evidence.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.activity_definition import label
from fhirserver.mappers.codes import THO
from fhirserver.mappers.evidence_variable import exposure
from fhirserver.mappers.identity import identifier, reference, uri
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.protocol_keys import Keys
from fhirserver.mappers.protocol_parts import Estimand, Protocol
from fhirserver.mappers.trial import Trial

Resource = dict[str, Any]


def estimands(protocol: Protocol, trial: Trial, names: Naming, keys: Keys) -> list[Resource]:
    """One Evidence an estimand, without statistics: they are what the study is for."""
    return [_estimand(one, trial, names, keys) for one in protocol.estimands]


def _estimand(one: Estimand, trial: Trial, names: Naming, keys: Keys) -> Resource:
    id_ = keys.estimands[one.named.key]
    title = f"Estimand {one.named.title} of {names.stem}"
    variables = _variables(one, trial, names)
    events = [
        "Intercurrent event: "
        + "; ".join(
            part
            for part in (
                each.named.name,
                each.named.label,
                each.text,
                each.named.description,
                f"strategy: {each.strategy}" if each.strategy else None,
                *each.named.notes,
            )
            if part
        )
        for each in one.events
    ]
    found: Resource = {
        "resourceType": "Evidence",
        "id": id_,
        "text": narrative(
            title, [(_role(each), each["description"]) for each in variables] + [("Intercurrent events", events)]
        ),
        "url": uri("Evidence", id_),
        "identifier": [identifier("Evidence", id_)],
        "name": one.named.name,
        "title": title,
        "status": "active",
        "relatedArtifact": [{"type": "part-of", "resourceReference": reference("ResearchStudy", names.stem)}],
    }
    if one.named.description:
        found["description"] = one.named.description
    if one.summary:
        found["assertion"] = one.summary
    if notes := [*events, *one.named.notes]:
        found["note"] = [{"text": said} for said in notes]
    found["variableDefinition"] = variables
    return found


def _role(variable: Resource) -> str:
    text: str = variable["variableRole"]["text"]
    return text


def _variables(one: Estimand, trial: Trial, names: Naming) -> list[Resource]:
    population = one.population
    said = population and "; ".join(
        part
        for part in (population.named.name, population.named.label, population.text, population.named.description)
        if part
    )
    found = [_variable("population", "Population", said or "Study population", reference("Group", names.eligibility))]
    for position in one.interventions:
        words = label(trial.interventions[position])
        found.append(_variable("exposure", "Exposure", words, exposure(names, position, words)))
    if one.outcome is not None:
        words = trial.outcomes[one.outcome].measure
        outcome = reference("EvidenceVariable", names.outcome(one.outcome))
        found.append(_variable("measuredVariable", "Measured variable", words, outcome))
    return found


def _variable(code: str, words: str, description: str, observed: Resource) -> Resource:
    return {
        "description": description,
        "variableRole": {"coding": [{"system": f"{THO}variable-role", "code": code}], "text": words},
        "intended": observed,
    }
