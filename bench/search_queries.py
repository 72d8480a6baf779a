"""Every single-parameter search of the types of a store: common, middle and rare values, all prefixes and modifiers.

The values are those of the first resources, which every size of the store has. https://hl7.org/fhir/R5/search.html#ptypes
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from bench import search_data
from bench.elements import Resource
from fhirserver.interactions.indexed import richness
from fhirserver.search.kinds import composite, date, quantity, reference, string, token
from fhirserver.search.named import named
from fhirserver.search.parameters import Parameter
from fhirserver.settings import Settings

SAMPLE = 3000
PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_UNSORTED = frozenset({"_tag", "_security", "_profile", "_source", "_language", "_in"})


@dataclass(frozen=True, slots=True)
class Query:
    """A search on a type by one parameter; `kind` is the parameter's."""

    type: str
    parameter: str
    kind: str
    query: str

    @property
    def path(self) -> str:
        """The search without _count."""
        return f"{self.type}?{self.query}"


class Sample:
    """The first resources of a type, and the values that they have."""

    def __init__(self, seed: int, type_: str, count: int) -> None:
        self.type = type_
        self.resources = [search_data.made(seed, type_, number) for number in range(min(SAMPLE, count))]
        self.instants = [search_data.written(type_, number) for number in range(count)]

    def values(self, parameter: Parameter) -> list[tuple[str, Any]]:
        """(FHIR type, value) of all it finds."""
        return [found for resource in self.resources for found in parameter.values(resource)]


def queries(seed: int, type_: str, count: int) -> list[Query]:
    """All searches of a type by one parameter, each once."""
    sample = Sample(seed, type_, count)
    found: dict[tuple[str, str], Query] = {}
    for code, parameter in named("R5", type_).items():
        for name, value in _of(sample, parameter):
            query = f"{name}={quote(value, safe=':/,.-_~*$|')}"
            found.setdefault((code, query), Query(type_, code, parameter.kind, query))
    return list(found.values())


def sorts(seed: int, type_: str, count: int) -> list[Query]:
    """_sort by each parameter that has values, both ways."""
    sample = Sample(seed, type_, count)
    found = []
    for code, parameter in named("R5", type_).items():
        sortable = parameter.kind not in ("composite", "special") and not parameter.union and code not in _UNSORTED
        if sortable and (code in ("_id", "_lastUpdated") or sample.values(parameter)):
            found += [Query(type_, code, parameter.kind, f"_sort={sign}{code}") for sign in ("", "-")]
    return found


def _of(sample: Sample, parameter: Parameter) -> Iterator[tuple[str, str]]:
    """(name, value) of the searches by a parameter."""
    code = parameter.code
    match code:
        case "_in":
            return
        case "_id":
            ids = [resource["id"] for resource in sample.resources]
            yield from ((code, ids[0]), (code, ",".join(ids[:20])), ("_id:not", ids[0]))
            return
        case "_lastUpdated":
            yield from _compared(code, [_written(at) for at in _spread(sample.instants)])
            return
        case "_content" | "_text":
            if richness(Settings(mongodb_uri=None)).texts(sample.type):
                yield from _words(sample, parameter)
            return
        case "recruiting":
            yield from ((code, each) for each in ("true", "false"))
            return
    values = sample.values(parameter)
    if not values and parameter.kind != "composite":
        return
    match parameter.kind:
        case "token":
            yield from _tokens(parameter, values)
        case "string":
            yield from _strings(code, values)
        case "reference":
            yield from _references(code, values)
        case "uri":
            yield from _uris(code, values)
        case "date":
            yield from _dates(code, values)
        case "number":
            yield from _compared(code, [str(each) for each in _spread(sorted(each for _, each in values))])
        case "quantity":
            yield from _quantities(code, values)
        case "composite":
            yield from _composites(sample, parameter)
        case _:
            return
    if parameter.kind != "composite" or values:
        yield from ((f"{code}:missing", "true"), (f"{code}:missing", "false"))


