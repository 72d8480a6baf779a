"""Value sets as the checks of profiles ask for them: which codes belong, and of which that is not known.

https://hl7.org/fhir/R5/terminologies.html#strength
"""

from __future__ import annotations

from fhirserver.resources.profiles.codes import Codes
from fhirserver.terminology import compose
from fhirserver.terminology.contents import Contents
from fhirserver.terminology.members import Members


class Bound:
    """The codes of value sets by canonical, each worked out when first asked for."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._made: dict[str, Codes] = {}

    def __call__(self, canonical: str) -> Codes | None:
        """The value set's codes; None when it is not known."""
        made = self._made.get(canonical)
        if made is None and (found := compose.members(self._contents, canonical)) is not None:
            made = self._made[canonical] = codes(found)
        return made


def codes(members: Members) -> Codes:
    """The codes that may be used; those that an expansion has for its order alone may not."""
    known: dict[str, set[str]] = {}
    for (system, code), entry in members.entries.items():
        if entry.row.get("abstract") is not True:
            known.setdefault(system, set()).add(code)
    frozen = {system: frozenset(each) for system, each in known.items()}
    return Codes(frozen, members.open, members.folded, tuple(reason.sentence for reason in members.reasons))
