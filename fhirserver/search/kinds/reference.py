"""References: literal ones, canonical URLs, logical ones by identifier.

Postings: code|Type/id, code|Type/id/_history/version, code|URL, code|canonical and code|canonical|version;
code:identifier|… as for a token; code:text|display. https://hl7.org/fhir/R5/search.html#reference
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, NotSupported
from fhirserver.resources import registry
from fhirserver.search import escapes, text
from fhirserver.search.kinds import terms, token, token_index
from fhirserver.search.kinds.terms import Filter
from fhirserver.search.parameters import Parameter
from fhirserver.search.sink import Indexer, Sink, bounded

MODIFIERS = ("identifier", "text", "text-advanced", "above", "below")
REFUSED = ("in", "not-in", "code-text", "contains")
CONTAINED = "#"
"""What stands in a posting for any contained resource: that there is one."""

_GOES_ON = (".", "-")
"""What may follow in a longer version number."""

_BY_ID = frozenset({"Reference", "CodeableReference"})


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference that reads as one of these."""

    forms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RefIn:
    """A reference to one of these resources; what a chain becomes once its targets are known."""

    type: str
    ids: tuple[str, ...]
    bases: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        """The references themselves."""
        return tuple(f"{base}{self.type}/{each}" for each in self.ids for base in ("", *self.bases))


@dataclass(frozen=True, slots=True)
class Identifier:
    """:identifier, a reference that carries this identifier."""

    token: token.Token


@dataclass(frozen=True, slots=True)
class Display:
    """:text, a reference whose display begins so, normalised."""

    text: str


@dataclass(frozen=True, slots=True)
class Versions:
    """:below on a canonical, this version of a URL or one that goes on after a dot or hyphen: of '1' also '1.2'."""

    canonical: str


Test = Ref | RefIn | Identifier | Display | Versions


def parse(parameter: Parameter, modifier: str | None, value: str, given: str, bases: Sequence[str] = ()) -> Test:
    """The test of one value; a modifier that names a type says what a bare id belongs to."""
    if canonical(parameter) and modifier in ("identifier", "text", "text-advanced"):
        raise BadRequest(
            f"':{modifier}' does not go with '{parameter.called}': a canonical URL has neither identifier nor display.",
            expression=given,
        )
    if modifier == "identifier":
        found = token.parse(_logical(parameter), None, value, given)
        assert isinstance(found, token.Token)
        return Identifier(found)
    if modifier == "text":
        shown = text.normalise(escapes.plain(value, given))
        if not shown:
            raise BadRequest(f"'{value}' has no letter or digit to search for.", expression=given)
        return Display(shown[: text.TERM])
    if modifier in ("above", "below"):
        return _versions(modifier, escapes.plain(value, given), given)
    if modifier in REFUSED:
        raise NotSupported(f"':{modifier}' on references is not supported by this server.", expression=given)
    reference = escapes.plain(value, given)
    if reference.startswith(CONTAINED):
        raise BadRequest(
            "A contained resource cannot be searched for: it has no identity of its own.", expression=given
        )
    types = targets(parameter)
    if modifier is not None and modifier not in types:
        raise BadRequest(f"'{parameter.called}' never refers to a {modifier}: {_among(types)}.", expression=given)
    if fhirjson.is_id(reference) and parameter.types & _BY_ID:
        wanted = (modifier,) if modifier else tuple(sorted(types))
        forms = tuple(f"{base}{type_}/{reference}" for type_ in wanted for base in ("", *bases))
        return Ref((*forms, reference))
    literal = fhirjson.literal(reference)
    if literal is None:
        return Ref((reference,))
    if modifier is not None and literal.type != modifier:
        raise BadRequest(f"'{value}' is no reference to a {modifier}.", expression=given)
    if literal.base is None or literal.base in bases:
        local = literal.local + (f"/_history/{literal.version}" if literal.version else "")
        return Ref(tuple(f"{base}{local}" for base in ("", *bases)))
    return Ref((reference,))


def _versions(modifier: str, canonical: str, given: str) -> Test:
    """A canonical URL is that of all its versions; with a version, of those below that."""
    url, bar, version = canonical.partition("|")
    if modifier == "above":
        raise BadRequest(
            "':above' on a canonical URL has no meaning: ask for the URL without a version.", expression=given
        )
    if ":" not in url or (bar and not version):
        raise BadRequest("':below' takes a canonical URL, url or url|version.", expression=given)
    return Versions(canonical) if version else Ref((url,))


def targets(parameter: Parameter) -> frozenset[str]:
    """The types a parameter may refer to."""
    return parameter.definition.targets or registry.resource_types(parameter.release)


def canonical(parameter: Parameter) -> bool:
    """Whether a parameter refers by canonical URLs alone."""
    return parameter.types <= {"canonical", "uri"}


def _among(types: frozenset[str]) -> str:
    return f"use one of {', '.join(sorted(types))}" if len(types) < 12 else "name another type"


