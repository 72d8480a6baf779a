"""No query string makes an operator, a pattern or a script reach MongoDB: thousands, and every command is read.

What may be a key of a command is a fixed vocabulary; what comes from a client is a value, and within a pattern escaped.
https://www.mongodb.com/docs/manual/faq/fundamentals/#how-does-mongodb-address-sql-or-query-injection-
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from bson import Int64, ObjectId, Timestamp
from bson.decimal128 import Decimal128
from fastapi import FastAPI
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from fhirserver import fhirjson
from fhirserver.resources.registry import RELEASES, Release, resource_types, structure
from fhirserver.search.named import named
from fhirserver.search.order import HIGHEST
from fhirserver.search.parameters import parameters
from fhirserver.settings import Settings
from fhirserver.store.client import connect
from fhirserver.web.application import Application

TYPES = ("Patient", "Observation", "ResearchStudy", "Group", "ValueSet", "Location", "RiskAssessment", "Encounter")
QUERIES = 4000

OPERATORS = frozenset({
    "$and", "$or", "$nor", "$not", "$in", "$nin", "$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$elemMatch", "$exists",
    "$regex", "$options", "$geoWithin", "$centerSphere", "$match", "$sort", "$limit", "$skip", "$project", "$group",
    "$unwind", "$unionWith", "$filter", "$cond", "$sum", "$min", "$max", "$first", "$count", "$literal", "$ifNull",
    "$set", "$setOnInsert", "$meta", "$arrayElemAt", "$split", "$substrBytes",
})  # fmt: skip
"""Operators that the server's own commands are made of; none of them runs a script."""

FIELDS = frozenset({
    "_id", "t", "w", "o", "x", "k", "lo", "hi", "u", "at", "v", "n", "p", "g", "e", "to", "gone", "rel", "by", "r", "m",
    "ty", "id", "name", "key", "k0", "k1", "k2", "k3", "k4", "number", "value", "coll", "pipeline",
    "input", "as", "cond", "rev",
})  # fmt: skip
"""Fields of documents, also with others before a dot."""

COMMANDS = frozenset({
    "find", "aggregate", "count", "getMore", "killCursors", "createIndexes", "listCollections", "insert", "update",
    "hello", "ping", "explain", "endSessions",
})  # fmt: skip
"""Commands that a search may send; inserts and updates are of the server's own notes."""

ASKING = ("filter", "query", "pipeline", "sort", "projection", "hint", "min", "max", "q")
"""The parts of a command that say what is looked for; the others are the driver's."""

SCALARS = (str, int, float, bool, bytes, datetime, Decimal, Decimal128, Int64, ObjectId, Timestamp, type(None))
HOSTILE = [
    "$where",
    "$ne",
    '{"$gt": ""}',
    "{'$regex': '.*'}",
    "[$ne]",
    "$function",
    "this.v==1",
    "';return true;//",
    ".*",
    "^a",
    "(a+)+$",
    "a|b",
    "\\",
    "\\\\",
    "\\E.*\\Q",
    "[[:alpha:]]",
    "(?i)eve",
    "(?#",
    "*",
    "?",
    "\x00",
    "\x00$where\x00",
    "\x16\x00\x00\x00\x02a\x00",
    "\x7f",
    "\n",
    "\t",
    "\u202e",
    "\ufeff",
    "\U0010ffff",
    "\uffff",
    "ﬃ",
    "İ",
    "ß",
    "e\u0301",
    "१२",
    "𝟙",
    "t",
    "x.k",
    "s.date",
    "f.name",
    "r.name",
    "_id",
    "|live",
    "a|b|c|d",
    "$1$2$3",
    "1$2",
    ",",
    ",,",
    "true",
    "null",
    "undefined",
    "NaN",
    "Infinity",
    "-0",
    "1e9999",
    "9" * 60,
    "ge",
    "ge2013",
    "apT",
    "0000",
    "Patient/1",
    "Patient/../../admin",
    "http://a/b?c#d",
    "urn:uuid:$where",
    "ObjectId('5f')",
    "2013-01-01T00:00:00+99:99",
    "x" * 300,
    "(" * 200,
    "not " * 40,
    'name co "$where"',
    'name eq ".*" and (birthdate ge 1980 or not (gender eq "x"))',
    "(bone OR liver) AND $where",
    '"phrase" NOT .*',
    "42.2|-83.6|11|km",
]
BROKEN = ["%ed%a0%80", "%zz", "%", "%00", "%c0%ae", "+", "[$ne]", "[]"]
MODIFIERS = [
    "exact", "contains", "text", "text-advanced", "not", "above", "below", "in", "not-in", "of-type", "missing",
    "identifier", "code-text", "Patient", "iterate", "$ne", "$regex", "", "[$ne]", "\x00",
]  # fmt: skip
CONTROL = [
    "_sort", "_include", "_revinclude", "_include:iterate", "_count", "_total", "_summary", "_elements", "_cursor",
    "_filter", "_text", "_content", "_list", "_type", "_has", "_query", "_in", "_contained", "_containedType", "_score",
    "_explain", "_format", "_lastUpdated", "_id", "_tag", "_profile", "_security", "_source", "_language", "near",
]  # fmt: skip


