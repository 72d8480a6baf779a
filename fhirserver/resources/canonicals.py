"""Canonical URLs and the versions behind them: which of several is the newest.

https://hl7.org/fhir/R5/references.html#canonical
"""

from __future__ import annotations

import re


def parts(canonical: str) -> tuple[str, str | None]:
    """The URL and the version of 'http://…/x|1.0'; None where it names no version."""
    url, _, version = canonical.partition("|")
    return url, version or None


def rank(version: str) -> tuple[tuple[bool, int, str], ...]:
    """Orders versions: 4.0.10 comes after 4.0.9, 5.0.0 after 5.0.0-ballot."""
    found = re.split(r"[.+_-]", version)
    ranked = [(part.isdecimal(), int(part) if part.isdecimal() and len(part) < 20 else 0, part) for part in found]
    return (*ranked, (True, -1, ""))
