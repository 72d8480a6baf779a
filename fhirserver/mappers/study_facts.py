"""The facts of a registry record that FHIR has no element for: the words by which ResearchStudy.classifier holds them.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.classifier. Each fact has words of its own for yes
and for no, so that a search for the one never finds the other; the way back knows a fact by its words.
"""

from __future__ import annotations

Words = tuple[str, str]
"""What is said of a fact that holds, and of one that does not."""

FLAGS: dict[str, Words] = {
    "oversightHasDmc": ("Has a data monitoring committee", "Has no data monitoring committee"),
    "isFdaRegulatedDrug": ("FDA regulated drug", "No drug under FDA regulation"),
    "isFdaRegulatedDevice": ("FDA regulated device", "No device under FDA regulation"),
    "isUnapprovedDevice": ("Studies an unapproved device", "Studies no unapproved device"),
    "isPpsd": ("Pediatric postmarket surveillance of a device", "No pediatric postmarket surveillance"),
    "isUsExport": ("Product is exported from the USA", "Product is not exported from the USA"),
    "fdaaa801Violation": ("In violation of FDAAA 801", "No violation of FDAAA 801"),
}
REGISTRY: Words = ("Patient registry", "Not a registry of patients")
ACCESS_TYPES: dict[str, Words] = {
    "individual": ("Expanded access for individual patients", "No expanded access for single patients"),
    "intermediate": ("Expanded access for intermediate-size populations", "No expanded access for midsize populations"),
    "treatment": ("Expanded access by a treatment protocol", "No expanded access by treatment IND"),
}
ACCESS: dict[bool, str] = {True: "Expanded access is offered", False: "No expanded access"}
ACCESS_RECORD = "Expanded access record"
DELAYED = "Posting of results is delayed"
POINTERS = "Records that point to this expanded access"
DURATION = "Target follow-up duration"
SPECIMENS = {
    "NONE_RETAINED": "Biospecimens: none retained",
    "SAMPLES_WITH_DNA": "Biospecimens: samples with DNA",
    "SAMPLES_WITHOUT_DNA": "Biospecimens: samples without DNA",
}
SHARING = {"YES": "yes", "NO": "no", "UNDECIDED": "undecided"}
SHARED = "Plan to share individual participant data"
UNTYPED = "Enrolment: the record does not say whether the number is planned or counted."
SEE_ALSO = "See also"
IDENTIFIER_LINK = "About an identifier"
RETRACTION = "Retraction"
TWICE = "Sites are listed a second time, as locations_nested"
