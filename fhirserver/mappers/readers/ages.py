"""Age limits as registries word them: '14 Years', '8 Months', 'N/A'.

https://hl7.org/fhir/R5/valueset-age-units.html
"""

from __future__ import annotations

import re
from decimal import Decimal

from fhirserver.errors import Issue
from fhirserver.mappers.parts import Age, Text

_UNITS = {"year": "a", "month": "mo", "week": "wk", "day": "d", "hour": "h", "minute": "min"}
_SHORT = {"yr": "year", "y": "year", "mo": "month", "mth": "month", "wk": "week", "hr": "hour", "min": "minute"}
_AGE = re.compile(
    rf"(\d{{1,6}}(?:\.\d{{1,6}})?)[\s-]*({'|'.join((*_UNITS, *_SHORT))})\(?s?\)?\.?(?: old| of age)?", re.IGNORECASE
)
_NONE = {"n/a", "na", "none", "no limit", "not applicable", "n/a (no limit)"}


def age(text: Text | None, issues: list[Issue]) -> Age | None:
    """The limit; None where there is none. Wording that is no age is reported."""
    if text is None or text.value.casefold() in _NONE:
        return None
    match = _AGE.match(text.value)
    if not match or match.end() != len(text.value):
        issues.append(Issue("warning", "value", f"'{text.value}' is no age; it was left out.", (text.path,)))
        return None
    word = match[2].casefold()
    word = _SHORT.get(word, word)
    number = Decimal(match[1]).normalize()
    value = int(number) if number == number.to_integral_value() else number
    return Age(value, _UNITS[word], word, text.path)
