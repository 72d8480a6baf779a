"""Whether a study takes new subjects, by its progress status.

https://hl7.org/fhir/R5/codesystem-research-study-status.html
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

Openness = Literal["open", "closed", "unknown"]

OPEN: Mapping[str, Openness] = MappingProxyType(
    {
        "active": "open",
        "recruiting": "open",
        "enrolling-by-invitation": "open",
        "in-review": "closed",
        "approved": "closed",
        "disapproved": "closed",
        "not-yet-recruiting": "closed",
        "active-but-not-recruiting": "closed",
        "temporarily-closed-to-accrual": "closed",
        "temporarily-closed-to-accrual-and-intervention": "closed",
        "closed-to-accrual": "closed",
        "closed-to-accrual-and-intervention": "closed",
        "administratively-completed": "closed",
        "completed": "closed",
        "terminated": "closed",
        "withdrawn": "closed",
    }
)


def openness(code: str | None) -> Openness:
    """open or closed by the table; unknown for no code and for a code that the table has not."""
    return OPEN.get(code or "", "unknown")
