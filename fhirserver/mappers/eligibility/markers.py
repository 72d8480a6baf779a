"""What stands before an item of a list: bullets, numbers, letters and Roman numerals, as records write them."""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal["bullet", "number", "letter", "roman"]

_MARKER = re.compile(
    r"""(?P<bullet>[*•·‣▪▫◦●○■□◆◇➢➔►▶✓✔∙⁃§»](?!\*)|[-–—](?=\s|$)|[-–—](?=[A-Za-z][A-Za-z])|[o+](?=\s))
      | (?P<number>\d{1,3}[.)、．](?!\d)|\d{1,3}\.\)|\(\d{1,3}\)|（\d{1,3}）|\[\d{1,2}\](?=\s)|[①-⑳⑴-⒇❶-❿]
          |\#\d{1,2}[.:)]?(?=\s)|\d{1,2}(?:\.\d{1,2}){2,3}[.)]?(?=\s)|\d{1,2}\.\d{1,2}[.)](?=\s)
          |(?:IC?|EC?|INC?|EXC?L?|CI|CE)[- ]?\d{1,2}[.:)](?=\s))
      | (?P<roman>\(?(?:[ivx]{2,5}|[IVX]{2,5})[.)](?=\s))
      | (?P<letter>\(?[A-Za-z]\)|[a-z]\.(?=\s)|[A-Z]\.(?=\s+["'(]?[A-Z0-9]))
    """,
    re.VERBOSE,
)
_CIRCLED = {chr(first + at): at + 1 for first, many in ((0x2460, 20), (0x2474, 20), (0x2776, 10)) for at in range(many)}


def marker(line: str) -> tuple[str, Kind, int] | None:
    """The marker that a line begins with, its kind and where what follows begins."""
    found = _MARKER.match(line)
    if not found:
        return None
    end = found.end()
    while end < len(line) and line[end].isspace():
        end += 1
    match found.lastgroup:
        case "number" | "roman" | "letter" as kind:
            return found[0], kind, end
        case _:
            return found[0], "bullet", end


def ordinal(sign: str) -> int | None:
    """The number that a marker says; of 1.2.3 the last part."""
    if sign in _CIRCLED:
        return _CIRCLED[sign]
    digits = re.findall(r"\d+", sign)
    return int(digits[-1]) if digits else None
