"""A text of criteria taken apart: every word in exactly one heading or criterion, in order.

https://hl7.org/fhir/R5/group-definitions.html#Group.characteristic
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from fhirserver.mappers.eligibility.headings import Heading, section
from fhirserver.mappers.eligibility.leads import asks, declares, general, is_label, is_lead, is_title, leans, opens
from fhirserver.mappers.eligibility.lines import Line, lines
from fhirserver.mappers.eligibility.sentences import sentences


@dataclass(frozen=True, slots=True)
class Segment:
    """A heading or a criterion, word for word; `signs` are the markers before it, '*' or '2.'.

    `exclude` is None for a heading. `under` are the headings that narrow a criterion, the widest first.
    """

    text: str
    exclude: bool | None
    signs: str = ""
    under: tuple[str, ...] = ()
    plain: bool = False


@dataclass(slots=True)
class _Item:
    lines: list[str]
    exclude: bool
    under: tuple[int, ...]
    signs: str
    section: int
    indent: int
    listed: bool
    free: bool = False


@dataclass(slots=True)
class _Title:
    text: str
    signs: str
    plain: bool
    exclude: bool


@dataclass(slots=True)
class _State:
    """Where the reading stands: positions of the headings in force, and the column of the present list."""

    exclude: bool
    headed: bool = False
    scope: int | None = None
    scope_of_sections: bool = False
    heading: int | None = None
    heading_leads: bool = False
    lead: int | None = None
    lead_exclude: bool | None = None
    lead_used: bool = False
    base: Line | None = None
    columns: frozenset[int] = frozenset()
    section: int = 0


_Part = _Item | _Title


def outline(text: str, exclude: bool = False) -> tuple[Segment, ...]:
    """The segments of a text; `exclude` is the side of what stands before the first heading."""
    reader = _Reader(exclude)
    found = lines(text)
    for at, line in enumerate(found):
        reader.take(line, found[at + 1 : at + 40])
    return reader.segments()


class _Reader:
    def __init__(self, exclude: bool) -> None:
        self.parts: list[_Part] = []
        self.state = _State(exclude)
        self.listed: set[int] = set()

    def take(self, line: Line, ahead: list[Line]) -> None:
        """Reads a line; `ahead` are those after it."""
        pieces = [] if line.signs or not line.words.endswith(":") else sentences(line.words)
        if len(pieces) > 1:
            # 'All infants below 2 kg. In addition, they must satisfy the following:' says two things.
            found = [replace(line, words=one, raw=one, blank=line.blank or at > 0) for at, one in enumerate(pieces)]
            for at, one in enumerate(found):
                self._take(one, [*found[at + 1 :], *ahead])
        else:
            self._take(line, ahead)

    def _take(self, line: Line, ahead: list[Line]) -> None:
        state = self.state
        nested = self._is_nested(line, ahead)
        if (found := section(line.words, bool(line.signs))) and (not nested or found[0].plain):
            self._enter(line, *found, ahead)
        elif not line.words:
            self._aside(line)
        elif not nested and self._leads(line, ahead):
            self._lead(line, listed=bool(ahead and ahead[0].signs))
        elif self.parts and isinstance(last := self.parts[-1], _Item) and self._continues(line, nested, last):
            last.lines.append(" " * line.indent + line.raw.strip())
        elif line.signs:
            if state.base is None or not nested:
                state.columns = (state.columns if state.base else frozenset()) | {line.indent}
                state.base = line
            self._item(line)
        else:
            if state.base is not None:
                self._leave_lead()
            state.base = None
            self._item(line)

    def _is_nested(self, line: Line, ahead: list[Line]) -> bool:
        base = self.state.base
        if base is None:
            return False
        if line.indent > base.indent and line.indent in self.state.columns:
            # Items stood there before: one that stands out to the left does not take in those after it.
            return False
        if line.indent > base.indent:
            # '* 1. …' with '2. …' below its text goes on counting.
            counts = base.number is not None and len(base.signs) > 1 and line.number is not None
            return not (counts and line.signs[:1] != base.signs[:1])
        if line.indent < base.indent or not line.signs or base.signs[0][1] in (line.kind, line.signs[0][1]):
            return False
        last = self.parts[-1]
        opened = isinstance(last, _Item) and last.lines[-1].rstrip().endswith((":", "："))
        if base.kind == "number" and line.kind in ("bullet", "letter", "roman"):
            number = (base.number or 0) + 1
            return opened or any(one.number == number and one.kind == "number" for one in ahead)
        return opened and line.kind in ("letter", "roman", "number")

    def _continues(self, line: Line, nested: bool, last: _Item) -> bool:
        if not last.listed or self.state.base is None:
            return False
        if nested or line.signs:
            return nested
        reads_on = line.words[0].islower() and last.lines[-1].rstrip()[-1:] not in ".:;"
        return not line.blank or reads_on

    def _leads(self, line: Line, ahead: list[Line]) -> bool:
        words = line.words
        following = ahead[0] if ahead else None
        if not following:
            return False
        listed = bool(following.signs)
        if not line.signs:
            first = line.blank or not self.parts or isinstance(self.parts[-1], _Title)
            base = self.state.base
            counted = base is not None and base.number is not None and following.number == base.number + 1
            if listed and asks(words):
                return True
            if following.words.endswith(":") and not listed and first and is_title(words):
                return True
            if listed and (counted or (first and following.blank)) and is_title(words):
                return True
            return is_lead(words, first and (listed or following.words.endswith(":")))
        counted = self.state.base is not None and line.number is not None
        return words.rstrip().endswith((":", "：")) and not counted and opens(words)

    def _enter(self, line: Line, heading: Heading, rest: str, ahead: list[Line]) -> None:
        state = self.state
        before = state.scope
        self._widen(line)
        if not heading.plain and state.scope == before:
            # It says itself for whom it is.
            state.scope = None
        self.parts.append(_Title(heading.text, _signs(line), heading.plain, heading.exclude))
        state.exclude, state.headed = heading.exclude, True
        state.heading, state.heading_leads = None if heading.plain else len(self.parts) - 1, False
        state.lead, state.lead_exclude, state.base = None, None, None
        state.section += 1
        if rest:
            for one in lines(rest):
                self.take(replace(one, blank=False), ahead)

    def _widen(self, line: Line) -> None:
        """A lead-in or label directly before a heading stands above that and the next ones."""
        state = self.state
        last = self.parts[-1] if self.parts else None
        at = len(self.parts) - 1
        if isinstance(last, _Title) and at == state.lead:
            state.scope, state.scope_of_sections = at, True
        elif isinstance(last, _Item) and len(last.lines) == 1:
            below = last.listed and line.signs and line.indent > last.indent and len(last.lines[0].split()) <= 8
            if below or (not last.listed and is_label(last.lines[0])):
                self.parts[-1] = _Title(last.lines[0], last.signs, False, last.exclude)
                state.scope, state.scope_of_sections = at, True
        if not state.scope_of_sections:
            state.scope = None

    def _lead(self, line: Line, listed: bool) -> None:
        state = self.state
        words = line.words
        exclude = leans(words, state.exclude)
        before = len(self.parts) - 1
        if before >= 0 and before == state.lead:
            # A title with a lead-in below it: 'Screening phase', 'Who meets the following …:'.
            state.scope, state.scope_of_sections = before, False
        self.parts.append(_Title(words, _signs(line), False, exclude))
        state.base = None
        if general(words) and before != state.heading:
            state.exclude = exclude
            state.headed = True
            state.heading, state.lead, state.lead_exclude = len(self.parts) - 1, None, None
            state.heading_leads = True
        else:
            if state.heading_leads and not listed and is_title(words):
                state.heading, state.heading_leads = None, False
            state.lead, state.lead_exclude, state.lead_used = len(self.parts) - 1, exclude, False
        state.section += 1

    def _leave_lead(self) -> None:
        """A paragraph after a list ends the lead-in of that list; a label goes on."""
        state = self.state
        if state.lead is not None and state.lead_used:
            title = self.parts[state.lead]
            assert isinstance(title, _Title)
            if len(title.text.split()) > 5:
                state.lead, state.lead_exclude = None, None

    def _item(self, line: Line) -> None:
        state = self.state
        state.lead_used = True
        exclude = state.exclude if state.lead_exclude is None else state.lead_exclude
        free = not state.headed or (not line.signs and state.section in self.listed)
        if line.signs:
            self.listed.add(state.section)
        under = tuple(at for at in (state.scope, state.heading, state.lead) if at is not None)
        self.parts.append(
            _Item([line.words], exclude, under, _signs(line), state.section, line.indent, bool(line.signs), free)
        )

    def _aside(self, line: Line) -> None:
        """A bullet with nothing behind it says nothing, but is not lost from the count of what was read."""
        self.parts.append(_Title("", _signs(line), True, self.state.exclude))

    def segments(self) -> tuple[Segment, ...]:
        used = {at for part in self.parts if isinstance(part, _Item) for at in part.under}
        found: list[Segment] = []
        for at, part in enumerate(self.parts):
            if isinstance(part, _Title):
                if part.plain or at in used:
                    found.append(Segment(part.text, None, part.signs, (), part.plain))
                else:
                    found.append(Segment(part.text, part.exclude, part.signs))
                continue
            under = tuple(_titled(self.parts[up]) for up in part.under)
            text = _join(part.lines, part.indent)
            pieces = sentences(text) if part.section not in self.listed and len(part.lines) == 1 else [text]
            for number, piece in enumerate(pieces):
                said = declares(piece.partition("\n")[0]) if part.free else None
                exclude = part.exclude if said is None else said
                found.append(Segment(piece, exclude, "" if number else part.signs, under))
        return tuple(found)


def _titled(part: _Part) -> str:
    assert isinstance(part, _Title)
    return re.sub(r"[\s:：*_]+$", "", part.text).lstrip("*_ ")


def _signs(line: Line) -> str:
    return " ".join(sign for sign, _ in line.signs)


def _join(texts: list[str], indent: int) -> str:
    """The lines of a criterion, nested ones kept apart and indented by their depth below it."""
    first, *rest = texts
    if not rest:
        return first
    depths = [len(line) - len(line.lstrip()) for line in rest]
    least = min(depths, default=indent)
    return "\n".join([first, *(line[min(least, len(line) - len(line.lstrip())) :] for line in rest)])
