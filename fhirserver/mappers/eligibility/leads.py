"""Lead-ins and titles between criteria: what is said before a list, of whom, and on which side that puts it.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#EligibilityModule
"""

from __future__ import annotations

import re

from fhirserver.mappers.eligibility.headings import EMPHASIS, SENTENCE

_WHO = re.compile(
    r"(?:who|you|patients|people|participants|subjects|individuals) "
    r"(?:can(?:not)?|may|could|should|will|is|are|might)\b[^.;,]*"
    r"\b(?:take part|participate|join|qualify|eligible|included|excluded)[^.;,]*$",
    re.IGNORECASE,
)
_STOCK = re.compile(
    r"age|sex|gender|weight|sex and contraceptive.*|informed consent|other exclusions?|reproduction|"
    r"prior/conco\w+ .*|prior/concurrent .*|type of participants? .*|diagnostic assessments?|medical conditions?",
    re.IGNORECASE,
)
_TAKEN = re.compile(
    r"\b(?:is|are|will be|may be|can be)(?: still| also)? (?:eligible|included|allowed|permitted|accepted)\b",
    re.IGNORECASE,
)
_OUT = re.compile(
    r"\bnot (?:be |to be |considered |considered to be )?(?:eligible|included|allowed|permitted|enrolled|enter|entered|"
    r"recruited|participat\w+|admitted|qualif\w+|suitable|accepted|take part|join|randomi[sz]ed)|\bineligible|"
    r"\b(?:cannot|can't|should not) (?:take part|participate|join|qualify)|\bexclu(?:ded?|des|sion|ding)\b|"
    r"\bprecluded?\b|\bdisqualif\w+|\bcontra-?indicat\w+|\bprohibited\b|\bnon[- ]inclusion\b",
    re.IGNORECASE,
)
_NOT_OUT = re.compile(r"\bnot (?:be )?(?:exclu|preclu|disqual|contra|prohib)\w*|\bno exclu\w*", re.IGNORECASE)
_WITHOUT = re.compile(
    r"\b(?:must|should|may|can|shall|do|does|have|has|are|is)\s*not\b(?! only)|\bcannot\b|\bmust be free (?:of|from)|"
    r"\bnone of the following|\bno (?:history|evidence|known|prior|active|signs?|other|presence)\b|\babsence of\b|"
    r"\bwithout any\b|\bno\b[^,;]{0,30}\bfollowing\b|\bnot have\b",
    re.IGNORECASE,
)
_WITHOUT = re.compile(
    r"\b(?:must|should|may|can|shall|do|does|have|has|are|is)\s*not\b(?! only)|\bcannot\b|\bmust be free (?:of|from)|"
    r"\bnone of the following|\bno (?:history|evidence|known|prior|active|signs?|other|presence)\b|\babsence of\b|"
    r"\bwithout any\b|\bno\b[^,;]{0,30}\bfollowing\b|\bnot have\b",
    re.IGNORECASE,
)
_INSIDE = re.compile(
    r"\b(?:eligible|eligibility|included|inclusion|enrolled|recruited|participate|take part|qualify|accepted)\b",
    re.IGNORECASE,
)
_CRITERION = re.compile(
    r"(?:known|history|prior|previous|current\w*|patients|subjects|participants|individuals|adults?|pregnan\w*|able|ability|"
    r"inability|unable|willing\w*|unwilling\w*|sign\w*|written|informed|diagnos\w*|confirmed|presence|absence|use|using|"
    r"receiv\w*|having|men|women|males?|females?|aged?|severe|active|other|lack|evidence|allerg\w*|contra\w*|uncontrolled|"
    r"participation|hypersensitivity|treatment|treated|lactating|breast\w*|breast-feeding|healthy|serious|significant|"
    r"clinical\w*|documented|histolog\w*|provision|capable|refus\w*|intolerance|suspected|in|on|with|without)\b",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"(?:(?:an?|any|all|the|each|no|only|study|potential|eligible|prospective) )*"
    r"(?:subjects?|patients?|participants?|individuals?|candidates?|volunteers?|persons?|people|women|men|children|those)"
    r"(?:/\w+)? (?:will|must|should|shall|are|is|may|can|cannot|need|have to|"
    r"who (?:meets?|fulfil\w*|satisf\w+|shows?|presents?|answer)|"
    r"with (?:any|one|either|the following)|meeting|fulfilling|satisfying|presenting|having any|showing)\b",
    re.IGNORECASE,
)
_EVERYBODY = re.compile(
    r"\b(?:any|all|one|each|either|some|more|both) of|\bfollowing|\btake part|\bqualify|\bparticipate|"
    r"\bif\b|\bwho\b|\bthat\b|\bcriteri|\bmust\b|\bto be\b",
    re.IGNORECASE,
)
_SOME = re.compile(
    r"\bwith (?!any\b|all\b|one\b|either\b|the following|at least|these)(?!\w+ of the following)", re.IGNORECASE
)
_LABEL = re.compile(
    r"\b(?:cohorts?|groups?|arms?|parts?|phases?|stages?|steps?|strat(?:a|um)|sub-?stud(?:y|ies)|controls?|cases?|"
    r"stud(?:y|ies)|donors?|recipients?|caregivers?|parents?|mothers?|infants?|volunteers?|disease|characteristics|"
    r"sub-?groups?|aims?|visits?|screening|baseline|randomi[sz]ation|population|specific)\b",
    re.IGNORECASE,
)


