"""The registry's codes as FHIR concepts, by system.

https://hl7.org/fhir/R5/researchstudy.html#tx, https://terminology.hl7.org/
"""

from __future__ import annotations

from typing import Any

from fhirserver.errors import Issue
from fhirserver.mappers.parts import Text

FHIR = "http://hl7.org/fhir/"
THO = "http://terminology.hl7.org/CodeSystem/"
UCUM = "http://unitsofmeasure.org"
MESH = "https://www.nlm.nih.gov/mesh"
SNOMED = "http://snomed.info/sct"
LOINC = "http://loinc.org"
NCIT = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"

Codes = dict[str, tuple[str | None, str]]
"""Registry code → (FHIR code, or None where FHIR has none; words)."""

# Systems of 5.0.0 that HL7's terminology carries too, under an address that R4 and R6 use. It lacks study-director.
_IN_THO = {"research-study-phase", "research-study-prim-purp-type", "research-study-status"}
_IN_THO |= {"research-study-objective-type", "research-study-party-role", "title-type"}
_NOT_IN_THO = {"study-director"}

STATUS: Codes = {
    "RECRUITING": ("recruiting", "Recruiting"),
    "NOT_YET_RECRUITING": ("not-yet-recruiting", "Not yet recruiting"),
    "ENROLLING_BY_INVITATION": ("enrolling-by-invitation", "Enrolling by invitation"),
    "ACTIVE_NOT_RECRUITING": ("active-but-not-recruiting", "Active, not recruiting"),
    "COMPLETED": ("completed", "Completed"),
    "TERMINATED": ("terminated", "Terminated"),
    "WITHDRAWN": ("withdrawn", "Withdrawn"),
    "SUSPENDED": ("temporarily-closed-to-accrual", "Temporarily Closed to Accrual"),
    "AVAILABLE": (None, "Available"),
    "NO_LONGER_AVAILABLE": (None, "No longer available"),
    "TEMPORARILY_NOT_AVAILABLE": (None, "Temporarily not available"),
    "APPROVED_FOR_MARKETING": (None, "Approved for marketing"),
    "WITHHELD": (None, "Withheld"),
    "UNKNOWN": (None, "Unknown"),
}
PURPOSE: Codes = {
    "TREATMENT": ("treatment", "Treatment"),
    "PREVENTION": ("prevention", "Prevention"),
    "DIAGNOSTIC": ("diagnostic", "Diagnostic"),
    "SUPPORTIVE_CARE": ("supportive-care", "Supportive Care"),
    "SCREENING": ("screening", "Screening"),
    "HEALTH_SERVICES_RESEARCH": ("health-services-research", "Health Services Research"),
    "BASIC_SCIENCE": ("basic-science", "Basic Science"),
    "DEVICE_FEASIBILITY": ("device-feasibility", "Device Feasibility"),
    "ECT": (None, "Educational/Counseling/Training"),
    "OTHER": (None, "Other"),
}
STUDY_TYPE: Codes = {
    "INTERVENTIONAL": ("SEVCO:01001", "Interventional research"),
    "OBSERVATIONAL": ("SEVCO:01002", "Observational research"),
    "EXPANDED_ACCESS": ("SEVCO:01038", "Expanded Access study"),
}
ALLOCATION: Codes = {
    "RANDOMIZED": ("SEVCO:01003", "randomized assignment"),
    "NA": (None, "Allocation not applicable"),
    "NON_RANDOMIZED": ("SEVCO:01005", "Non-randomized assignment"),
}
MODEL: Codes = {
    "PARALLEL": ("SEVCO:01011", "Parallel cohort design"),
    "CROSSOVER": ("SEVCO:01012", "Crossover cohort design"),
    "SINGLE_GROUP": ("SEVCO:01016", "Uncontrolled cohort design"),
    "SEQUENTIAL": (None, "Sequential assignment"),
    "FACTORIAL": (None, "Factorial assignment"),
}
MASKING: Codes = {
    "NONE": (None, "None (open label)"),
    "SINGLE": (None, "Single masking"),
    "DOUBLE": (None, "Double masking"),
    "TRIPLE": (None, "Triple masking"),
    "QUADRUPLE": (None, "Quadruple masking"),
}
MASKED: Codes = {
    "PARTICIPANT": ("SEVCO:01060", "Blinding of study participants"),
    "CARE_PROVIDER": ("SEVCO:01061", "Blinding of intervention providers"),
    "OUTCOMES_ASSESSOR": ("SEVCO:01062", "Blinding of outcome assessors"),
    # The registry's investigator is whoever runs the study; SEVCO's data analysts are not meant.
    "INVESTIGATOR": (None, "Blinding of investigators"),
}
OBSERVATIONAL_MODEL: Codes = {
    "CASE_CONTROL": ("SEVCO:01013", "Case control design"),
    "FAMILY_BASED": ("SEVCO:01020", "Family study design"),
    "ECOLOGIC_OR_COMMUNITY": ("SEVCO:01044", "Ecological design"),
    "COHORT": (None, "Cohort"),
    "CASE_ONLY": (None, "Case-only"),
    "CASE_CROSSOVER": (None, "Case-crossover"),
    "DEFINED_POPULATION": (None, "Defined population"),
    "NATURAL_HISTORY": (None, "Natural history"),
    "OTHER": (None, "Other observational model"),
}
TIME_PERSPECTIVE: Codes = {
    "CROSS_SECTIONAL": ("SEVCO:01027", "Cross sectional data collection"),
    "PROSPECTIVE": (None, "Prospective"),
    "RETROSPECTIVE": (None, "Retrospective"),
    "OTHER": (None, "Other time perspective"),
}
ARM_TYPE: Codes = {
    "EXPERIMENTAL": ("experimental", "Experimental"),
    "ACTIVE_COMPARATOR": ("active-comparator", "Active Comparator"),
    "PLACEBO_COMPARATOR": ("placebo-comparator", "Placebo Comparator"),
    "SHAM_COMPARATOR": ("sham-comparator", "Sham Comparator"),
    "NO_INTERVENTION": ("no-intervention", "No Intervention"),
    "OTHER": ("other-arm-type", "Other Arm Type"),
}
OUTCOME: Codes = {
    "PRIMARY": ("primary", "Primary"),
    "SECONDARY": ("secondary", "Secondary"),
    "OTHER": ("exploratory", "Exploratory"),
}
AGENCY: Codes = {
    "NIH": ("nih", "NIH"),
    "FED": ("government", "US federal government"),
    "OTHER_GOV": ("government", "Other government"),
    "INDUSTRY": ("industry", "Industry"),
    "INDIV": (None, "Individual"),
    "NETWORK": (None, "Network"),
    "AMBIG": (None, "Ambiguous"),
    "OTHER": (None, "Other"),
    "UNKNOWN": (None, "Unknown"),
}
PARTY_ROLE: Codes = {
    "CONTACT": ("recruitment-contact", "recruitment-contact"),
    "PRINCIPAL_INVESTIGATOR": ("primary-investigator", "primary-investigator"),
    "SUB_INVESTIGATOR": ("sub-investigator", "sub-investigator"),
    "STUDY_CHAIR": ("study-chair", "study-chair"),
    "STUDY_DIRECTOR": ("study-director", "study-director"),
    "SPONSOR_INVESTIGATOR": ("sponsor-investigator", "sponsor-investigator"),
    "LEAD_SPONSOR": ("lead-sponsor", "lead-sponsor"),
    "SPONSOR": ("sponsor", "sponsor"),
    "COLLABORATOR": ("collaborator", "collaborator"),
    "FUNDER": ("funding-source", "funding-source"),
    "RESPONSIBLE_PARTY": (None, "Responsible party"),
}
# Parts that somebody has in a study beside the role, and how the record lists them.
RESPONSIBLE = "Responsible party"
OFFICIAL = "Overall official"
CENTRAL = "Central contact"
SITE = "Site contact"

