"""The contacts of a registry page: a name, then perhaps a telephone number and an address.

https://hl7.org/fhir/R5/datatypes.html#ContactPoint says what becomes of them.
"""

from __future__ import annotations

import re

from fhirserver.mappers.parts import Person
from fhirserver.mappers.readers.plain import one_line

_MAIL = re.compile(r"[^\s@;,]+@[^\s@;,]+\.[^\s@;,]+")
_PHONE = re.compile(r"\+?[\d(][\d\s().\-/]{5,}(?:\s*(?:ext\.?|x)\s*\d+)?", re.IGNORECASE)


def contacts(lines: list[str]) -> tuple[Person, ...]:
    """One person a name; numbers and addresses belong to the name above them."""
    found: list[dict[str, str]] = []
    for line in (part for whole in lines for part in one_line(whole).split(";")):
        text = line.strip()
        if not text:
            continue
        kind = "email" if _MAIL.fullmatch(text) else "phone" if _PHONE.fullmatch(text) else "name"
        if kind == "name" or not found or kind in found[-1]:
            found.append({})
        found[-1][kind] = text
    return tuple(
        Person(one.get("name", ""), "CONTACT", phone=one.get("phone"), email=one.get("email"), path=f"contacts[{n}]")
        for n, one in enumerate(found)
    )
