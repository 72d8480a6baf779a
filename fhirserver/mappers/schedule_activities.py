"""The activities of a schedule as ActivityDefinitions, what they collect as ObservationDefinitions.

https://hl7.org/fhir/R5/activitydefinition.html, https://hl7.org/fhir/R5/observationdefinition.html
"""

from __future__ import annotations

from typing import Any

from fhirserver.mappers.activity_definition import canonical
from fhirserver.mappers.concepts import codeable, coding
from fhirserver.mappers.identity import identifier, reference, uri
from fhirserver.mappers.naming import Naming
from fhirserver.mappers.narrative import narrative
from fhirserver.mappers.protocol_keys import Keys
from fhirserver.mappers.protocol_parts import Activity, Concept, Procedure, Property, Protocol

Resource = dict[str, Any]

_TYPES = {
    "string": "string",
    "text": "string",
    "integer": "integer",
    "boolean": "boolean",
    "float": "Quantity",
    "decimal": "Quantity",
    "double": "Quantity",
    "date": "dateTime",
    "datetime": "dateTime",
    "time": "time",
}


def activities(protocol: Protocol, names: Naming, keys: Keys) -> list[Resource]:
    """One ActivityDefinition an activity; its procedures are contained in words and codes."""
    titles = {one.named.key: one.named.title for one in protocol.activities}
    concepts = {one.named.key: one.named.title for one in protocol.concepts}
    conditions = {
        key: one.text for one in protocol.conditions for key in one.targets if key not in titles and not one.contexts
    }
    return [_activity(one, names, keys, titles | concepts, conditions) for one in protocol.activities]


def _activity(one: Activity, names: Naming, keys: Keys, titles: dict[str, str], conditions: dict[str, str]) -> Resource:
    id_ = keys.activities[one.named.key]
    named = one.named
    parts = [titles[key] for key in (*one.children, *one.concepts) if key in titles]
    procedures = [_procedure(each, conditions) for each in one.procedures]
    description = "\n".join(part for part in (named.description, *procedures, *named.notes) if part)
    found: Resource = {
        "resourceType": "ActivityDefinition",
        "id": id_,
        "text": narrative(
            named.title, [("Study", names.stem), ("Description", description or None), ("Collects", parts)]
        ),
        "url": uri("ActivityDefinition", id_),
        "identifier": [identifier("ActivityDefinition", id_)],
        "name": named.name,
        "title": named.title,
        "status": "active",
        "subjectReference": reference("Group", names.eligibility),
    }
    if description:
        found["description"] = description
    related = [
        {"type": "composed-of", "resource": uri("ActivityDefinition", keys.activities[key])}
        for key in one.children
        if key in keys.activities
    ]
    if one.timeline in keys.timelines:
        related.append({"type": "composed-of", "resource": uri("PlanDefinition", keys.timelines[one.timeline])})
    related += [
        {"type": "depends-on", "resource": canonical(names, each.intervention)}
        for each in one.procedures
        if each.intervention is not None
    ]
    if related:
        found["relatedArtifact"] = related
    codes = [each.code for each in one.procedures if each.code]
    if codes:
        found["kind"] = "ServiceRequest"
        coded = [coding(code) for code in codes if code.code]
        found["code"] = {"coding": coded, "text": named.title} if coded else {"text": named.title}
    else:
        found["code"] = {"text": named.title}
    results = [uri("ObservationDefinition", keys.concepts[key]) for key in one.concepts if key in keys.concepts]
    if results:
        found["observationResultRequirement"] = results
    return found


def _procedure(one: Procedure, conditions: dict[str, str]) -> str:
    named = one.named
    parts = (named.name, named.label, named.description, one.type, conditions.get(named.key), *named.notes)
    return "Procedure: " + "; ".join(dict.fromkeys(part for part in parts if part))


def observations(protocol: Protocol, names: Naming, keys: Keys) -> list[Resource]:
    """One ObservationDefinition a biomedical concept."""
    return [_observation(one, names, keys) for one in protocol.concepts]


def _observation(one: Concept, names: Naming, keys: Keys) -> Resource:
    id_ = keys.concepts[one.named.key]
    named = one.named
    found: Resource = {
        "resourceType": "ObservationDefinition",
        "id": id_,
        "text": narrative(
            named.title,
            [("Study", names.stem), ("Collects", [each.named.title for each in one.properties])],
        ),
    }
    contained = [made for each in one.properties if (made := _answers(each))]
    if contained:
        found["contained"] = contained
    found |= {
        "url": uri("ObservationDefinition", id_),
        "identifier": identifier("ObservationDefinition", id_),
        "name": named.name,
        "title": named.title,
        "status": "active",
    }
    described = [named.description, f"Also known as: {'; '.join(one.synonyms)}" if one.synonyms else None]
    described += [f"Source: {one.link}" if one.link else None, *named.notes]
    if said := "\n\n".join(part for part in described if part):
        found["description"] = said
    found["code"] = codeable(one.code) if one.code else {"text": named.title}
    components = [_component(each) for each in one.properties]
    if components:
        found["component"] = components
    return found


def _contained_id(one: Property) -> str:
    return (
        "answers-" + "".join(letter if letter.isalnum() and letter.isascii() else "-" for letter in one.named.key)[-56:]
    )


def _answers(one: Property) -> Resource | None:
    """The values that a property may take, as a ValueSet; those that are switched off are said to be excluded."""
    if not one.responses:
        return None
    compose: Resource = {}
    for side, enabled in (("include", True), ("exclude", False)):
        systems: dict[str, list[Resource]] = {}
        for each in one.responses:
            if (each.enabled is not False) is enabled and each.code.code and each.code.system:
                systems.setdefault(each.code.system, []).append({"code": each.code.code, "display": each.code.display})
        if systems:
            versions = {each.code.system: each.code.version for each in one.responses}
            compose[side] = [
                {"system": system, **({"version": said} if (said := versions.get(system)) else {}), "concept": codes}
                for system, codes in systems.items()
            ]
    if "include" not in compose:
        return None
    return {
        "resourceType": "ValueSet",
        "id": _contained_id(one),
        "title": one.named.title,
        "status": "active",
        "description": "; ".join(f"{each.named.name}: {each.code.display}" for each in one.responses),
        "compose": compose,
    }


def _component(one: Property) -> Resource:
    code = codeable(one.code) if one.code else {"text": one.named.title}
    # The name under which a value is collected is how the study speaks of it.
    code["text"] = one.named.title
    found: Resource = {"id": one.named.name, "code": code}
    if any(letter.isspace() for letter in one.named.name):
        found.pop("id")
    kind = "CodeableConcept" if one.responses else _TYPES.get((one.datatype or "").casefold())
    if kind:
        found["permittedDataType"] = [kind]
    states = [f"data type {one.datatype}" if one.datatype else None]
    states += [None if one.required is None else "required" if one.required else "optional"]
    states += [None if one.enabled is None else "enabled" if one.enabled else "not enabled"]
    value: Resource = {}
    if said := ", ".join(part for part in (one.named.label, *states) if part):
        value["condition"] = said
    if _answers(one):
        value["validCodedValueSet"] = f"#{_contained_id(one)}"
    if value:
        found["qualifiedValue"] = [value]
    return found
