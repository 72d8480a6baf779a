"""Why something about codes cannot be told from what is loaded, and what to do about it.

https://hl7.org/fhir/R5/valueset-issue-type.html
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """An issue code and a sentence with the remedy."""

    code: str
    sentence: str


class Undecided(Exception):
    """What was asked cannot be decided, for one reason."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = Reason(code, sentence)


def named(url: str, version: str | None) -> str:
    """A canonical with its version, where there is one."""
    return f"{url}|{version}" if version else url