def _ranked(values: Iterable[str]) -> list[str]:
    """The most common value, one in the middle and the rarest."""
    ranked = [value for value, _ in Counter(value for value in values if value.strip()).most_common()]
    return list(dict.fromkeys((ranked[0], ranked[len(ranked) // 2], ranked[-1]))) if ranked else []


def _spread(ordered: Sequence[Any]) -> list[Any]:
    """A value near the beginning, one in the middle and one near the end."""
    last = len(ordered) - 1
    return list(dict.fromkeys(ordered[round(last * share)] for share in (0.02, 0.5, 0.98))) if ordered else []


def _escaped(text: str) -> str:
    return "".join("\\" + sign if sign in "\\,$|" else sign for sign in text)


def _compared(code: str, values: Iterable[str]) -> Iterator[tuple[str, str]]:
    for value in values:
        for prefix in PREFIXES:
            yield code, f"{prefix}{value}"


# -- kinds -----------------------------------------------------------------------------------------------------------


def _tokens(parameter: Parameter, values: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    code = parameter.code
    pairs = [pair for type_, value in values for pair in token.pairs(type_, value)]
    full = [f"{_escaped(system)}|{_escaped(value)}" for system, value in pairs if system and value]
    bare = [_escaped(value) for _, value in pairs if value]
    for each in (*_ranked(bare), *_ranked(full)):
        yield code, each
        yield f"{code}:not", each
    for each in _ranked(f"{_escaped(system)}|" for system, _ in pairs if system)[:1]:
        yield code, each
    if common := _ranked(bare):
        yield code, ",".join(common)
        yield f"{code}:code-text", common[0][:2]
    shown = [text for type_, value in values for text in _displays(type_, value)]
    for each in _ranked(text.split()[0] for text in shown if text.split()):
        yield f"{code}:text", _escaped(each)
    if any(type_ == "Identifier" and value.get("type") for type_, value in values):
        first = next(value for type_, value in values if type_ == "Identifier" and value.get("type"))
        coding = first["type"]["coding"][0]
        yield f"{code}:of-type", f"{coding['system']}|{coding['code']}|{first['value']}"


def _displays(type_: str, value: Any) -> list[str]:
    if type_ == "CodeableConcept":
        return [text for text in (value.get("text"), *(c.get("display") for c in value.get("coding", ()))) if text]
    return [value["display"]] if type_ == "Coding" and value.get("display") else []


def _strings(code: str, values: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    ranked = _ranked(text for type_, value in values for text in string.strings(type_, value))
    for each in ranked:
        for start in dict.fromkeys((each[:1], each[:3], each)):
            yield code, _escaped(start)
        yield f"{code}:exact", _escaped(each)
        yield f"{code}:contains", _escaped(each[1:4] if len(each) > 4 else each)
        yield f"{code}:text", _escaped(each.split()[0])


def _references(code: str, values: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in _ranked(text for type_, value in values if (text := reference.literal_of(type_, value))):
        yield code, _escaped(each)
        if each.count("/") == 1:
            yield code, each.split("/")[1]
            yield f"{code}:{each.split('/')[0]}", each.split("/")[1]


def _uris(code: str, values: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    for each in _ranked(str(value) for _, value in values):
        yield code, _escaped(each)
        if "://" in each:
            yield f"{code}:below", each.rsplit("/", 1)[0]
            yield f"{code}:above", f"{each}/further"
        yield f"{code}:contains", _escaped(each[-4:])


def _dates(code: str, values: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    spans = sorted(span for type_, value in values if (span := date.span(type_, value)))
    middle = [low for low, _ in spans if low.year > 1]
    yield from _compared(code, [at.date().isoformat() for at in _spread(middle)])
    for at in _spread(middle)[1:2]:
        yield code, at.strftime("%Y")
        yield code, at.strftime("%Y-%m")
        yield code, _written(at)
        yield code, f"ge{_written(at)}"
        yield code, f"lt{_written(at + timedelta(days=400))}"


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _quantities(code: str, values: list[tuple[str, Any]]) -> Iterator[tuple[str, str]]:
    by_unit: dict[tuple[str, str], list[Decimal]] = {}
    for type_, value in values:
        it = quantity.measure(type_, value)
        if it and it.low == it.high:
            by_unit.setdefault((it.system, it.code), []).append(it.low)
    ranked = sorted(by_unit, key=lambda unit: -len(by_unit[unit]))
    for system, unit in dict.fromkeys((ranked[0], ranked[-1])):
        for number in _spread(sorted(by_unit[system, unit])):
            yield from _compared(code, [f"{number}|{system}|{unit}"])
    system, unit = ranked[0]
    number = _spread(sorted(by_unit[system, unit]))[-1]
    for prefix in PREFIXES:
        yield code, f"{prefix}{number}||{unit}"
        yield code, f"{prefix}{number}"


def _composites(sample: Sample, parameter: Parameter) -> Iterator[tuple[str, str]]:
    """The parts of some resources' own values, a range as its lower bound."""
    found: list[str] = []
    merged = composite.parts(parameter)
    for resource in sample.resources[:500]:
        texts = [_part(part, resource) for part in merged]
        if all(texts):
            found.append("$".join(text for text in texts if text))
    yield from ((parameter.code, each) for each in _ranked(found))


def _part(part: Parameter, resource: Resource) -> str | None:
    """What asks for the first value of a part; of components those of the first one."""
    first = resource["component"][:1] if "component" in resource else [resource]
    for focus in (*first, resource):
        for type_, value in part.values(focus):
            match part.kind:
                case "token":
                    pair = next(((s, c) for s, c in token.pairs(type_, value) if c), None)
                    if pair:
                        return (
                            f"{_escaped(pair[0] or '')}|{_escaped(pair[1] or '')}"
                            if pair[0]
                            else _escaped(pair[1] or "")
                        )
                case "quantity":
                    it = quantity.measure(type_, value)
                    if it:
                        return f"ge{it.low}"
                case "date":
                    span = date.span(type_, value)
                    if span:
                        return f"ge{span[0].date().isoformat()}"
                case "string":
                    text = next(iter(string.strings(type_, value)), None)
                    if text:
                        return _escaped(text[:5])
    return None


def _words(sample: Sample, parameter: Parameter) -> Iterator[tuple[str, str]]:
    """Words of the values, which are whole resources."""
    texts = [word for resource in sample.resources[:500] for word in _texts(resource)]
    if parameter.code == "_text" and not any("text" in resource for resource in sample.resources):
        return
    ranked = _ranked(word for text in texts for word in text.split() if word.isalpha() and len(word) > 3)
    for each in ranked:
        yield parameter.code, each
    if len(ranked) > 1:
        yield parameter.code, f"{ranked[0]} AND {ranked[1]}"
        yield parameter.code, f"{ranked[0]} OR {ranked[1]}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in ("text", "display", "title", "family") or isinstance(inner, dict | list):
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
