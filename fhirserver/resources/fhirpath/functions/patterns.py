"""Functions of regular expressions, within a time.

https://hl7.org/fhirpath/N1/#string-manipulation. An expression looks for a part of the string, which may span lines;
matchesFull() wants the whole. Who loads a profile may write any expression, also one that takes for ever.
"""

from __future__ import annotations

import re
from functools import lru_cache
from time import monotonic
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.table import Function, Table
from fhirserver.resources.fhirpath.values import EvaluationError, Items, text

SECONDS = 0.5
"""What all regular expressions asked of one resource may take together."""


@lru_cache(512)
def _pattern(source: str) -> Any:
    import regex

    try:
        return regex.compile(source, regex.DOTALL)
    except (regex.error, OverflowError, RecursionError, ValueError) as error:
        raise EvaluationError(f"'{source[:60]}' is no regular expression: {error}") from None


def _asked(environment: Environment, source: str, function: str, *arguments: str) -> Any:
    """What a pattern's method answers, if it does in the time that is left."""
    import regex

    memory, begun = environment.place.memory, monotonic()
    left: float = memory.get("regex", SECONDS)
    try:
        return getattr(_pattern(source), function)(*arguments, timeout=max(left, 0.001))
    except (regex.error, IndexError) as error:
        raise EvaluationError(f"'{source[:60]}' cannot be replaced so: {error}") from None
    except TimeoutError:
        left = 0
        raise EvaluationError(f"the regular expression '{source[:60]}' takes too long") from None
    finally:
        memory["regex"] = left - (monotonic() - begun)


def _matches(environment: Environment, items: Items, pattern: Items) -> Items:
    value, source = text(items), text(pattern)
    if value is None or source is None:
        return []
    return [_asked(environment, source, "search", value) is not None]


def _matches_full(environment: Environment, items: Items, pattern: Items) -> Items:
    value, source = text(items), text(pattern)
    if value is None or source is None:
        return []
    return [_asked(environment, source, "fullmatch", value) is not None]


def _replace_matches(environment: Environment, items: Items, pattern: Items, substitution: Items) -> Items:
    value, source, put = text(items), text(pattern), text(substitution)
    if value is None or source is None or put is None:
        return []
    # $1 and ${name} of other dialects are \1 and \g<name> here.
    changed = re.sub(r"\$(?:(\d+)|\{(\w+)\})", r"\\g<\1\2>", put.replace("\\", "\\\\"))
    return [_asked(environment, source, "sub", changed, value)]


PATTERNS: Table = MappingProxyType(
    {
        "matches": Function(_matches, 1, 1),
        "matchesFull": Function(_matches_full, 1, 1),
        "replaceMatches": Function(_replace_matches, 2, 2),
    }
)
