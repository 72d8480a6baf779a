"""Finds in an arm's prose the sentence that promises a further course under a condition.

https://hl7.org/fhir/R5/plandefinition-definitions.html#PlanDefinition.action.condition
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SENTENCE = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)\s+(?=[A-Z(])|\n+")
_CONDITION = re.compile(
    r"\b(?:if|unless|in (?:the )?case (?:of|that)|in cases? where|should)\s+(?P<words>.+)", re.IGNORECASE
)
_COURSE = re.compile(
    r"\b(?:an?|one|the|further|up to)?\s*(?P<name>(?:second|third|another|repeat(?:ed)?|additional|further|extra)\s+"
    r"(?:[\w-]+\s+){0,2}?(?:course|cycle|infusion|injection|dose|administration|treatment|round|session)s?)\b"
    r"(?P<after>.*)",
    re.IGNORECASE,
)
_GIVEN = re.compile(
    r"\b(?:will|may|can|could|shall|should|is|are|was|were|to)\s+(?:also\s+|then\s+)?be\s+\w+|\b(?:is|are|was|were)\s+\w+(?:ed|en)\b",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"\b(?:within|after|by|at|in)\s+(?:the\s+)?(?:day\s+|week\s+)?(?P<count>\d{1,3})\s*-?\s*(?P<unit>d|days?|h|hours?|wk|weeks?|months?|years?)\b",
    re.IGNORECASE,
)
_UNITS = {"d": "d", "day": "d", "h": "h", "hour": "h", "wk": "wk", "week": "wk", "month": "mo", "year": "a"}


@dataclass(frozen=True, slots=True)
class Course:
    """A further course: the sentence word for word, the words of its condition, and the time it names."""

    sentence: str
    name: str
    condition: str
    count: int | None = None
    unit: str | None = None
    same: bool = False


def further_courses(text: str) -> tuple[Course, ...]:
    """The conditional further courses of an arm's description."""
    found = []
    for sentence in (part.strip() for part in _SENTENCE.split(text)):
        condition = _CONDITION.search(sentence)
        if not condition:
            continue
        before, after = sentence[: condition.start()].rstrip(" ,"), condition["words"]
        # 'If A, B is given' or 'B is given if A': the course stands on the other side of the comma.
        clause, _, main = after.partition(",") if not before else (after, "", before)
        if not main:
            clause, main = _without_comma(after)
        course = _COURSE.search(main)
        if course and clause.strip(" .,") and _GIVEN.search(course["after"]):
            when = _TIME.search(clause)
            unit = when["unit"].casefold() if when else ""
            found.append(
                Course(
                    sentence,
                    course["name"],
                    clause.strip(" .,;"),
                    int(when["count"]) if when else None,
                    _UNITS[unit if unit in _UNITS else unit.removesuffix("s")] if when else None,
                    "same" in main.casefold(),
                )
            )
    return tuple(found)


def _without_comma(words: str) -> tuple[str, str]:
    """'If eligible a second cycle was given' has no comma: the condition ends where the course begins."""
    course = _COURSE.search(words)
    return (words[: course.start()], words[course.start() :]) if course else (words, "")