class Heard(CommandListener):
    """Every command that is sent."""

    def __init__(self) -> None:
        self.commands: list[Mapping[str, Any]] = []

    def started(self, event: CommandStartedEvent) -> None:
        self.commands.append(dict(event.command))

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


# -- hostile queries -------------------------------------------------------------------------------------------------


def value(chance: random.Random) -> str:
    if chance.random() < 0.1:
        return "".join(chr(chance.choice((chance.randrange(0x80), chance.randrange(0xD7FF)))) for _ in range(8))
    return chance.choice(("", "", "|", ",", "$", "-")).join(chance.choices(HOSTILE, k=chance.randint(1, 3)))


def name(chance: random.Random, release: Release, type_: str, depth: int = 0) -> str:
    """A parameter of the type or one that it has not, with a modifier, at the end of a chain or of a _has."""
    codes = list(named(release, type_))
    code = chance.choice((chance.choice(codes), chance.choice(codes), chance.choice(CONTROL), chance.choice(HOSTILE)))
    if depth < 2 and chance.random() < 0.15:
        return f"{code}.{name(chance, release, chance.choice(TYPES), depth + 1)}"
    if depth < 2 and chance.random() < 0.1:
        other = chance.choice(TYPES)
        link = chance.choice(list(named(release, other)))
        return f"_has:{other}:{link}:{name(chance, release, other, depth + 1)}"
    return f"{code}:{chance.choice(MODIFIERS)}" if chance.random() < 0.4 else code


def written(chance: random.Random, text: str) -> str:
    """A text in a URL: percent-encoded, now and then in a way that is wrong."""
    encoded = quote(text, safe=chance.choice(("", "|,$:/", "{}[]()|,$:/")), errors="replace")
    return encoded + chance.choice(BROKEN) if chance.random() < 0.05 else encoded


def queries(seed: int, count: int, release: Release) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(count):
        type_ = chance.choice(TYPES)
        pairs = [
            f"{written(chance, name(chance, release, type_))}={written(chance, value(chance))}"
            for _ in range(chance.randint(1, 3))
        ]
        place = chance.choice((f"/{type_}", f"/{type_}", f"/{type_}", "", f"/Patient/{written(chance, 'a')}/{type_}"))
        yield f"/{release.lower()}{place}?{'&'.join(pairs)}"


# -- what is sent ----------------------------------------------------------------------------------------------------


CODES = frozenset(code for each in RELEASES for type_ in resource_types(each) for code in parameters(each, type_))


def _elements() -> set[str]:
    """The names of all elements of all types, which are in the paths of a resource."""
    found: set[str] = set()
    for release in RELEASES:
        todo, known = list(resource_types(release)), set()
        while todo:
            type_ = todo.pop()
            if type_ not in known and (it := structure(release, type_)):
                known.add(type_)
                found |= it.elements.keys()
                todo += [element.type for element in it.elements.values()]
    return found


ELEMENTS = _elements()


def faults(command: Mapping[str, Any]) -> Iterator[str]:
    """What in the parts of a command that look for something is no part of the vocabulary."""
    inner = command.get("explain")
    for part in ASKING:
        yield from _faults(command.get(part), part)
    for each in command.get("updates", ()):
        yield from faults(each)
    if isinstance(inner, Mapping):
        yield from faults(inner)


def _faults(found: Any, path: str) -> Iterator[str]:
    if isinstance(found, Mapping):
        for key, inner in found.items():
            if key.startswith("$"):
                if key not in OPERATORS:
                    yield f"{path}: the operator {key}"
            elif not _is_field(key):
                yield f"{path}: the field {key!r}"
            if (key == "$regex" and not _is_escaped(inner)) or (key == "$options" and inner != "i"):
                yield f"{path}: the pattern {inner!r}"
            if key != "$literal":
                yield from _faults(inner, f"{path}.{key}")
    elif isinstance(found, list | tuple):
        for inner in found:
            yield from _faults(inner, path)
    elif not isinstance(found, SCALARS):
        yield f"{path}: a {type(found).__name__}"
    elif isinstance(found, str) and found.startswith("$") and _computes(path) and not _is_field(found.lstrip("$")):
        yield f"{path}: the path {found!r}"


STAGES = frozenset({"projection", "$project", "$group", "$unwind", "$match", "$set"})


