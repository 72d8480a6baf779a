"""The lines of a text as its author meant them: wrapped ones joined, headings and items that run on set apart.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#EligibilityModule
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from fhirserver.mappers.eligibility.markers import Kind, marker, ordinal

_WIDTHS = range(60, 121)
"""Columns at which a text may be wrapped; longer lines are paragraphs that nobody wrapped."""
_WORD = re.compile(r"\S+")
_HEADING = re.compile(
    r"(?<=[\w.;,:)\]*>]) +(?=\W{0,2}(?:(?:Key|Main|Major|General|Study|Primary|Other|Additional|Specific) )?"
    r"(?:Non[- ]?)?(?:In|Ex)clusion Criteri(?:a|on) ?[:.]"
    r"|(?:NON[- ]?)?(?:IN|EX)CLUSION CRITERIA\b|(?:In|Ex)clusion Criteria \(?1[.)] )"
)
_HEADING_AFTER = re.compile(r"(?<=[.;:)]) +(?=(?:[Nn]on[- ]?)?(?:[Ii]n|[Ee]x)clusion [Cc]riteri(?:a|on) ?:)")
_HEAD = re.compile(
    r"^[^:.]{0,60}\b(?:in|ex)clusion(?: criteri(?:a|on))?(?:[^:.]{0,60}?[:.] *(?=\S)| (?=\(?1[.)] ))", re.IGNORECASE
)
_NUMBER = re.compile(r"(?:(?<=\s)|^)(?:\((\d{1,2})\)|(\d{1,2})[.)](?=\s|[A-Za-z])(?!\d))")
_LABEL = re.compile(r"(?<=[.;])\s+([A-Z][\w\- ]{2,40}:)$")
_DASH = re.compile(r" +(?=[-–•*·●▪] +[^\W\d_])")


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its column, its markers ('* 2.'), what follows them, and whether an empty line stands before it."""

    indent: int
    signs: tuple[tuple[str, Kind], ...]
    words: str
    blank: bool
    raw: str

    @property
    def kind(self) -> Kind | None:
        """The kind of its innermost marker."""
        return self.signs[-1][1] if self.signs else None

    @property
    def number(self) -> int | None:
        """The number that its markers say."""
        return next((found for sign, _ in reversed(self.signs) if (found := ordinal(sign)) is not None), None)


def lines(text: str) -> list[Line]:
    """The lines of a text, in its order; nothing but white space is lost or added."""
    raws = [each.expandtabs(4).rstrip() for each in text.splitlines()]
    if len(raws) == 1:
        # Forms that lost their line breaks still show them as runs of spaces.
        raws = re.split(r"(?<=\S) {3,}(?=\S)", raws[0])
    found: list[Line] = []
    for each in _joined([_line(raw, False) for raw in raws], _width(raws)):
        found += _apart(each)
    return found


def _line(raw: str, blank: bool) -> Line:
    indent = len(raw) - len(raw.lstrip())
    rest = raw[indent:]
    signs: list[tuple[str, Kind]] = []
    while len(signs) < 3 and (found := marker(rest)):
        sign, kind, end = found
        if signs and (kind == "bullet") and sign not in "-–—•*":
            break
        signs.append((sign, kind))
        rest = rest[end:]
    return Line(indent, tuple(signs), rest, blank, raw)


def _width(raws: list[str]) -> int | None:
    """The column at which the text was wrapped, if it was: many lines come close to it and none goes beyond."""
    widest = max(map(len, raws), default=0)
    if widest not in _WIDTHS:
        return None
    near = sum(len(raw) > widest - 20 for raw in raws)
    return widest if near >= 2 else None


def _joined(raws: list[Line], width: int | None) -> Iterator[Line]:
    """Lines without those that are empty, wrapped ones joined to what they go on."""
    current: Line | None = None
    last = ""
    blank = True
    for line in raws:
        if not line.raw.strip():
            blank = True
            continue
        if current is not None and not blank and _goes_on(current, last, line, width):
            spaced = " " if last else ""
            current = replace(
                current, words=current.words + spaced + line.words, raw=current.raw + spaced + line.raw.strip()
            )
        else:
            if current is not None:
                yield current
            current = replace(line, blank=blank)
        last, blank = line.raw, False
    if current is not None:
        yield current


def _goes_on(current: Line, last: str, line: Line, width: int | None) -> bool:
    """Whether a line is the rest of the one before: its first word had no place there, or it reads on."""
    if line.signs and not (width and line.indent > current.indent and line.kind in ("letter", "number")):
        return False
    first = _WORD.match(line.raw, line.indent)
    filled = bool(width and first and len(last) + 1 + len(first[0]) > width)
    if line.signs:
        # '… or more than\n   12. September' cannot be told from an item but by what stands before it.
        return False
    if filled:
        return not last.endswith(":") or line.indent > current.indent
    if current.words.rstrip().endswith((".", ":", ";", "：", "。")):
        return False
    return line.words[:1].islower()


