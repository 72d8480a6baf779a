"""Eligibility criteria as the record words them: one criterion a bullet, each on its side of inclusion and exclusion.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#EligibilityModule, https://hl7.org/fhir/R5/group.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_BULLET = re.compile(
    r"^(?P<indent>\s*)(?:[*•·‣▪◦●○■□➢✓–—]|-(?=\s|$)|\d{1,3}[.)](?!\d)|\(\d{1,3}\)|\(?[A-Za-z]\)|[a-z]\.(?=\s)|\(?[ivx]{1,5}[.)](?=\s))\s*(?P<text>.*)$"
)
_SIDE = re.compile(r"\b(?P<not>non[- ]?)?(?P<side>in|ex)clu(?:sion|de[ds]?|ding)\b", re.IGNORECASE)
_HEADING = re.compile(
    r"(?P<head>[^:.]{0,60}?\b(?:non[- ]?)?(?:in|ex)clusion(?: criteri(?:a|on|um))?\b[^:.]{0,60}?)"
    r"\s*(?:[:.]\s*(?P<rest>.*))?",
    re.IGNORECASE,
)
_SECTION = re.compile(r"^(?:[IVX]+|\d{1,2})(?:\.\d{1,2})*\.?\s+(?=\D)")
_INLINE_HEADING = re.compile(r"(?:^|(?<=\S)\s+)((?:in|ex)clusion criteria:)", re.IGNORECASE)
_INLINE_DASH = re.compile(r"\s+-\s+(?=[A-Z])")
_PLAIN = re.compile(
    r"(?:(?:key|main|major|general) )?(?:non[- ]?)?(?:in|ex)clusion(?: criteri(?:a|on|um))?", re.IGNORECASE
)
_LEAD = re.compile(r"\b(?:eligible|excluded|included|precluded|ineligible|must|criteria)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion word for word, its nested bullets below it; `under` is a heading or lead-in that narrows it."""

    text: str
    exclude: bool
    under: str | None = None


@dataclass(slots=True)
class _State:
    exclude: bool = False
    heading: str | None = None
    lead: str | None = None
    base: int | None = None
    blank: bool = True


def criteria(text: str) -> tuple[Criterion, ...]:
    """The criteria of a text, in its order. Without headings, all are of inclusion."""
    state = _State()
    found: list[tuple[list[str], bool, str | None, int]] = []
    for raw in _unfold(text).splitlines():
        line = raw.expandtabs(4).rstrip()
        if not line.strip():
            state.blank = True
            continue
        match = _BULLET.match(line)
        indent = len(match["indent"]) if match else len(line) - len(line.lstrip())
        words = (match["text"] if match else line).strip()
        nested = state.base is not None and indent > state.base
        if not nested and (rest := _enter(words, state)) is not None:
            if rest:
                found.append(([rest], state.exclude, state.heading, indent))
        elif match and not words:
            pass
        elif found and (nested or (not match and not state.blank and state.base is not None)):
            found[-1][0].append(line if match else words)
        elif match:
            state.base = indent
            found.append(([words], state.exclude, _under(state), indent))
        elif words.endswith(":"):
            state.lead, state.base = words.rstrip(": "), None
            if _SIDE.search(words) or _LEAD.search(words):
                state.exclude = _excludes(words, state.exclude)
        else:
            state.base = None
            found.append(([words], state.exclude, state.heading, indent))
        state.blank = False
    return tuple(Criterion(_join(lines, indent), exclude, under) for lines, exclude, under, indent in found)


def _enter(words: str, state: _State) -> str | None:
    """Enters a section where words are its heading, and says what follows on that line; None if they are none."""
    match = _HEADING.fullmatch(_SECTION.sub("", words))
    if not match:
        return None
    head = match["head"].strip()
    sides = {bool(m["not"]) != (m["side"].casefold() == "ex") for m in _SIDE.finditer(head)}
    rest = (match["rest"] or "").strip()
    marked = match["rest"] is not None and ":" in words
    if len(sides) != 1 or (not marked and len(head.split()) > 6) or (not marked and _is_sentence(head)):
        return None
    state.exclude = sides.pop()
    state.heading = None if _PLAIN.fullmatch(head) else head
    state.lead, state.base = None, None
    bullet = _BULLET.match(rest)
    return bullet["text"].strip() if bullet else rest


def _unfold(text: str) -> str:
    """Gives headings and dashes their own lines where a record has lost all line breaks."""
    if "\n" in text.strip():
        return text
    return _INLINE_DASH.sub("\n- ", _INLINE_HEADING.sub(r"\n\n\1\n", text))


def _is_sentence(head: str) -> bool:
    return re.search(r"\b(?:apply|applied|applies|met|meet|satisfy|will|may|must)\b", head, re.IGNORECASE) is not None


def _excludes(words: str, present: bool) -> bool:
    """Which side a lead-in such as 'Patients are excluded if:' means."""
    folded = words.casefold()
    if re.search(r"\b(?:not (?:be )?(?:eligible|included)|ineligible|exclu(?:ded|sion)|precluded)\b", folded):
        return "not exclu" not in folded
    if re.search(r"\b(?:eligible|included|inclusion)\b", folded):
        return False
    return present


def _under(state: _State) -> str | None:
    parts = [part for part in (state.heading, state.lead) if part]
    return " – ".join(parts) or None


def _join(lines: list[str], indent: int) -> str:
    """The lines of a criterion, nested ones kept apart and indented by their depth below it."""
    first, *rest = lines
    if not rest:
        return first
    depths = [len(line) - len(line.lstrip()) for line in rest if _BULLET.match(line)]
    least = min(depths, default=indent)
    return "\n".join([first, *(line[min(least, len(line) - len(line.lstrip())) :] for line in rest)])