def _computes(path: str) -> bool:
    """Whether a text that begins with $ stands for a field: where something is projected or grouped."""
    stages = [part for part in path.split(".") if part in STAGES]
    return bool(stages) and stages[-1] != "$match"


def _is_field(key: str) -> bool:
    if key[:2] in ("f.", "s."):
        return key[2:].removesuffix(":exact").removesuffix(HIGHEST) in CODES
    return all(part in FIELDS or part in ELEMENTS for part in key.split("."))


_LITERAL = r"(?:\\.| \?|[^\\^$.|?*+()\[\]{}])*"
_HEADS = (rf"\^{_LITERAL}\\\|(?:\(\?:\.\* \)\?|\.\*)", r"\^\[\\s\\S\]\{\d+,\d+\}", r"\(\?:\^\| \)", r"\^", "")
_TAILS = (r"\$", r"\(\?: \|\$\)", "")
_PATTERN = re.compile(rf"(?:{'|'.join(_HEADS)}){_LITERAL}(?:{'|'.join(_TAILS)})", re.DOTALL)


def _is_escaped(pattern: Any) -> bool:
    """Whether a pattern is a literal text, as re.escape writes it, between the few beginnings and ends of our own."""
    return isinstance(pattern, str) and bool(_PATTERN.fullmatch(pattern))


@asynccontextmanager
async def listened(settings: Settings, uri: str, heard: Heard) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server whose every command is heard."""
    store = await connect(settings, uri, heard)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        yield

    app = Application(settings, lambda: store, lifespan)
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            yield client
    finally:
        await store.close()


STOCK: list[dict[str, Any]] = [
    {"resourceType": "Patient", "id": "a", "name": [{"family": "Eve.*"}], "birthDate": "1980", "gender": "female"},
    {"resourceType": "Observation", "id": "a", "status": "final", "code": {"coding": [{"code": "$where"}]},
     "subject": {"reference": "Patient/a"}, "valueQuantity": {"value": 1, "unit": "mg"}},
    {"resourceType": "Group", "id": "a", "type": "person", "membership": "enumerated",
     "member": [{"entity": {"reference": "Patient/a"}}]},
    {"resourceType": "Encounter", "id": "a", "status": "completed", "subject": {"reference": "Patient/a"}},
    {"resourceType": "Location", "id": "a", "position": {"longitude": 1, "latitude": 2}},
]  # fmt: skip


@pytest.mark.parametrize(
    ("seed", "count", "release"), [(1, QUERIES, "R5"), (2, QUERIES, "R5"), (3, QUERIES // 3, "R4")]
)
async def test_no_hostile_query_reaches_mongodb_but_as_a_value(
    settings: Settings, mongodb_uri: str, seed: int, count: int, release: Release
) -> None:
    heard = Heard()
    calm = settings.model_copy(update={"validation": "structure", "explain": "all"})
    wrong: list[str] = []
    answered = 0
    async with listened(calm, mongodb_uri, heard) as client:
        for resource in STOCK:
            url = f"/r5/{resource['resourceType']}/{resource['id']}"
            assert (await client.put(url, content=fhirjson.dumps(resource))).status_code == 201
        for query in queries(seed, count, release):
            heard.commands.clear()
            answer = await client.get(query)
            answered += answer.status_code == 200
            if answer.status_code >= 500:
                wrong.append(f"{query} is answered with {answer.status_code}")
            for command in heard.commands:
                kind = next(iter(command))
                if kind not in COMMANDS:
                    wrong.append(f"{query} sends the command {kind}")
                wrong += [f"{query} sends {kind} with {fault}" for fault in faults(command)]
    assert answered > count / 10
    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong[:30])


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        ({"find": "Patient", "filter": {"$where": "x"}}, "filter: the operator $where"),
        ({"find": "Patient", "filter": {"t": {"$regex": ".*"}}}, "filter.t: the pattern '.*'"),
        ({"find": "Patient", "filter": {"t": {"$regex": "a\\"}}}, "filter.t: the pattern 'a\\\\'"),
        (
            {"find": "Patient", "filter": {"t": {"$regex": "(?:^| )a|b(?: |$)"}}},
            "filter.t: the pattern '(?:^| )a|b(?: |$)'",
        ),
        ({"find": "Patient", "filter": {"t": re.compile("a")}}, "filter.t: a Pattern"),
        ({"find": "Patient", "filter": {"f.nonsense": "x"}}, "filter: the field 'f.nonsense'"),
        ({"find": "Patient", "projection": {"t": "$x.y"}}, "projection.t: the path '$x.y'"),
        ({"find": "Patient", "filter": {"$expr": {"$eq": [1, 1]}}}, "filter: the operator $expr"),
    ],
)
def test_what_must_not_be_sent_is_noticed(command: dict[str, Any], fault: str) -> None:
    assert fault in list(faults(command))
