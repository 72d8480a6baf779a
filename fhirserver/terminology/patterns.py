"""Regular expressions of value sets, within a time: whoever stores a value set may write any expression.

https://hl7.org/fhir/R5/valueset-filter-operator.html
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import regex

from fhirserver.terminology.reasons import Undecided

SECONDS = 1.0
"""What one expression may take for all codes together."""
LONGEST = 1000


def matcher(source: str) -> Callable[[str], bool]:
    """Whether a whole text is as the expression says; Undecided for one that is none, or takes too long."""
    if len(source) > LONGEST:
        raise Undecided("too-costly", f"A regular expression has more than {LONGEST} characters: shorten it.")
    try:
        pattern = regex.compile(source)
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        raise Undecided("invalid", f"'{source[:60]}' is no regular expression: {error}.") from None
    left = SECONDS

    def matches(text: str) -> bool:
        nonlocal left
        begun = monotonic()
        try:
            return pattern.fullmatch(text, timeout=max(left, 0.001)) is not None
        except TimeoutError:
            said = f"The regular expression '{source[:60]}' takes too long: simplify it."
            raise Undecided("too-costly", said) from None
        finally:
            left -= monotonic() - begun

    return matches
