"""What a ResearchStudy says about its recruitment: where it stands, how many it wants, its groups.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.fhirjson import Interval, Resource, interval

STATUS = "http://hl7.org/fhir/research-study-status"
OVERALL = "overall-study"
"""Notes the dates of the whole study; no state it is in."""

ACCRUING = frozenset({"active", "recruiting", "enrolling-by-invitation"})
"""The states in which a study takes new subjects."""

_FIRST, _LAST = date(1, 1, 1), date(9999, 12, 31)
_DAY, _INSTANT = timedelta(days=1), timedelta(microseconds=1)


def progress(study: Resource, today: str) -> tuple[str | None, str]:
    """The present progress state as (code or None, words); ("", "") when the study has none.

    Present is an entry that is not anticipated and whose period holds today; of several, the one that began last, and
    among equals the one listed first. When all have ended, the last to end.
    """
    found = _present(_entries(study), interval(today))
    return (None, "") if found is None else (_code(found), _words(found))


def accruing(study: Resource) -> list[tuple[str | None, str | None]]:
    """When a study takes new subjects by what it says of its progress: first and last days, None without end.

    On each of these days, and on no other, `progress` gives a state of ACCRUING.
    """
    entries = _entries(study)
    # The state is another at most on the first day of an entry and on the day after its last.
    edges = {_FIRST}
    for when, _ in entries:
        edges.add(when.low.date())
        last = (when.high - _INSTANT).date()
        if last < _LAST:
            edges.add(last + _DAY)
    found: list[tuple[date, date]] = []
    ordered = sorted(edges)
    for at, first in enumerate(ordered):
        last = ordered[at + 1] - _DAY if at + 1 < len(ordered) else _LAST
        entry = _present(entries, interval(first.isoformat()))
        if entry is None or _code(entry) not in ACCRUING:
            continue
        if found and found[-1][1] + _DAY == first:
            found[-1] = found[-1][0], last
        else:
            found.append((first, last))
    return [
        (None if first == _FIRST else first.isoformat(), None if last == _LAST else last.isoformat())
        for first, last in found
    ]


_Entries = list[tuple[Interval, Resource]]


def _entries(study: Resource) -> _Entries:
    """The states that a study is or was in, each with its time."""
    return [
        (_period(entry), entry)
        for entry in study.get("progressStatus", ())
        if _code(entry) != OVERALL and entry.get("actual") is not False
    ]


def _present(entries: _Entries, day: Interval) -> Resource | None:
    """The entry that holds on a day."""
    begun = [(when, entry) for when, entry in entries if when.low < day.high]
    present = [(when, entry) for when, entry in begun if when.high > day.low]
    if present:
        return max(present, key=lambda pair: pair[0].low)[1]
    return max(begun, key=lambda pair: pair[0].high)[1] if begun else None


def recruitment(study: Resource) -> Resource:
    """The element recruitment, empty when there is none."""
    found = study.get("recruitment")
    return found if isinstance(found, dict) else {}


def arm(study: Resource, word: str) -> Resource | None:
    """The comparison group of this linkId, else of this name, which is all that R4 knows of its arms."""
    for key in ("linkId", "name"):
        for group in study.get("comparisonGroup", ()):
            if group.get(key) == word:
                return dict(group)
    return None


def arm_key(study: Resource, word: str) -> str:
    """What a comparison group is known by, its linkId or else its name; a word that names none stays as it is."""
    found = arm(study, word)
    return word if found is None else str(found.get("linkId", found.get("name")))


def title(study: Resource) -> str:
    """What people call the study."""
    return str(study.get("title") or study.get("name") or f"ResearchStudy/{study.get('id', '')}")


def _period(entry: Resource) -> Interval:
    period = entry.get("period", {})
    start, end = _span(period.get("start")), _span(period.get("end"))
    low = start.low if start else datetime.fromisoformat("0001-01-01T00:00:00+00:00")
    high = end.high if end else datetime.fromisoformat("9999-12-31T23:59:59+00:00")
    return Interval(low, high)


def _span(text: Any) -> Interval | None:
    try:
        return interval(text) if isinstance(text, str) else None
    except BadRequest:
        return None


def _code(entry: Resource) -> str | None:
    """The code of the state, of HL7's code system or one that copies it; None for text or another system's code."""
    for coding in entry.get("state", {}).get("coding", ()):
        system = coding.get("system", STATUS)
        if isinstance(coding.get("code"), str) and str(system).rsplit("/", 1)[-1] == "research-study-status":
            return str(coding["code"])
    return None


def _words(entry: Resource) -> str:
    state = entry.get("state", {})
    codings = state.get("coding") or [{}]
    return str(state.get("text") or codings[0].get("display") or codings[0].get("code") or "")
