"""The states of a research subject, where each may lead, and which hold a place in the study.

https://terminology.hl7.org/CodeSystem-research-subject-state.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

_EARLY = ("withdrawn",)

TRANSITIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "potential-candidate": ("candidate", *_EARLY),
        "candidate": ("screening", *_EARLY),
        "screening": ("eligible", "ineligible", *_EARLY),
        "eligible": ("pending-on-study", "not-registered", *_EARLY),
        "pending-on-study": ("on-study", "not-registered", *_EARLY),
        # A study need not have an intervention or an observation of its own, so each may be passed over.
        "on-study": ("on-study-intervention", "on-study-observation", "follow-up", "off-study"),
        "on-study-intervention": ("on-study-observation", "follow-up", "off-study"),
        "on-study-observation": ("on-study-intervention", "follow-up", "off-study"),
        "follow-up": ("off-study",),
        "ineligible": (),
        "not-registered": (),
        "withdrawn": (),
        "off-study": (),
    }
)

STATES = tuple(TRANSITIONS)
FINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
PLACELESS = frozenset(("ineligible", "not-registered", "withdrawn"))
"""States that hold no place: not counted toward targetNumber and actualNumber. off-study counts: they took part."""


def illegal_step(before: Sequence[str], after: Sequence[str]) -> tuple[str, str] | None:
    """The first step between two trails of states that the table does not have; None when all are legal.

    A trail that continues the earlier one may take several steps at once, each of them noted.
    """
    continued = tuple(after[: len(before)]) == tuple(before)
    added = after[len(before) :] if continued else after[-1:]
    at = before[-1]
    for state in added:
        if state != at and state not in TRANSITIONS.get(at, ()):
            return at, state
        at = state
    return None
