"""Media types of FHIR, and which of them an Accept header or _format asks for.

https://hl7.org/fhir/R5/http.html#mime-type, https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from fhirserver.errors import NotAcceptable
from fhirserver.resources.registry import VERSIONS, Release

Format = Literal["json", "xml"]
FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"
FHIR_TYPES: Mapping[Format, str] = MappingProxyType({"json": FHIR_JSON, "xml": FHIR_XML})

# FHIR's own names first, then the general ones, then those of before STU3.
JSON_TYPES = (FHIR_JSON, "application/json", "text/json", "application/json+fhir")
XML_TYPES = (FHIR_XML, "application/xml", "text/xml", "application/xml+fhir")
_json: dict[str, Format] = dict.fromkeys(JSON_TYPES, "json")
_xml: dict[str, Format] = dict.fromkeys(XML_TYPES, "xml")
TYPES: Mapping[str, Format] = MappingProxyType(_json | _xml)
_FORMATS: Mapping[str, Format] = MappingProxyType({"json": "json", "xml": "xml", **TYPES})
_OFFERED: Mapping[Format, tuple[str, ...]] = MappingProxyType(
    {
        "json": (FHIR_JSON, FHIR_XML, *JSON_TYPES[1:], *XML_TYPES[1:]),
        "xml": (FHIR_XML, FHIR_JSON, *XML_TYPES[1:], *JSON_TYPES[1:]),
    }
)
Rank = tuple[float, int, int]
"""Weight, closeness of the range, and its place, negative so that the greatest rank is the best."""

PAGES = ("text/html", "application/xhtml+xml")
"""What a browser lists."""
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?").fullmatch


@dataclass(frozen=True, slots=True)
class Chosen:
    """What an answer is written in: `content_type` is its header, in the name that the client used."""

    format: Format
    content_type: str


@dataclass(frozen=True, slots=True)
class Media:
    """A media type with its parameters, names in lower case."""

    kind: str
    parameters: Mapping[str, str]

    @property
    def quality(self) -> float:
        """The weight q; one that is not written as it should be counts as none."""
        text = self.parameters.get("q", "1")
        return float(text) if _QUALITY(text) else 1.0

    @property
    def version(self) -> str | None:
        """fhirVersion."""
        return self.parameters.get("fhirversion")


def media(text: str) -> Media:
    """Takes 'application/fhir+json; fhirVersion=5.0' apart."""
    kind, *rest = text.split(";")
    parameters: dict[str, str] = {}
    for part in rest:
        name, _, value = part.partition("=")
        parameters[name.strip().lower()] = value.strip().strip('"')
    return Media(kind.strip().lower(), parameters)


def version_fits(release: Release, version: str | None) -> bool:
    """Whether fhirVersion, '5.0' or '5.0.0', names the release; none fits every one."""
    return version is None or VERSIONS[release] == version or VERSIONS[release].startswith(version + ".")


def _chosen(kind: str, release: Release, wanted: Media) -> Chosen:
    # Whoever names a version understands the parameter, and is told which it became.
    said = f"; fhirVersion={VERSIONS[release].rpartition('.')[0]}" if wanted.version is not None else ""
    return Chosen(TYPES[kind], f"{kind}; charset=utf-8{said}")


PLAIN: Mapping[Format, Chosen] = MappingProxyType(
    {name: Chosen(name, f"{kind}; charset=utf-8") for name, kind in FHIR_TYPES.items()}
)


@lru_cache(256)
def accepted(header: str, release: Release, default: Format) -> Chosen:
    """The best of what the server writes by an Accept header; NotAcceptable. Where two are equal the first named wins.

    A general name, such as application/xml, is answered in that name. A browser lists text/html, and shows JSON.
    """
    ranges = [media(part) for part in header.split(",")]
    fitting = [each for each in ranges if version_fits(release, each.version)]
    ranks = [(rank, kind) for kind in _OFFERED[default] if (rank := _rank(kind, fitting)) and rank[0] > 0]
    if ranks:
        # Of equal ranks max takes the first, and the first offered is the default.
        (quality, _, place), kind = max(ranks, key=lambda each: each[0])
        return PLAIN["json"] if _browses(fitting, quality) else _chosen(kind, release, fitting[-place])
    others = [each.version for each in ranges if each not in fitting and each.version]
    if others:
        raise NotAcceptable(
            f"This address speaks FHIR {VERSIONS[release]}, not {', '.join(others)[:64]}: leave it out of Accept.",
            expression="Accept",
        )
    raise NotAcceptable(
        f"This server writes JSON and XML: send Accept: {FHIR_JSON} or {FHIR_XML}.", expression="Accept"
    )


def _browses(ranges: Sequence[Media], quality: float) -> bool:
    """Whether the client would rather have a page than the best of FHIR's types, and takes anything else as well."""
    pages = [each.quality for each in ranges if each.kind in PAGES]
    return bool(pages) and max(pages) >= quality and any(each.kind == "*/*" and each.quality > 0 for each in ranges)


def _rank(kind: str, ranges: Sequence[Media]) -> Rank | None:
    """How well a media type is accepted: of the ranges that hold it the closest decides, of equal ones the first."""
    near = [(close, -at) for at, each in enumerate(ranges) if (close := _closeness(kind, each.kind))]
    if not near:
        return None
    closeness, place = max(near)
    return ranges[-place].quality, closeness, place


def _closeness(kind: str, wanted: str) -> int:
    if wanted == kind:
        return 3
    if wanted == f"{kind.partition('/')[0]}/*":
        return 2
    return 1 if wanted == "*/*" else 0


@lru_cache(256)
def named(value: str, release: Release) -> Chosen:
    """What _format asks for: 'json', 'xml' or a media type; NotAcceptable."""
    wanted = media(value)
    # An unescaped + of a URL reads as a blank: application/fhir json.
    found = _FORMATS.get(wanted.kind.replace(" ", "+"))
    if found is None:
        raise NotAcceptable(
            f"This server does not write '{value[:64]}': ask for _format=json or _format=xml.", expression="_format"
        )
    if not version_fits(release, wanted.version):
        raise NotAcceptable(
            f"This address speaks FHIR {VERSIONS[release]}, not {wanted.version}: leave fhirVersion out of _format.",
            expression="_format",
        )
    return _chosen(FHIR_TYPES[found], release, wanted)
