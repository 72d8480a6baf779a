"""What official search parameters find in the official examples, told without a line of the server's own search.

The expressions are those of HL7's package, evaluated by fhirpathpy. What a value is asked for by, and which values
answer to that, is written down here from https://hl7.org/fhir/R5/search.html, slowly and plainly. Where the page leaves
a choice (whether a token minds the case), `Asked` has a least and a largest set of right answers.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from typing import Any

from fhirserver import fhirjson
from tests.packages import package

Json = dict[str, Any]
CORE = "hl7.fhir.r5.core-5.0.0"
KINDS = frozenset({"token", "string", "reference", "date", "number", "quantity", "uri"})
ABSTRACT = ("Resource", "DomainResource")

NOT_ASKED = {
    "_in": "asks for the Groups and Lists that name a resource, though its expression is the resource's id",
    "_id": "is asked by every other test",
    "_lastUpdated": "is the server's own: it sets it when it stores a resource",
}
"""Parameters without a value of the resource's own."""

SYSTEMS = frozenset({"phone", "fax", "email", "pager", "url", "sms", "other"})


@dataclass(frozen=True)
class Definition:
    """An official parameter of one type: the branches of its expression that are about it, and where they lead."""

    code: str
    kind: str
    branches: tuple[str, ...]
    targets: frozenset[str]


@dataclass
class Asked:
    """A search that a client would write for a value: `surely` are in its answer, and nothing beyond `perhaps`.

    `open` says that other resources may answer too: texts that begin so, times that lie within.
    """

    type: str
    name: str
    value: str
    open: bool = False
    surely: set[str] = field(default_factory=set)
    perhaps: list[set[str]] = field(default_factory=list)

    def beyond(self, found: set[str]) -> set[str]:
        """What of an answer does not belong there."""
        return set() if self.open else found - self.surely - set().union(*self.perhaps)


# -- definitions and their values ------------------------------------------------------------------------------------


@cache
def definitions() -> dict[str, dict[str, Definition]]:
    """Type → code → parameter, of the SearchParameter resources in HL7's package."""
    found: dict[str, dict[str, Definition]] = defaultdict(dict)
    for path in sorted(package(CORE).glob("SearchParameter-*.json")):
        row = fhirjson.loads(path.read_bytes())
        if row["type"] not in KINDS or row["code"] in NOT_ASKED:
            continue
        branches = _split(row.get("expression", ""))
        for base in row["base"]:
            own = tuple(each for each in branches if _about(each, base))
            if own:
                found[base][row["code"]] = Definition(row["code"], row["type"], own, frozenset(row.get("target", ())))
    return found


def of_type(type_: str) -> Iterator[Definition]:
    """The parameters of a type, those of all resources among them."""
    for base in (*ABSTRACT, type_):
        for definition in definitions().get(base, {}).values():
            named = (re.sub(r"\b(Resource|DomainResource)\.", f"{type_}.", each) for each in definition.branches)
            # The engine takes 'as' on one item only, which ofType() does on many.
            branches = tuple(re.sub(r"([\w.\[\]]+) as (\w+)", r"\1.ofType(\2)", each) for each in named)
            yield replace(definition, branches=branches)


def _split(expression: str) -> list[str]:
    """The alternatives of an expression: what stands between the bars that no parenthesis and no quote holds."""
    parts, depth, quoted = [""], 0, False
    for sign in expression:
        if sign == "'":
            quoted = not quoted
        elif not quoted and sign in "()[]":
            depth += 1 if sign in "([" else -1
        if sign == "|" and depth == 0 and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return [part.strip() for part in parts if part.strip()]


def _about(branch: str, base: str) -> bool:
    first = re.match(r"\(*([A-Z]\w*)\b", branch)
    # One alternative of clinical-date names no type: it is Appointment's.
    return first[1] == base if first else base == "Appointment"


def values(definition: Definition, resource: Json) -> list[tuple[str, Any]]:
    """(FHIR type, value) of all that a parameter finds in a resource."""
    found = []
    for branch in definition.branches:
        if _worth(branch, resource):
            for node in _engine(branch)(resource):
                value = getattr(node, "data", node)
                if value is not None:
                    info = node.get_type_info() if hasattr(node, "get_type_info") else None
                    found.append((info.name if info else type(value).__name__, value))
    return found


