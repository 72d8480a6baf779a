"""What a check of a resource finds: a path below the checked element, an issue code and a sentence.

https://hl7.org/fhir/R5/valueset-issue-type.html. Checks return None when all is well, so that a good resource costs no
paths; the parent of a bad element puts its own name in front.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from fhirserver.errors import Severity

if TYPE_CHECKING:
    from fhirserver.resources.fhirpath.environment import Place

LIMIT = 50
"""Most findings of one resource: enough to mend it, too few to flood a log."""


class Finding(NamedTuple):
    """`code` 'structure' means the JSON has not the shape of the type (400); any other code breaks a rule (422).

    `key` is the name of the rule, where it has one.
    """

    path: str
    code: str
    sentence: str
    severity: Severity = "error"
    key: str | None = None


Findings = list[Finding]
Check = Callable[[Any], Findings | None]
"""Looks at one JSON value by itself; None when it is right."""
DeepCheck = Callable[[Any, "Place"], Findings | None]
"""Looks at one JSON value and all below it, where it stands in its resource."""


def one(code: str, sentence: str, path: str = "") -> Findings:
    """A single finding."""
    return [Finding(path, code, sentence)]


def below(prefix: str, findings: Findings) -> Findings:
    """The same findings, one level up."""
    return [found._replace(path=prefix + found.path) for found in findings]


def shown(value: Any, most: int = 60) -> str:
    """A value as a message may quote it: short, in quotes when it is text."""
    match value:
        case str():
            return f"'{value[:most]}…'" if len(value) > most else f"'{value}'"
        case True | False:
            return str(value).lower()
        case None:
            return "null"
        case dict():
            return "an object"
        case list():
            return "an array"
        case _:
            text = str(value) if not isinstance(value, int) or abs(value) < 10**most else "a number of many digits"
            return text[:most]
