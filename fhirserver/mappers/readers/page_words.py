"""The words of a registry page and the registry's codes behind them.

https://clinicaltrials.gov/data-api/about-api/study-data-structure lists the codes.
"""

from __future__ import annotations

STATUSES = {
    "unknown": "UNKNOWN",
    "unknown status": "UNKNOWN",
    "recruiting": "RECRUITING",
    "enrolling": "RECRUITING",
    "not yet recruiting": "NOT_YET_RECRUITING",
    "not yet enrolling": "NOT_YET_RECRUITING",
    "begins soon": "NOT_YET_RECRUITING",
    "enrolling by invitation": "ENROLLING_BY_INVITATION",
    "invitation-only": "ENROLLING_BY_INVITATION",
    "by invitation": "ENROLLING_BY_INVITATION",
    "active, not recruiting": "ACTIVE_NOT_RECRUITING",
    "active, not enrolling": "ACTIVE_NOT_RECRUITING",
    "active": "ACTIVE_NOT_RECRUITING",
    "completed": "COMPLETED",
    "terminated": "TERMINATED",
    "withdrawn": "WITHDRAWN",
    "suspended": "SUSPENDED",
    "paused": "SUSPENDED",
    "available": "AVAILABLE",
    "no longer available": "NO_LONGER_AVAILABLE",
    "temporarily not available": "TEMPORARILY_NOT_AVAILABLE",
    "approved for marketing": "APPROVED_FOR_MARKETING",
    "withheld": "WITHHELD",
}
PHASES = {
    "n/a": ("NA",),
    "not applicable": ("NA",),
    "early phase 1": ("EARLY_PHASE1",),
    "phase 1": ("PHASE1",),
    "phase 2": ("PHASE2",),
    "phase 3": ("PHASE3",),
    "phase 4": ("PHASE4",),
    **{f"phase 1{mark}phase 2": ("PHASE1", "PHASE2") for mark in ("/", " / ", " & ", " and ", ", ")},
    **{f"phase 2{mark}phase 3": ("PHASE2", "PHASE3") for mark in ("/", " / ", " & ", " and ", ", ")},
    **{f"phase 1{mark}2": ("PHASE1", "PHASE2") for mark in ("/", " / ", " & ", " and ")},
    **{f"phase 2{mark}3": ("PHASE2", "PHASE3") for mark in ("/", " / ", " & ", " and ")},
}
STUDY_TYPES = {w: w.upper().replace(" ", "_") for w in ("interventional", "observational", "expanded access")}
FUNDERS = {
    "other": "OTHER",
    "industry": "INDUSTRY",
    "nih": "NIH",
    "other u.s. federal agency": "FED",
    "u.s. fed": "FED",
    "other government": "OTHER_GOV",
    "network": "NETWORK",
    "individual": "INDIV",
    "unknown": "UNKNOWN",
}
PURPOSES = {
    "treatment": "TREATMENT",
    "prevention": "PREVENTION",
    "diagnostic": "DIAGNOSTIC",
    "ect": "ECT",
    "educational/counseling/training": "ECT",
    "supportive care": "SUPPORTIVE_CARE",
    "screening": "SCREENING",
    "health services research": "HEALTH_SERVICES_RESEARCH",
    "basic science": "BASIC_SCIENCE",
    "device feasibility": "DEVICE_FEASIBILITY",
    "other": "OTHER",
}
ALLOCATIONS = {"n/a": "NA", "randomized": "RANDOMIZED", "non-randomized": "NON_RANDOMIZED"}
MODELS = {
    f"{word}{tail}": code
    for tail in ("", " assignment")
    for word, code in {
        "single group": "SINGLE_GROUP",
        "parallel": "PARALLEL",
        "crossover": "CROSSOVER",
        "factorial": "FACTORIAL",
        "sequential": "SEQUENTIAL",
    }.items()
}
MASKINGS = {
    "none (open label)": "NONE",
    "none": "NONE",
    "open label": "NONE",
    "single": "SINGLE",
    "single blind": "SINGLE",
    "double": "DOUBLE",
    "double blind": "DOUBLE",
    "triple": "TRIPLE",
    "triple blind": "TRIPLE",
    "quadruple": "QUADRUPLE",
    "quadruple blind": "QUADRUPLE",
}
OBSERVATIONAL_MODELS = {
    "cohort": "COHORT",
    "case-control": "CASE_CONTROL",
    "case-only": "CASE_ONLY",
    "case-crossover": "CASE_CROSSOVER",
    "ecologic or community": "ECOLOGIC_OR_COMMUNITY",
    "family-based": "FAMILY_BASED",
    "other": "OTHER",
}
TIME_PERSPECTIVES = {
    w.replace("_", "-"): w.upper() for w in ("retrospective", "prospective", "cross_sectional", "other")
}
SEXES = {"all": "ALL", "female": "FEMALE", "male": "MALE"}
ARM_TYPES = {
    f"{word}{tail}": word.upper().replace(" ", "_")
    for tail in ("", " group", " arm")
    for word in (
        "experimental",
        "active comparator",
        "placebo comparator",
        "sham comparator",
        "no intervention",
        "other",
    )
}
INTERVENTION_TYPES = {
    word: word.upper().replace(" ", "_")
    for word in (
        *("behavioral", "biological", "combination product", "device", "diagnostic test", "dietary supplement"),
        *("drug", "genetic", "other", "procedure", "radiation"),
    )
}


def key(word: str) -> str:
    """Words compare without case or outer blanks."""
    return " ".join(word.casefold().split())
