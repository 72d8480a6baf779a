"""The words of a registry page and the registry's codes behind them.

https://clinicaltrials.gov/data-api/about-api/study-data-structure lists the codes.
"""

from __future__ import annotations

import re
from datetime import datetime

from fhirserver.mappers.parts import Age, Intervention, Text
from fhirserver.mappers.readers.plain import one_line, plain

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

_AGE = r"(\d{1,3})\s*(years?|months?|weeks?|days?|hours?|minutes?)?"
_BETWEEN = re.compile(rf"(?:from )?{_AGE}\s*(?:to|-|–|and)\s*{_AGE}(?: old)?", re.IGNORECASE)
_FROM = re.compile(
    rf"{_AGE}\s*(?:\+|and (?:over|older|up))|(\d{{1,3}})\+\s*(years?|months?|weeks?|days?)", re.IGNORECASE
)
_UP_TO = re.compile(rf"(?:up to|under|until)\s*{_AGE}", re.IGNORECASE)
_UNITS = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}
_ENROLMENT = re.compile(r"([\d,]+)\s*(estimated|actual|anticipated)?\b", re.IGNORECASE)
_BULLET = re.compile(r"^(\s*)[•*\-–·]\s*")


def key(word: str) -> str:
    """Words compare without case or outer blanks."""
    return " ".join(word.casefold().split())


def intervention(value: Text) -> Intervention:
    """'Biological: MSCs' is a type and a name; an unknown type stays in the name."""
    kind, mark, name = value.value.partition(":")
    code = INTERVENTION_TYPES.get(key(kind))
    if mark and code and name.strip():
        return Intervention(code, name.strip(), path=value.path)
    return Intervention(None, value.value, path=value.path)


def enrolment(text: str) -> tuple[int, bool | None] | None:
    """'120 estimated patients' is 120, not yet counted."""
    match = _ENROLMENT.match(text.strip())
    if not match:
        return None
    count = int(match[1].replace(",", "") or -1)
    kind = (match[2] or "").casefold()
    return (count, {"estimated": False, "anticipated": False, "actual": True}.get(kind)) if 0 <= count < 2**31 else None


def ages(text: str | None) -> tuple[Age | None, Age | None, str | None]:
    """Lower limit, upper limit, and the text again where it is no age."""
    words = key(text or "").removesuffix(" old").strip()
    if not words or words in ("all", "any", "n/a", "all ages"):
        return None, None, None
    if match := _BETWEEN.fullmatch(words):
        word = match[4] or match[2]
        return _age(match[1], match[2] or word), _age(match[3], word), None
    if match := _FROM.fullmatch(words):
        return _age(match[1] or match[3], match[2] or match[4]), None, None
    if match := _UP_TO.fullmatch(words):
        return None, _age(match[1], match[2]), None
    return None, None, text


def _age(count: str, word: str | None) -> Age:
    name = (word or "years").removesuffix("s")
    return Age(int(count), _UNITS[name], name, "ages")


def accepts(text: str) -> bool:
    """'No Healthy Volunteers', 'Accepts Healthy Volunteers'."""
    return key(text).split(" ")[0] not in ("no", "does", "not", "none")


def bullets(lines: list[str]) -> str:
    """The items of a section, word for word, one a line, each with a star and the indentation it had below others."""
    found: list[str] = []
    depths = [len(m[1].expandtabs(4)) for line in lines if (m := _BULLET.match(line))]
    least = min(depths, default=0)
    for line in lines:
        match = _BULLET.match(line)
        text = plain(line[match.end() :] if match else line)
        if not text:
            continue
        depth = len(match[1].expandtabs(4)) - least if match else 0
        found.append(f"{' ' * depth}* {one_line(text)}" if match else text)
    return "\n".join(found)


def date(text: str) -> str | None:
    """'Mar 18, 2020 • 5 years ago', 'March 2020'."""
    words = one_line(re.split(r"[•·(]", text)[0])
    for pattern, shape in (
        ("%b %d, %Y", "%Y-%m-%d"),
        ("%B %d, %Y", "%Y-%m-%d"),
        ("%Y-%m-%d", "%Y-%m-%d"),
        ("%b %Y", "%Y-%m"),
        ("%B %Y", "%Y-%m"),
        ("%Y", "%Y"),
    ):
        try:
            return datetime.strptime(words, pattern).strftime(shape)
        except ValueError:
            continue
    return None
