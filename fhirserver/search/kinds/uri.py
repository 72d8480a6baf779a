"""URIs, compared letter by letter. Posting: code|uri. https://hl7.org/fhir/R5/search.html#uri"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.search import escapes
from fhirserver.search.kinds import terms
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink, bounded

MODIFIERS = ("above", "below", "contains")
SORT = 64
SEEN = 250
"""Characters of a URI that ':contains' looks at."""


@dataclass(frozen=True, slots=True)
class Uri:
    """One of these URIs: more than one where ':above' asks for all that lead to it."""

    uris: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Below:
    """:below, the URI itself and those under it."""

    uri: str


@dataclass(frozen=True, slots=True)
class Contains:
    """:contains, a URI that holds this somewhere, large or small; ASCII."""

    part: str


Test = Uri | Below | Contains


def parse(parameter: Parameter, modifier: str | None, value: str, given: str) -> Test:
    """The test of one value; ':above' and ':below' follow the segments of a URL's path."""
    uri = escapes.plain(value, given)
    if modifier in ("above", "below"):
        if "://" not in uri or len(uri) > 250:
            raise BadRequest(f"':{modifier}' takes a URL of at most 250 characters.", expression=given)
        base = uri.rstrip("/")
        return Below(base) if modifier == "below" else Uri(_above(base))
    if modifier == "contains":
        if len(uri) > SEEN or not uri.isascii():
            raise BadRequest(f"':contains' takes at most {SEEN} characters of ASCII here.", expression=given)
        return Contains(uri)
    return Uri((uri,))


def _above(uri: str) -> tuple[str, ...]:
    scheme, rest = uri.split("://", 1)
    segments = rest.split("/")
    bases = [f"{scheme}://{'/'.join(segments[: n + 1])}" for n in range(len(segments))]
    return tuple(form for base in bases for form in (base, base + "/"))


def suffixes(parameter: Parameter, type_: str, value: Any) -> list[str]:
    """The ends of the postings of a value; a canonical with a version is found without it too."""
    if not isinstance(value, str):
        return []
    if type_ == "canonical" and "|" in value:
        return [value.split("|", 1)[0], value]
    return [value]


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code, prefix = parameter.code, f"{parameter.code}|"

    def index(value: Any, sink: Sink) -> None:
        if isinstance(value, str):
            for each in suffixes(parameter, type_, value):
                sink.t.append(prefix + each)
            sink.sort(code, value[:SORT])

    return index


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    match test:
        case Uri((uri,)):
            return terms.term(code, uri)
        case Uri(uris):
            return {"t": {"$in": [bounded(f"{code}|{uri}") for uri in uris]}}
        case Below(uri):
            return {"$or": [terms.term(code, uri), terms.beginning(code, uri + "/")]}
        case Contains():
            held = {"$regex": _posting(code, test), "$options": "i"}
            return {"t": {"$elemMatch": {**terms.present(code)["t"]["$elemMatch"], **held}}}


def sought(code: str, test: Contains) -> re.Pattern[str]:
    """What finds the postings of a test."""
    return re.compile(_posting(code, test), re.IGNORECASE | re.ASCII)


def _posting(code: str, test: Contains) -> str:
    ahead = len(code) + 1
    return f"^[\\s\\S]{{{ahead},{ahead + SEEN - len(test.part)}}}" + re.escape(test.part)


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    if not isinstance(value, str):
        return False
    forms = {value, value.partition("|")[0]} if type_ == "canonical" else {value}
    match test:
        case Uri(uris):
            return any(form in uris for form in forms)
        case Below(uri):
            return any(form == uri or form.startswith(uri + "/") for form in forms)
        case Contains(part):
            return any(re.search(re.escape(part), form[:SEEN], re.IGNORECASE | re.ASCII) for form in forms)