def _logical(parameter: Parameter) -> Parameter:
    """The parameter's identifiers, as the token parameter they are searched like."""
    branch = parameter.branches[0] if parameter.branches else None
    identifiers = () if branch is None else (type(branch)(branch.steps, "Identifier"),)
    return Parameter(parameter.release, parameter.base, parameter.code, "token", identifiers, parameter.definition)


def suffixes(parameter: Parameter, type_: str, value: Any) -> list[str]:
    """The ends of the postings of a value, identifier and display aside."""
    reference = literal_of(type_, value)
    if not reference:
        return []
    if reference[0] == "#":
        return [CONTAINED]
    if type_ == "canonical":
        return [reference.split("|", 1)[0], reference] if "|" in reference else [reference]
    if "/_history/" in reference:
        return [reference.split("/_history/", 1)[0], reference]
    return [reference]


def literal_of(type_: str, value: Any) -> str | None:
    """The reference or URL in a value; of a resource that is contained where a reference might be, its own."""
    found: Any = value
    if isinstance(value, dict):
        if type_ == "CodeableReference":
            found = (value.get("reference") or {}).get("reference")
        elif type_ == "Attachment":
            found = value.get("url")
        elif type_ == "Extension":
            inner = next((v for k, v in value.items() if k.startswith("value")), None)
            found = inner.get("reference") if isinstance(inner, dict) else inner
        elif "resourceType" in value:
            found = f"{value['resourceType']}/{value['id']}" if "id" in value else None
        else:
            found = value.get("reference")
    return found if isinstance(found, str) else None


def indexer(parameter: Parameter, type_: str) -> Indexer:
    """What indexes one value of a type."""
    code = parameter.code
    prefix, shown = f"{code}|", f"{code}:text|"
    logical, within = f"{code}:identifier|", f"{code}:identifier{token_index.WITHIN}"

    def reference(value: Any, sink: Sink) -> None:
        literal = value.get("reference")
        if literal and literal[0] == "#":
            sink.t.append(prefix + CONTAINED)
        elif literal:
            sink.t.append(prefix + literal)
            if "/_history/" in literal:
                sink.t.append(prefix + literal.split("/_history/", 1)[0])
            sink.sort(code, literal[: text.SORT])
        identifier = value.get("identifier")
        if identifier:
            token_index.add(sink.t, logical, within, identifier.get("system"), identifier.get("value"), True)
        display = value.get("display")
        if display:
            sink.t.append(shown + text.normalise(display)[: text.TERM])

    def codeable(value: Any, sink: Sink) -> None:
        if value.get("reference"):
            reference(value["reference"], sink)

    def other(value: Any, sink: Sink) -> None:
        found = suffixes(parameter, type_, value)
        for each in found:
            sink.t.append(prefix + each)
        if found:
            sink.sort(code, found[0][: text.SORT])

    return {"Reference": reference, "CodeableReference": codeable}.get(type_, other)


def to_mongo(code: str, test: Test) -> Filter:
    """The filter of a test."""
    match test:
        case Ref(forms) if len(forms) == 1:
            return terms.term(code, forms[0])
        case Ref() | RefIn():
            return {"t": {"$in": [bounded(f"{code}|{form}") for form in test.forms]}}
        case Identifier(inner):
            return token.to_mongo(f"{code}:identifier", inner)
        case Display(start):
            return terms.beginning(f"{code}:text", start)
        case Versions(canonical):
            longer = [terms.beginning(code, canonical + sign) for sign in _GOES_ON]
            return {"$or": [terms.term(code, canonical), *longer]}


def displays(type_: str, value: Any) -> Iterator[str | None]:
    """What a reference is shown as."""
    inner = (value.get("reference") or {}) if type_ == "CodeableReference" else value
    if isinstance(inner, dict):
        display = inner.get("display")
        yield display if isinstance(display, str) else None


def findable(type_: str, value: Any) -> bool:
    """Whether a value can be searched for at all."""
    inner = (value.get("reference") or {}) if type_ == "CodeableReference" else value
    if literal_of(type_, value):
        return True
    if not isinstance(inner, dict) or type_ not in ("Reference", "CodeableReference"):
        return False
    return token.findable("Identifier", inner.get("identifier") or {}) or bool(inner.get("display"))


def matches(test: Test, type_: str, value: Any) -> bool:
    """Whether one value of a resource satisfies a test."""
    inner = (value.get("reference") or {}) if type_ == "CodeableReference" else value
    match test:
        case Ref() | RefIn():
            found = literal_of(type_, value)
            if not found:
                return False
            separator = "|" if type_ == "canonical" else "/_history/"
            return found in test.forms or found.partition(separator)[0] in test.forms
        case Identifier(wanted):
            identifier = inner.get("identifier") if isinstance(inner, dict) else None
            return bool(identifier) and token.matches(wanted, "Identifier", identifier)
        case Display(start):
            return any(shown and text.normalise(shown).startswith(start) for shown in displays(type_, value))
        case Versions(canonical):
            found = literal_of(type_, value) if type_ == "canonical" else None
            return found is not None and (
                found == canonical or found.startswith(tuple(canonical + s for s in _GOES_ON))
            )
