"""The values of a registry page: ages, numbers, dates, interventions and bullets in its wording.

https://clinicaltrials.gov/data-api/about-api/study-data-structure lists what they stand for.
"""

from __future__ import annotations

import re
from datetime import datetime

from fhirserver.mappers.parts import Age, Intervention, Text
from fhirserver.mappers.readers.page_words import INTERVENTION_TYPES, key
from fhirserver.mappers.readers.plain import one_line, plain

_AGE = r"(\d{1,3})\s*(years?|months?|weeks?|days?|hours?|minutes?)?"
_BETWEEN = re.compile(rf"(?:from )?{_AGE}\s*(?:to|-|–|and)\s*{_AGE}(?: old)?", re.IGNORECASE)
_FROM = re.compile(
    rf"{_AGE}\s*(?:\+|and (?:over|older|up))|(\d{{1,3}})\+\s*(years?|months?|weeks?|days?)", re.IGNORECASE
)
_UP_TO = re.compile(rf"(?:up to|under|until)\s*{_AGE}", re.IGNORECASE)
_UNITS = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}
_ENROLMENT = re.compile(r"([\d,]+)\s*(estimated|actual|anticipated)?\b", re.IGNORECASE)
_BULLET = re.compile(r"^(\s*)[•*\-–·]\s*")


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
    levels = sorted(set(depths))
    for line in lines:
        match = _BULLET.match(line)
        text = plain(line[match.end() :] if match else line)
        if not text:
            continue
        level = levels.index(len(match[1].expandtabs(4))) if match else 0
        found.append(f"{'  ' * level}* {one_line(text)}" if match else text)
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
