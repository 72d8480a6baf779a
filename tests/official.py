"""The official examples that break the specification's own rules, each with what is wrong in it."""

from __future__ import annotations

from fhirserver.resources.registry import Release

TYPE = "names a type that the element does not allow"
NO_REFERENCE = "a reference that is neither Type/id nor a URL"
EMPTY = "a narrative without text (txt-2)"
REFUSED: dict[Release, dict[str, str]] = {
    "R5": {
        "BiologicallyDerivedProduct-allogeneicHCT.json": TYPE,
        "BiologicallyDerivedProduct-autologousHCT.json": TYPE,
        "DocumentReference-xray.json": TYPE,
        "Encounter-example.json": TYPE,
        "GenomicStudy-example-lungMass.json": "ids with underscores",
        "ImagingStudy-example-xr.json": TYPE,
        "Medication-med0301.json": "an identifier with an id alone (ele-1)",
        "ResearchSubject-example-crossover-placebo-to-drug.json": NO_REFERENCE,
        "Transport-simpledelivery.json": TYPE,
    },
    "R4": {
        "ActivityDefinition-blood-tubes-supply.json": EMPTY,
        "ActivityDefinition-heart-valve-replacement.json": EMPTY,
        "Bundle-v2-valuesets.json": "codes that end in a blank",
        "CodeSystem-v2-0550.json": "codes that end in a blank",
        "DeviceMetric-example.json": TYPE,
        "DeviceUseStatement-example.json": TYPE,
        "EventDefinition-example.json": EMPTY,
        "ImplementationGuide-fhir.json": "no name, no status, ids over 64 characters",
        "ig-r4.json": "no name, no status, ids over 64 characters",
        "MedicationRequest-medrx0301.json": TYPE,
        "Observation-clinical-gender.json": TYPE,
        "SearchParameter-questionnaireresponse-extensions-QuestionnaireResponse-item-subject.json": "id over 64",
        "Questionnaire-qs1.json": "items without linkId",
        "Questionnaire-zika-virus-exposure-assessment.json": EMPTY,
    }
    | {
        f"SearchParameter-{kind.lower()}-extensions-{kind}-{code}.json": "no base"
        for kind in ("CodeSystem", "ValueSet")
        for code in ("author", "effective", "end", "keyword", "workflow")
    },
}
"""By release and file name."""

TOO_LARGE: dict[str, str] = {
    "Bundle-resources.json": "42 MB: a stored resource has 16 MB at most",
}
"""Those of R5 that keep the rules and are not stored for another reason."""
