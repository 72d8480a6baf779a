"""The sentences of a paragraph, where each can stand by itself.

https://www.unicode.org/reports/tr29/#Sentence_Boundaries
"""

from __future__ import annotations

import re

_END = re.compile(r"(?<=[.;。；])\s+(?=[\"'(“]?[A-Z0-9≥≤<>À-ÞΑ-ΩА-Я一-鿿])|(?<=[。；])(?=\S)")
_ALSO = re.compile(_END.pattern + r"|(?<=[;；])\s+(?=\S)")
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|vs|approx|dr|prof|mr|mrs|ms|no|nr|fig|resp|incl|excl|max|min|cf|etc|al|st|inc|ltd|ca|ver|vol"
    r"|u\.s|[A-Za-z])\.)$",
    re.IGNORECASE,
)
_LEANS = re.compile(
    r"[\"'(“]?(?:They|This|These|Those|Such|It|Its|He|She|His|Her|Their|However|Otherwise|If so|"
    r"In (?:this|these|such|that|addition)|"
    r"And|Or|But|Also|Then|Thus|Therefore|That|Note|Examples?|For (?:this|these|example)|\()\b|\(",
)


def sentences(text: str) -> list[str]:
    """The sentences, each with its end; one that leans on the one before ('They must …') stays with it."""
    found: list[str] = []
    start = 0
    # A list in a row is written with several semicolons; one alone joins two halves of a sentence.
    for cut in (_ALSO if text.count(";") > 1 else _END).finditer(text):
        before = text[start : cut.start()]
        if _SHORT.search(before) or _LEANS.match(text, cut.end()) or _open(before):
            continue
        found.append(before.strip())
        start = cut.end()
    found.append(text[start:].strip())
    return [one for one in found if one]


def _open(text: str) -> bool:
    """Whether a bracket is still open."""
    return text.count("(") > text.count(")") or text.count("[") > text.count("]")
