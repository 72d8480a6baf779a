"""Age limits as registries word them: '14 Years', '8 Months', 'N/A'.

https://hl7.org/fhir/R5/valueset-age-units.html
"""

from __future__ import annotations

import re

from fhirserver.errors import Issue
from fhirserver.mappers.parts import Age, Text

_UNITS = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}
_AGE = re.compile(r"(\d{1,6})\s*(year|month|week|day|hour|minute)s?", re.IGNORECASE)
_NONE = {"n/a", "na", "none", "no limit"}


def age(text: Text | None, issues: list[Issue]) -> Age | None:
    """The limit; None where there is none. Wording that is no age is reported."""
    if text is None or text.value.casefold() in _NONE:
        return None
    match = _AGE.match(text.value)
    if not match or match.end() != len(text.value):
        issues.append(Issue("warning", "value", f"'{text.value}' is no age; it was left out.", (text.path,)))
        return None
    word = match[2].casefold()
    return Age(int(match[1]), _UNITS[word], word, text.path)
