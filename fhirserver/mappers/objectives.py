"""The objectives that a study's summary states in a sentence of their own.

https://hl7.org/fhir/R5/researchstudy-definitions.html#ResearchStudy.objective
"""

from __future__ import annotations

import re
from typing import Any

from fhirserver.mappers.codes import OUTCOME, concept
from fhirserver.mappers.trial import Trial

_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])|\n+")
_STATED = re.compile(
    r"(?:the|our|a|this study's|its)?\s*(?:(?P<rank>primary|main|principal|secondary|exploratory|overall|specific)\s+)?"
    r"(?:purpose|aim|objective|goal)s?\b[^.:]{0,80}?\b(?:is|are|was|were|will be)\b.*\bto\b.+",
    re.IGNORECASE,
)
_RANKS = {
    "primary": "PRIMARY",
    "main": "PRIMARY",
    "principal": "PRIMARY",
    "secondary": "SECONDARY",
    "exploratory": "OTHER",
}


def objectives(trial: Trial) -> list[dict[str, Any]]:
    """Sentences word for word; a type only where the sentence names its rank."""
    found: list[dict[str, Any]] = []
    for sentence in _SENTENCE.split(trial.summary.value if trial.summary else ""):
        match = _STATED.match(sentence.strip())
        if match:
            one: dict[str, Any] = {"name": f"Objective {len(found) + 1}"}
            if kind := _RANKS.get((match["rank"] or "").casefold()):
                code, display = OUTCOME[kind]
                one["type"] = concept("research-study-objective-type", code or "exploratory", display)
            one["description"] = sentence.strip()
            found.append(one)
    return found