PHONE_EXTENSION = "http://hl7.org/fhir/StructureDefinition/contactpoint-extension"

SEX: Codes = {"FEMALE": ("female", "Female"), "MALE": ("male", "Male")}
# Codes that several of the registry's share: each has words of its own, the code has one display.
_DISPLAYS = {"government": "Government"}
PHASES: dict[tuple[str, ...], tuple[str, str]] = {
    ("NA",): ("n-a", "N/A"),
    ("EARLY_PHASE1",): ("early-phase-1", "Early Phase 1"),
    ("PHASE1",): ("phase-1", "Phase 1"),
    ("PHASE1", "PHASE2"): ("phase-1-phase-2", "Phase 1/Phase 2"),
    ("PHASE2",): ("phase-2", "Phase 2"),
    ("PHASE2", "PHASE3"): ("phase-2-phase-3", "Phase 2/Phase 3"),
    ("PHASE3",): ("phase-3", "Phase 3"),
    ("PHASE4",): ("phase-4", "Phase 4"),
}


def concept(system: str, code: str, display: str, text: str | None = None) -> dict[str, Any]:
    """A concept of an HL7 system: FHIR 5.0.0's coding first, then that of HL7's terminology, if any."""
    codings = [{"system": FHIR + system, "code": code, "display": display}]
    if system in _IN_THO and code not in _NOT_IN_THO:
        codings.append({"system": THO + system, "code": code})
    return {"coding": codings, "text": text or display}


def coded(system: str, table: Codes, value: Text, issues: list[Issue]) -> dict[str, Any]:
    """The concept of a registry code: coded, or in words where FHIR has no code. An unknown code is reported."""
    found = table.get(value.value)
    if found is None:
        issues.append(unknown(value))
        return {"text": words(value.value)}
    code, said = found
    return concept(system, code, _DISPLAYS.get(code, said), said) if code else {"text": said}


def unknown(value: Text) -> Issue:
    """A code that is none of the registry's."""
    return Issue(
        "warning",
        "code-invalid",
        f"'{value.value}' is no code known here; it is kept as text.",
        (value.path,),
        "unknown-code",
    )


def words(code: str) -> str:
    """A registry code in words: COMBINATION_PRODUCT is Combination product."""
    return code.replace("_", " ").capitalize() if code.isupper() and len(code) > 3 else code
