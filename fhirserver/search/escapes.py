r"""Values of a search parameter taken apart: comma, dollar and bar separate unless a backslash stands before them.

https://hl7.org/fhir/R5/search.html#escaping
"""

from __future__ import annotations

from fhirserver.errors import BadRequest


def split(value: str, separator: str) -> list[str]:
    r"""Splits at each separator that is not escaped; the parts keep their escapes: 'a\,b,c' → ['a\,b', 'c']."""
    if "\\" not in value:
        return value.split(separator)
    parts, current, at = [], "", 0
    while at < len(value):
        sign = value[at]
        if sign == "\\":
            current += value[at : at + 2]
            at += 2
            continue
        if sign == separator:
            parts.append(current)
            current = ""
        else:
            current += sign
        at += 1
    return [*parts, current]


def plain(value: str, given: str) -> str:
    r"""The value without its escapes; only comma, dollar, bar and backslash can be escaped."""
    if "\\" not in value:
        return value
    found, at = "", 0
    while at < len(value):
        sign = value[at]
        if sign == "\\":
            at += 1
            sign = value[at : at + 1]
            if sign not in (",", "$", "|", "\\"):
                raise BadRequest(
                    rf"A backslash in '{value}' escapes nothing: write \\, or \, \$ \| for a separator that is meant.",
                    expression=given,
                )
        found += sign
        at += 1
    return found


def literal(text: str) -> str:
    r"""A text as a value that stands for just it: 'a,b' → 'a\,b'."""
    for sign in ("\\", ",", "|", "$"):
        text = text.replace(sign, "\\" + sign)
    return text