def _worth(branch: str, resource: Json) -> bool:
    """Whether an expression can find anything: what begins at an element that is not there finds nothing."""
    first = re.match(r"\(*[A-Z]\w*\.(\w+)", branch)
    if first is None or "exists()" in branch:
        return True
    name = first[1]
    return any(key == name or (key.startswith(name) and key[len(name)].isupper()) for key in resource)


@cache
def _engine(expression: str) -> Callable[[Json], list[Any]]:
    import fhirpathpy
    from fhirpathpy.engine.nodes import ResourceNode
    from fhirpathpy.models import models

    stub: Any = ResourceNode
    roots: list[Json] = []

    def resolve(references: list[Any]) -> list[Any]:
        names = (_target(getattr(each, "data", each), roots[-1]) for each in references)
        return [stub({"resourceType": name}, name) for name in names if name]

    options = {"userInvocationTable": {"resolve": {"fn": resolve, "arity": {0: []}}}, "returnRawData": True}
    compiled = fhirpathpy.compile(expression, models["r5"], options)

    def evaluate(resource: Json) -> list[Any]:
        roots[:] = [resource]
        found: list[Any] = compiled(resource, {"resource": resource})
        return found

    return evaluate


def _target(reference: Any, root: Json) -> str | None:
    """The type of what a reference leads to, as far as its own text tells."""
    text = reference if isinstance(reference, str) else reference.get("reference") or ""
    if text.startswith("#"):
        held = (each for each in root.get("contained", ()) if each.get("id") == text[1:])
        return next((each["resourceType"] for each in held), None)
    found = re.search(r"(?:^|/)([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[^/]+)?$", text)
    if found:
        return found[1]
    return None if isinstance(reference, str) else reference.get("type")


# -- what a value is asked for by ------------------------------------------------------------------------------------


def escaped(text: str) -> str:
    """A value with the signs escaped that would separate."""
    return re.sub(r"([\\,$|])", r"\\\1", text)


def askable(text: str) -> bool:
    """Whether a client could write a text into a search, and it holds what a search compares."""
    return bool(text.strip()) and not re.search("[\x00-\x1f\x7f]", text) and len(text) < 3000


class Book:
    """The searches for all values of a parameter of a type, with the resources that answer each."""

    def __init__(self, type_: str, definition: Definition) -> None:
        self.type = type_
        self.definition = definition
        self.asked: dict[tuple[str, str], Asked] = {}
        self.alike: dict[tuple[str, ...], set[str]] = defaultdict(set)

    def add(self, id_: str, type_: str, value: Any) -> None:
        """Takes in a value of the resource with this id."""
        for modifier, text, key in _queries(self.definition, type_, value):
            if not askable(text):
                continue
            asked = self._ask(modifier, text)
            asked.surely.add(id_)
            if not key:
                asked.open = True
                continue
            # Others that answer to the same key may have been written in another way.
            alike = self.alike[key]
            alike.add(id_)
            if not any(alike is each for each in asked.perhaps):
                asked.perhaps.append(alike)

    def _ask(self, modifier: str, text: str) -> Asked:
        name = self.definition.code + modifier
        return self.asked.setdefault((name, text), Asked(self.type, name, text))


Query = tuple[str, str, tuple[str, ...]]
"""Modifier, value, and the key that all right answers share; an empty key where others may answer too."""


def _queries(definition: Definition, type_: str, value: Any) -> Iterator[Query]:
    match definition.kind:
        case "token":
            yield from _tokens(type_, value)
        case "reference":
            yield from _references(definition.targets, value)
        case "uri":
            yield "", escaped(value), ("uri", value)
            if type_ == "canonical" and "|" in value:
                yield "", escaped(value.split("|")[0]), ()
        case "string":
            yield from _strings(value)
        case "date":
            yield from _dates(value)
        case "number":
            yield from _numbers(value)
        case "quantity":
            yield from _quantities(value)


def _tokens(type_: str, value: Any) -> Iterator[Query]:
    """Codes and identifiers, with their system and without; displays by their beginning."""
    for system, code in _pairs(type_, value):
        if code:
            yield "", escaped(code), ("code", code.casefold())
        if system and code:
            yield "", f"{escaped(system)}|{escaped(code)}", ("in system", system, code.casefold())
        elif code and isinstance(value, dict) and not _is_contact(type_, value):
            yield "", f"|{escaped(code)}", ("in no system", code.casefold())
    if isinstance(value, dict):
        for shown in (value.get("text"), value.get("display"), *(each.get("display") for each in _codings(value))):
            if isinstance(shown, str) and _lettered(shown[:8]):
                yield ":text", escaped(shown[:8].strip()), ()


