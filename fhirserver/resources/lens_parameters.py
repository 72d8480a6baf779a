"""Which search parameters of R4 mean the same as one of R5, where a type with a lens is stored as R5.

https://hl7.org/fhir/R4/searchparameter-registry.html. Listed is what holds for all content: the R4 parameter over the
R4 form finds what the R5 parameter over the stored form finds. Any other is evaluated on the R4 form. Found as R5 finds
them, though R4 does not show them so: a quantity with the comparator 'ad', and a reference to a type that the element
does not take in R4. A patient is one: R4's `patient` does not find subjects of other types.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from fhirserver.resources.registry import LENSES

_EVERY = "_id _lastUpdated _security _source _tag"
_PUBLISHED = """
context context-quantity context-type context-type-quantity context-type-value date description name publisher status
title url version
"""
# What leads over relatedArtifact is not listed, but for depends-on: R4 knows eight relations where R5 has thirty-six.
_PLANNED = _PUBLISHED + " depends-on effective identifier jurisdiction topic"
_PLACE = "address address-city address-country address-postalcode address-state address-use"
_PERSON = f"active {_PLACE} email gender name phone phonetic telecom"

_SAME: Mapping[str, str] = MappingProxyType(
    {
        "ActivityDefinition": _PLANNED,
        "AuditEvent": "action agent-role date entity policy source",
        "Bundle": "identifier timestamp",
        "CapabilityStatement": _PUBLISHED
        + " format guide jurisdiction mode security-service software supported-profile",
        "CodeSystem": _PUBLISHED + " code content-mode identifier jurisdiction language supplements system",
        "Condition": """abatement-age abatement-date abatement-string body-site category code encounter evidence
            evidence-detail identifier onset-age onset-date onset-info patient recorded-date severity stage subject
            verification-status""",
        "Consent": "category identifier patient",
        "EnrollmentRequest": "identifier patient status subject",
        "EnrollmentResponse": "identifier request status",
        "EvidenceVariable": _PUBLISHED + " depends-on identifier",
        "Flag": "author date encounter identifier patient subject",
        "Group": "characteristic code exclude identifier managing-entity member value",
        "Linkage": "author item source",
        "Location": _PLACE + " endpoint identifier name near operational-status organization partof status type",
        "Observation": """based-on category code code-value-concept code-value-date code-value-quantity
            code-value-string combo-code combo-code-value-concept combo-code-value-quantity combo-data-absent-reason
            combo-value-concept combo-value-quantity component-code component-code-value-concept
            component-code-value-quantity component-data-absent-reason component-value-concept component-value-quantity
            data-absent-reason date derived-from device encounter focus has-member identifier method part-of patient
            performer specimen status subject value-concept value-date value-quantity""",
        "Organization": "active endpoint name partof phonetic type",
        "Patient": _PERSON
        + " birthdate death-date deceased family general-practitioner given identifier language link organization",
        "PlanDefinition": _PLANNED + " definition type",
        "Practitioner": _PERSON + " communication family given",
        "PractitionerRole": """active date email endpoint identifier location organization phone practitioner role
            service specialty telecom""",
        "Provenance": "agent agent-role agent-type entity location recorded signature-type target when",
        "Questionnaire": _PUBLISHED + " definition effective identifier jurisdiction",
        "QuestionnaireResponse": """author authored based-on encounter item-subject part-of patient questionnaire
            source status subject""",
        "RelatedPerson": _PERSON + " birthdate identifier patient relationship",
        "ResearchStudy": "date identifier keyword protocol site title",
        "ResearchSubject": "date identifier patient study",
        "Subscription": "contact payload url",
        "ValueSet": _PUBLISHED + " code expansion identifier jurisdiction reference",
        "VisionPrescription": "datewritten encounter identifier patient prescriber status",
    }
)
_RENAMED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        # R4's definition of it reads the version of the statement.
        "CapabilityStatement": {"fhirversion": "version"},
        "Consent": {"organization": "controller"},
        "Questionnaire": {"code": "item-code"},
        "ResearchStudy": {"focus": "focus-code", "location": "region", "partof": "part-of"},
        "ResearchSubject": {"individual": "subject"},
    }
)

EQUAL: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        type_: MappingProxyType(
            {code: code for code in f"{_EVERY} {_SAME.get(type_, '')}".split()} | dict(_RENAMED.get(type_, {}))
        )
        for type_ in LENSES
    }
)
"""Type → R4 code → R5 code."""

DIRECT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        type_: frozenset(codes.split())
        for type_, codes in {
            "AuditEvent": "patient",
            "EvidenceVariable": "effective",
            "Group": "characteristic-value",
            "Observation": """amino-acid-change dna-variant gene-amino-acid-change gene-dnavariant gene-identifier
                value-string""",
            "Organization": "identifier",
            "Patient": "mothersMaidenName",
            "Practitioner": "identifier",
            "Provenance": "patient",
        }.items()
    }
)
"""Type → R4 codes that R5 has no parameter for, whose expressions find the same in the stored form as in R4's."""
