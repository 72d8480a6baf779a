"""What a ResearchStudy says about its recruitment: where it stands, how many it wants, its groups.

https://hl7.org/fhir/R5/researchstudy.html
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.fhirjson import Interval, Resource, interval

STATUS = "http://hl7.org/fhir/research-study-status"
OVERALL = "overall-study"
"""Notes the dates of the whole study; no state it is in."""


def progress(study: Resource, today: str) -> tuple[str | None, str]:
    """The present progress state as (code or None, words); ("", "") when the study has none.

    Present is an entry that is not anticipated and whose period holds today; of several, the one that began last, and
    among equals the one listed first. When all have ended, the last to end.
    """
    day = interval(today)
    entries = [
        (_period(entry), entry)
        for entry in study.get("progressStatus", ())
        if _code(entry) != OVERALL and entry.get("actual") is not False
    ]
    begun = [(when, entry) for when, entry in entries if when.low < day.high]
    present = [(when, entry) for when, entry in begun if when.high > day.low]
    if present:
        found = max(present, key=lambda pair: pair[0].low)[1]
    elif begun:
        found = max(begun, key=lambda pair: pair[0].high)[1]
    else:
        return None, ""
    return _code(found), _words(found)


def recruitment(study: Resource) -> Resource:
    """The element recruitment, empty when there is none."""
    found = study.get("recruitment")
    return found if isinstance(found, dict) else {}


def arm(study: Resource, link_id: str) -> Resource | None:
    """The comparison group of this linkId."""
    for group in study.get("comparisonGroup", ()):
        if group.get("linkId") == link_id:
            return dict(group)
    return None


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