def is_lead(words: str, follows_list: bool) -> bool:
    """Whether a line leads in to what follows it rather than being a criterion."""
    if words.rstrip("*_ ").endswith((":", "：")):
        return True
    if not follows_list:
        return False
    if re.search(r"\bfollowing\b", words, re.IGNORECASE) and (_OUT.search(words) or _INSIDE.search(words)):
        return True
    return is_label(words)


def asks(words: str) -> bool:
    """Whether a line is a lay heading: 'Who cannot take part'."""
    return len(words.split()) <= 12 and _WHO.match(words) is not None


def is_label(words: str) -> bool:
    """Whether a line without a colon names a part of the study or of its people."""
    count = len(words.split())
    if count > 8 or (words.rstrip()[-1:] in ".;,)!?" and not words.rstrip().endswith(")")):
        return False
    return (words.isupper() and 2 <= count <= 6) or (count <= 5 and _LABEL.search(words) is not None)


def is_title(words: str) -> bool:
    """Whether a short line reads as a title ('Type of Participant and Disease Characteristics'), not as a criterion."""
    if _STOCK.fullmatch(words.strip(EMPHASIS)):
        return True
    return (
        2 <= len(words) <= 80
        and len(words.split()) <= 9
        and (words[0].isupper() or words[0] == "[")
        and words.rstrip()[-1] not in ".;,:?!"
        and re.search(r"(?<![A-Za-z])\d|[<>≥≤=%]", words) is None
        and SENTENCE.search(words) is None
        and _CRITERION.match(words) is None
    )


def general(words: str) -> bool:
    """Whether a lead-in speaks of everybody who may take part, and so opens a section."""
    said = _OUT.search(words) or _INSIDE.search(words)
    return bool(said and _EVERYBODY.search(words) and not _SOME.search(words))


def opens(words: str) -> bool:
    """Whether a bullet opens a section: 'A participant will be eligible if all of the following are met:'."""
    return general(words) and _SUBJECT.match(words) is not None and "following" in words.casefold()


def leans(words: str, present: bool) -> bool:
    """Which side a lead-in such as 'Patients are excluded if:' means; the present one where it does not say."""
    if _NOT_OUT.search(words):
        return False
    if _OUT.search(words):
        return True
    if _WITHOUT.search(words):
        return True
    if _INSIDE.search(words):
        return False
    return present


def declares(words: str) -> bool | None:
    """The side that a sentence names itself: 'Pregnant women will be excluded.'; None where it names none."""
    if found := _OUT.search(words):
        return None if found[0].endswith(("ion", "ing", "ude")) else not _NOT_OUT.search(words)
    return False if _TAKEN.search(words) else None
