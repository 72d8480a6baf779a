"""Registry prose as plain text: markdown escapes undone, invisible characters taken out.

https://spec.commonmark.org/0.31.2/#backslash-escapes
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_INVISIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\u200b\ufffe\uffff\ud800-\udfff]")
_SPACES = re.compile(r"[ \t\u00a0]+")


def plain(text: str) -> str:
    r"""Text as its author wrote it: `10\^6` reads 10^6."""
    return visible(_ESCAPE.sub(r"\1", text) if "\\" in text else text)


def visible(text: str) -> str:
    """Text without characters that nobody sees and no resource may hold."""
    if text.isprintable():
        return text.strip()
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _INVISIBLE.sub("", text).strip()


def one_line(text: str) -> str:
    """Plain text on one line, single-spaced: for names and titles."""
    return _SPACES.sub(" ", " ".join(plain(text).splitlines())).strip()