def _apart(line: Line) -> list[Line]:
    """Gives headings, and items of a run-on paragraph, lines of their own."""
    pieces = _pieces(line.raw)
    found: list[Line] = []
    for at, piece in enumerate(pieces):
        blank = line.blank if at == 0 else True
        found += _items(_line(piece, blank) if at or len(pieces) > 1 else line)
    return found


def _pieces(raw: str) -> list[str]:
    """The text cut before each heading; what only qualifies a heading ('III.6', 'Study') stays with it."""
    cuts = sorted({m.end() for pattern in (_HEADING, _HEADING_AFTER) for m in pattern.finditer(raw)})
    found: list[str] = []
    start = 0
    for cut in cuts:
        before = raw[start:cut].strip()
        if len(before.split()) < 4 and not before.endswith((".", ";", ")", ":")):
            continue
        if re.fullmatch(r"[\W\dIVX]*", before):
            continue
        found.append(raw[start:cut].rstrip())
        start = cut
    return [*found, raw[start:]]


def _items(line: Line) -> list[Line]:
    """The items that a paragraph counts up, '1) …, 2) …' or '- … - …'; the line itself where it does not."""
    head = _HEAD.match(line.words)
    body = line.words[head.end() :] if head else line.words
    cuts = _enumerated(line, body)
    if not cuts and (not line.signs or head):
        cuts = _dashed(body)
    if not cuts:
        return [line]
    offset = head.end() if head else 0
    prefix = line.raw[: len(line.raw) - len(line.words)]
    edges = [0, *(offset + cut for cut in cuts), len(line.words)]
    parts = [line.words[a:b].strip() for a, b in pairwise(edges)]
    if not parts[0] and not line.signs:
        parts.pop(0)
    found = [_line(prefix + parts[0], line.blank)]
    for part in parts[1:]:
        label = _LABEL.search(part)
        if label and marker(part):
            found.append(_line(" " * line.indent + part[: label.start()], False))
            part = label[1]
        if part:
            found.append(_line(" " * line.indent + part, False))
    return found


def _enumerated(line: Line, body: str) -> list[int]:
    """Where the numbers of a counting begin: at least two in a row, from 1 (or, after a bullet, 2 or 3) on."""
    found = [(int(m[1] or m[2]), m.start()) for m in _NUMBER.finditer(body)]
    here = line.number
    if len(loose := _loose(body, found, here)) > (1 if here else 2):
        return loose
    cuts: list[int] = []
    expected = here + 1 if here is not None else None
    for number, at in found:
        if expected is None:
            if number == 1 and (at == 0 or body[:at].rstrip().endswith((":", ".", ";"))):
                cuts, expected = [at], 2
            elif number == 2 and not cuts and re.match(r"1[.)]\d", body):
                cuts, expected = [0, at], 3
            elif line.signs and number in (2, 3) and body[:at].rstrip().endswith((";", ".", ",")):
                cuts, expected = [at], number + 1
        elif number == expected or (number == expected + 1 and len(cuts) > 3):
            if not _ends(body[:at]):
                continue
            cuts.append(at)
            expected = number + 1
    return cuts if len(cuts) >= 2 or (here is not None and len(cuts) >= 1 and line.signs) else []


def _loose(body: str, found: list[tuple[int, int]], here: int | None) -> list[int]:
    """Items that nothing but their numbers sets apart: '1. Adults 2. Asthma 3. Consent'."""
    cuts: list[int] = []
    for number, at in found:
        if (
            number == (here or 0) + len(cuts) + 1
            and (at == 0 or cuts or here)
            and re.match(r"\S+\s+[A-Z≥≤<>]", body[at:])
        ):
            cuts.append(at)
    return cuts


def _ends(before: str) -> bool:
    """Whether an item can end here, rather than a number be said in passing ('grade 2. ')."""
    return before.rstrip()[-1:] in ".;,:)]?!。；" or before.rstrip().endswith((" and", " or"))


def _dashed(body: str) -> list[int]:
    found = [m.end() for m in _DASH.finditer(body)]
    starts = marker(body)
    dashes = {body[at] for at in found}
    if len(found) == 1 and body[: found[0]].rstrip().endswith(":"):
        return found
    if len(dashes) != 1 or (len(found) < 2 and not (starts and starts[0] in dashes)):
        return []
    return found