def _pairs(type_: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, bool):
        yield "", "true" if value else "false"
    elif not isinstance(value, dict):
        yield "", str(value)
    elif _is_contact(type_, value):
        yield "", value.get("value", "")
    elif type_ == "Identifier":
        yield value.get("system", ""), value.get("value", "")
    else:
        for coding in _codings(value) or [value]:
            yield coding.get("system", ""), coding.get("code", "")


def _is_contact(type_: str, value: Json) -> bool:
    return type_ == "ContactPoint" or value.get("system") in SYSTEMS


def _codings(value: Json) -> list[Json]:
    found: list[Json] = value.get("coding", [])
    return found


def _lettered(text: str) -> bool:
    return any(sign.isalnum() for sign in text)


def _references(targets: frozenset[str], value: Any) -> Iterator[Query]:
    """Literal references as they are written; canonical ones with and without their version; by their identifier.

    An id alone stands for a resource of a type that the parameter may lead to; some examples refer to others.
    """
    if isinstance(value, str):
        if value.startswith("#"):
            return  # what is contained has no identity of its own, and is refused
        url, bar, _ = value.partition("|")
        yield "", escaped(url), ("url", url)
        if bar:
            yield "", f"{escaped(url)}|{escaped(value[len(url) + 1 :])}", ("version", value)
    elif "resourceType" not in value:
        literal = value.get("reference", "")
        local = re.fullmatch(r"([A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64})(/_history/[A-Za-z0-9\-.]{1,64})?", literal)
        if local:
            yield "", local[1], ("resource", local[1])
            name, _, id_ = local[1].partition("/")
            if not targets or name in targets:
                yield "", id_, ()
            if local[2]:
                yield "", literal, ("resource's version", literal)
        elif literal and not literal.startswith("#"):
            yield "", escaped(literal), ("literal", literal)
        identifier = value.get("identifier", {})
        system, number = identifier.get("system", ""), identifier.get("value", "")
        if number:
            yield ":identifier", escaped(number), ("identifier", number.casefold())
            if system:
                yield ":identifier", f"{escaped(system)}|{escaped(number)}", ("in system", system, number.casefold())


def _strings(value: Any) -> Iterator[Query]:
    """Whole texts, their beginnings, a part in the middle; any part of a name or an address."""
    names = ("family", "given", "text", "city", "country", "postalCode")
    parts = [value] if isinstance(value, str) else [value.get(name) for name in names]
    for part in parts:
        for text in part if isinstance(part, list) else [part]:
            if isinstance(text, str) and _lettered(text):
                yield "", escaped(text[:500]), ()
                yield ":exact", escaped(text), ()
                if _lettered(text[:4]):
                    yield "", escaped(text[:4].upper()), ()
                middle = text[len(text) // 3 :][:30]
                if _lettered(middle):
                    yield ":contains", escaped(middle), ()


def _dates(value: Any) -> Iterator[Query]:
    """A date by itself; a period by times that its ends keep."""
    if isinstance(value, str):
        yield "", value, ()
        yield "", f"ap{value}", ()
        return
    start, end = value.get("start"), value.get("end")
    repeated = value.get("repeat", {}).get("boundsPeriod", {})
    for first in (start, repeated.get("start")):
        if first:
            yield "", f"ge{first}", ()
    for last in (end, repeated.get("end")):
        if last:
            yield "", f"le{last}", ()
    for event in value.get("event", ()):
        yield "", f"ap{event}", ()


def _numbers(value: Any) -> Iterator[Query]:
    """A number as it is written; a range by its lower end."""
    if isinstance(value, int | Decimal):
        yield "", str(value), ()
        yield "", f"ge{value}", ()
    elif "value" in value.get("low", {}):
        yield "", f"ge{value['low']['value']}", ()


def _quantities(value: Json) -> Iterator[Query]:
    """A measure with its unit, with what people call the unit, and with none."""
    number = value.get("value")
    if number is None or value.get("comparator"):
        return
    yield "", str(number), ()
    system = "urn:iso:std:iso:4217" if "currency" in value else value.get("system", "")
    code = value.get("code") or value.get("currency")
    if code and system:
        yield "", f"{number}|{escaped(system)}|{escaped(code)}", ()
        yield "", f"le{number}|{escaped(system)}|{escaped(code)}", ()
    if value.get("unit"):
        yield "", f"{number}||{escaped(value['unit'])}", ()
