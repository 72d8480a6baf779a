"""What each resource of a trial is called: readable ids, lasting identifiers, and links between entries.

https://hl7.org/fhir/R5/bundle.html#references, https://www.rfc-editor.org/rfc/rfc4122#section-4.3
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache
from typing import Any
from uuid import UUID

URI = "urn:ietf:rfc:3986"
CLINICAL_TRIALS_GOV = "http://clinicaltrials.gov"

# Fixed for ever: another value would make every record another study's.
_NAMES = UUID("7b1d1c1e-4c39-5f0d-9a3e-2f6f0f9c1a55")
_ENTRIES = UUID("c8f2f4a6-0d5b-5a86-8a44-64d1c0b9e7d3")

_WORDS = re.compile(r"[^a-z0-9]+")


def slug(text: str, longest: int = 30) -> str:
    """A readable part of an id. What is shortened, or has letters that an id cannot hold, ends in a hash of its own."""
    ascii_ = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = _WORDS.sub("-", ascii_.casefold()).strip("-")
    foreign = not text.isascii() and any(letter.isalpha() and ord(letter) > 0x24F for letter in text)
    if words and len(words) <= longest and not foreign:
        return words
    return f"{words[: longest - 9].rstrip('-') or 'x'}-{digest(text)}"


def hashed(text: str, said: str) -> str:
    """An id for what several studies may name: readable words, then a hash of all that is said of it."""
    ascii_ = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = _WORDS.sub("-", ascii_.casefold()).strip("-")[:40].rstrip("-")
    return f"{words or 'x'}-{digest(said)}"


def slugs(texts: list[str]) -> list[str]:
    """Slugs that differ from each other, in the order of their texts."""
    found: dict[str, None] = {}
    numbers: dict[str, int] = {}
    for text in texts:
        name = slug(text)
        if name in found:
            short = slug(text, 26)
            number = numbers.get(short, 2)
            while (name := f"{short}-{number}") in found:
                number += 1
            numbers[short] = number + 1
        found[name] = None
    return list(found)


def digest(text: str) -> str:
    """Eight hex digits that stand for a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


@lru_cache(maxsize=8192)
def uri(kind: str, id_: str) -> str:
    """The lasting name of a resource: its identifier on every server, and its canonical url where it has one."""
    return _uuid5(_NAMES.bytes, f"{kind}/{id_}")


@lru_cache(maxsize=8192)
def full_url(kind: str, id_: str) -> str:
    """The name of an entry inside a Bundle. Never equal to `uri`, which a server must not rewrite."""
    return _uuid5(_ENTRIES.bytes, f"{kind}/{id_}")


def _uuid5(space: bytes, name: str) -> str:
    """What uuid.uuid5 says, in a third of its time: each resource of a record needs two."""
    found = hashlib.sha1(space + name.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(found[16], 16) & 3]
    return f"urn:uuid:{found[:8]}-{found[8:12]}-5{found[13:16]}-{variant}{found[17:20]}-{found[20:32]}"


def identifier(kind: str, id_: str) -> dict[str, Any]:
    """An identifier for what no registry has numbered."""
    return {"system": URI, "value": uri(kind, id_)}


def reference(kind: str, id_: str, display: str | None = None) -> dict[str, Any]:
    """A link to another entry of the Bundle."""
    link: dict[str, Any] = {"reference": full_url(kind, id_)}
    if display:
        link["display"] = display
    return link


def link(resource: dict[str, Any], display: str | None = None) -> dict[str, Any]:
    """A link to a resource of the Bundle."""
    return reference(resource["resourceType"], resource["id"], display)
