"""The lines of a text as its author meant them: wrapped ones joined, headings and items that run on set apart.

https://clinicaltrials.gov/data-api/about-api/study-data-structure#EligibilityModule
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fhirserver.mappers.eligibility.markers import Kind, marker, ordinal

_WIDTHS = range(60, 121)
"""Columns at which a text may be wrapped; longer lines are paragraphs that nobody wrapped."""
_WORD = re.compile(r"\S+")
_HEADING = re.compile(
    r"(?<=[\w.;,:)\]*>]) +(?=\W{0,2}(?:(?:Key|Main|Major|General|Study|Primary|Other|Additional|Specific) )?"
    r"(?:Non[- ]?)?(?:In|Ex)clusion Criteri(?:a|on) ?[:.]"
    r"|(?:NON[- ]?)?(?:IN|EX)CLUSION CRITERIA\b)"
)
_HEADING_AFTER = re.compile(r"(?<=[.;:)]) +(?=(?:[Nn]on[- ]?)?(?:[Ii]n|[Ee]x)clusion [Cc]riteri(?:a|on) ?:)")
_HEAD = re.compile(r"^[^:.]{0,60}\b(?:in|ex)clusion(?: criteri(?:a|on))?[^:.]{0,60}?[:.] *(?=\S)", re.IGNORECASE)
_NUMBER = re.compile(r"(?:(?<=\s)|^)(?:\((\d{1,2})\)|(\d{1,2})[.)](?=\s|[A-Za-z])(?!\d))")
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
    pieces = [part for piece in _HEADING.split(line.raw) for part in _HEADING_AFTER.split(piece)]
    found: list[Line] = []
    for at, piece in enumerate(pieces):
        blank = line.blank if at == 0 else True
        found += _items(_line(piece, blank) if at or len(pieces) > 1 else line)
    return found


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
    parts = [line.words[a:b].strip() for a, b in zip(edges, edges[1:], strict=False)]
    if not parts[0] and not line.signs:
        parts.pop(0)
    found = [_line(prefix + parts[0], line.blank)]
    return found + [_line(" " * line.indent + part, False) for part in parts[1:] if part]


def _enumerated(line: Line, body: str) -> list[int]:
    """Where the numbers of a counting begin: at least two in a row, from 1 (or, after a bullet, 2 or 3) on."""
    found = [(int(m[1] or m[2]), m.start()) for m in _NUMBER.finditer(body)]
    here = line.number
    cuts: list[int] = []
    expected = here + 1 if here is not None else None
    for number, at in found:
        if expected is None:
            if number == 1 and (at == 0 or body[:at].rstrip().endswith((":", ".", ";"))):
                cuts, expected = [at], 2
            elif line.signs and number in (2, 3) and body[:at].rstrip().endswith((";", ".", ",")):
                cuts, expected = [at], number + 1
        elif number == expected or (number == expected + 1 and len(cuts) > 3):
            if not _ends(body[:at]):
                continue
            cuts.append(at)
            expected = number + 1
    return cuts if len(cuts) >= 2 or (here is not None and len(cuts) >= 1 and line.signs) else []


def _ends(before: str) -> bool:
    """Whether an item can end here, rather than a number be said in passing ('grade 2. ')."""
    return before.rstrip()[-1:] in ".;,:)]?!。；" or before.rstrip().endswith((" and", " or"))


def _dashed(body: str) -> list[int]:
    found = [m.end() for m in _DASH.finditer(body)]
    starts = marker(body)
    dashes = {body[at] for at in found}
    if len(dashes) != 1 or (len(found) < 2 and not (starts and starts[0] in dashes)):
        return []
    return found
