"""The official examples that break the specification's own rules, each with what is wrong in it."""

from __future__ import annotations

from fhirserver.resources.registry import Release

TYPE = "names a type that the element does not allow"
NO_REFERENCE = "a reference that is neither Type/id nor a URL"
EMPTY = "a narrative without text (txt-2)"
LINK_IDS = "a linkId twice (que-2)"
NO_DERIVATION = "a base without a derivation (sdf-27)"
_QUESTIONNAIRES = """
ActivityDefinition1 ActorDefinition1 AdministrableProductDefinition1 AdverseEvent1 AllergyIntolerance1
ArtifactAssessment1 AuditEvent1 BiologicallyDerivedProduct1 BodyStructure1 Bundle1 CapabilityStatement1 CareTeam1
ChargeItem1 ChargeItemDefinition1 Citation1 Claim1 ClaimResponse1 ClinicalImpression1 ClinicalUseDefinition1
CodeSystem1 Communication1 CommunicationRequest1 CompartmentDefinition1 Composition1 ConceptMap1 Condition1
ConditionDefinition1 Consent1 Contract1 Coverage1 CoverageEligibilityRequest1 CoverageEligibilityResponse1
DetectedIssue1 Device1 DeviceDefinition1 DeviceRequest1 DeviceUsage1 DiagnosticReport1 DocumentReference1
EventDefinition1 Evidence1 EvidenceReport1 EvidenceVariable1 ExampleScenario1 ExplanationOfBenefit1
FamilyMemberHistory1 GenomicStudy1 Goal1 GraphDefinition1 Group1 GuidanceResponse1 Immunization1 ImplementationGuide1
Ingredient1 InventoryItem1 Invoice1 Library1 ManufacturedItemDefinition1 Measure1 MeasureReport1 Medication1
MedicationAdministration1 MedicationKnowledge1 MedicationRequest1 MedicationStatement1 MedicinalProductDefinition1
MessageDefinition1 MessageHeader1 MolecularSequence1 NamingSystem1 NutritionIntake1 NutritionOrder1 NutritionProduct1
Observation1 ObservationDefinition1 OperationDefinition1 PackagedProductDefinition1 Parameters1 Patient1
PaymentReconciliation1 Person1 PlanDefinition1 Practitioner1 Procedure1 Provenance1 Questionnaire1
QuestionnaireResponse1 RegulatedAuthorization1 RequestOrchestration1 Requirements1 RiskAssessment1 SearchParameter1
ServiceRequest1 Specimen1 SpecimenDefinition1 StructureDefinition1 StructureMap1 SubscriptionTopic1 Substance1
SubstanceDefinition1 SubstanceReferenceInformation1 SupplyDelivery1 SupplyRequest1 Task1 TerminologyCapabilities1
TestPlan1 TestReport1 TestScript1 Transport1 ValueSet1 actualgroup1 bmi1 bodyheight1 bodytemp1 bodyweight1 bp1
cdshooksguidanceresponse1 cdshooksrequestorchestration1 cdshooksserviceplandefinition1 cholesterol1
computableplandefinition1 computablevalueset1 cqllibrary1 devicemetricobservation1 ebmrecommendation1
elementdefinition-de1 elmlibrary1 executablevalueset1 familymemberhistory-genetic1 fhirpathlibrary1 groupdefinition1
hdlcholesterol1 headcircum1 heartrate1 ldlcholesterol1 lipidprofile1 logiclibrary1 modelinfolibrary1
moduledefinitionlibrary1 oxygensat1 publishableactivitydefinition1 publishablecodesystem1 publishableconceptmap1
publishablelibrary1 publishablemeasure1 publishablenamingsystem1 publishableplandefinition1 publishablevalueset1
resprate1 shareableactivitydefinition1 shareablecodesystem1 shareableconceptmap1 shareablelibrary1 shareablemeasure1
shareablenamingsystem1 shareableplandefinition1 shareabletestscript1 shareablevalueset1 triglyceride1 vitalsigns1
vitalspanel1
"""
"""Questionnaires generated from definitions: every choice gives the same linkId more than once."""
_PATTERNS = "Definition Event FiveWs Request"
_MORE_PATTERNS = "Participant ParticipantContactable ParticipantLiving Product Publishable Shareable"
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
    }
    | {f"Questionnaire-qgen-{name}.json": LINK_IDS for name in _QUESTIONNAIRES.split()}
    | {f"StructureDefinition-{name}.json": NO_DERIVATION for name in f"{_PATTERNS} {_MORE_PATTERNS}".split()},
    "R4": {
        "ActivityDefinition-blood-tubes-supply.json": EMPTY,
        "ActivityDefinition-heart-valve-replacement.json": EMPTY,
        "Bundle-dataelements.json": "a fullUrl twice (bdl-7)",
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
    }
    | {f"StructureDefinition-{name}.json": "no base, and not abstract (sdf-4)" for name in _PATTERNS.split()},
}
"""By release and file name."""

TOO_LARGE: dict[str, str] = {
    "Bundle-resources.json": "42 MB: a stored resource has 16 MB at most",
}
"""Those of R5 that keep the rules and are not stored for another reason."""
