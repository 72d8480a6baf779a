"""Requests that a FHIR client might send on a bad day: damaged resources, Bundles, patches, queries and headers."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

from fhirserver import fhirjson
from fhirserver.resources.xml import to_xml
from tests.fuzz.asks import Ask

Json = dict[str, Any]
JSON = {"Content-Type": "application/fhir+json"}

TABLE: dict[str, Any] = json.loads((Path(__file__).parents[1] / "cases" / "fuzz_values.json").read_text())
"""What goes wrong: values, names of elements, query strings, header fields, patches, FHIRPaths, XML."""
VALUES, NAMES, QUERIES, HEADERS, PATCHES, FHIRPATHS, PIECES, HEADS = TABLE.values()
VALUES += ["x" * 5000]
QUERIES += [
    f"_id={'a' * 5000}",
    f"_id={','.join(['abc'] * 700)}",
    "&".join(f"a{at}=1" for at in range(600)),
]
HEADERS["If-Match"] += ["1" * 500]
PATCHES += [[{"op": "add", "path": "/active", "value": True}] * 300]


class Mutator:
    """Makes any number of such requests of whole resources, the same for the same number."""

    def __init__(self, resources: Sequence[Json], base: str, number: int) -> None:
        self.resources = resources
        self.base = base
        self.rng = Random(number)
        self.known = [(one["resourceType"], one["id"]) for one in resources if "id" in one]
        self.types = [*sorted({one["resourceType"] for one in resources}), "Patient", "Nothing", "", "patient"]

    def asks(self, count: int) -> Iterator[Ask]:
        """The requests."""
        kinds: tuple[Callable[[], Ask], ...] = (
            self.create,
            self.update,
            self.update,
            self.patch,
            self.bundle,
            self.bundle,
            self.search,
            self.search,
            self.form,
            self.place,
            self.operation,
            self.raw,
            self.xml,
        )
        for _ in range(count):
            ask = self.rng.choice(kinds)()
            for _ in range(self.rng.choice((0, 0, 0, 0, 0, 1, 2))):
                name = self.rng.choice(sorted(HEADERS))
                ask.headers[name] = self.rng.choice(HEADERS[name])
            yield ask

    # --- resources ------------------------------------------------------------------------------------------------

    def damaged(self, most: int = 3) -> Json:
        """A resource with a few places changed."""
        resource = copy.deepcopy(self.rng.choice(self.resources))
        for _ in range(min(most, self.rng.choice((0, 1, 1, 1, 2, 3)))):
            self.damage(resource)
        return resource

    def damage(self, resource: Any) -> None:
        """Changes one place of a JSON value: drops it, doubles it, replaces it, or adds another."""
        spots = list(_spots(resource))
        if not spots:
            return
        holder, key = self.rng.choice(spots)
        match self.rng.randrange(6):
            case 0:
                del holder[key]
            case 1:
                holder[key] = copy.deepcopy(self.rng.choice(VALUES))
            case 2:
                holder[key] = [copy.deepcopy(holder[key]), copy.deepcopy(holder[key])]
            case 3 if isinstance(holder, dict):
                holder[self.rng.choice(NAMES)] = copy.deepcopy(self.rng.choice(VALUES))
            case 4:
                other, name = self.rng.choice(spots)
                holder[key] = copy.deepcopy(other[name]) if _has(other, name) else None
            case _ if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case _:
                holder[key] = {"extension": [holder[key]]}

    def create(self) -> Ask:
        resource = self.damaged()
        type_ = resource.get("resourceType") if self.rng.random() < 0.9 else self.rng.choice(self.types)
        return Ask("POST", f"{self.base}/{_part(type_)}", dict(JSON), _text(resource), "create")

    def update(self) -> Ask:
        resource = self.damaged()
        type_, id_ = resource.get("resourceType"), resource.get("id")
        if self.rng.random() < 0.1:
            return Ask("PUT", f"{self.base}/{_part(type_)}?{self.query()}", dict(JSON), _text(resource), "update")
        return Ask("PUT", f"{self.base}/{_part(type_)}/{_part(id_)}", dict(JSON), _text(resource), "update")

    def xml(self) -> Ask:
        """A resource in XML, whole or with a piece cut out, doubled or put in."""
        resource = self.rng.choice(self.resources)
        type_, id_ = resource["resourceType"], resource["id"]
        text = to_xml("R4" if self.base == "/r4" else "R5", fhirjson.loads(_text(resource))).decode()
        tags = [match.start() for match in re.finditer("<", text)]
        first, last = sorted((self.rng.choice(tags), self.rng.choice(tags)))
        match self.rng.randrange(6):
            case 0:
                text = text[:first] + text[last:]
            case 1:
                text = text[:last] + text[first:]
            case 2:
                text = text[:first] + self.rng.choice(PIECES) + text[first:]
            case 3:
                text = self.rng.choice(HEADS) + text
        return Ask("PUT", f"{self.base}/{type_}/{id_}", {"Content-Type": "application/fhir+xml"}, text.encode(), "xml")

    def raw(self) -> Ask:
        """Bytes that are no JSON, or just about."""
        data = bytearray(_text(self.damaged(0)))
        for _ in range(self.rng.randint(1, 4)):
            at = self.rng.randrange(len(data))
            match self.rng.randrange(3):
                case 0:
                    data[at] = self.rng.randrange(256)
                case 1:
                    del data[at:]
                case _:
                    data[at:at] = self.rng.choice(
                        (b"{", b"[", b"\xff", b'"', b"\\u", b"1" * 400, b"[" * 3000, b",", b"\0")
                    )
            if not data:
                data = bytearray(b"{")
        return Ask("POST", f"{self.base}/{self.rng.choice(self.types)}", dict(JSON), bytes(data), "raw")

    def patch(self) -> Ask:
        type_, id_ = self.rng.choice(self.known)
        path = f"{self.base}/{type_}/{id_}"
        if self.rng.random() < 0.1:
            path = f"{self.base}/{type_}?{self.query()}"
        if self.rng.random() < 0.5:
            operations = copy.deepcopy(self.rng.choice(PATCHES))
            if self.rng.random() < 0.5:
                self.damage(operations)
            return Ask("PATCH", path, {"Content-Type": "application/json-patch+json"}, _text(operations), "patch")
        return Ask("PATCH", path, dict(JSON), _text(self.fhirpath_patch()), "patch")

    def fhirpath_patch(self) -> Json:
        """Parameters of a FHIRPath Patch, sometimes damaged."""
        parts: list[Json] = [
            {"name": "type", "valueCode": self.rng.choice(("add", "insert", "delete", "replace", "move", "x"))},
            {"name": "path", "valueString": self.rng.choice(FHIRPATHS)},
            {"name": "name", "valueString": self.rng.choice(("active", "x", "", "id"))},
            {"name": "value", "valueBoolean": True},
            {"name": "index", "valueInteger": self.rng.choice((0, -1, 99))},
        ]
        patch = {
            "resourceType": "Parameters",
            "parameter": [{"name": "operation", "part": self.rng.sample(parts, self.rng.randint(1, 5))}],
        }
        if self.rng.random() < 0.5:
            self.damage(patch)
        return patch

    # --- Bundles --------------------------------------------------------------------------------------------------

    def bundle(self) -> Ask:
        entries = [self.entry() for _ in range(self.rng.randint(0, 5))]
        made: Json = {
            "resourceType": "Bundle",
            "type": self.rng.choice(("transaction",) * 5 + ("batch",) * 3 + ("x",)),
            "entry": entries,
        }
        if self.rng.random() < 0.3:
            self.damage(made)
        return Ask("POST", self.base, dict(JSON), _text(made), "bundle")

    def entry(self) -> Json:
        """An entry, rather often a right one."""
        resource = self.damaged(self.rng.choice((0, 0, 0, 1)))
        type_, id_ = resource.get("resourceType"), resource.get("id")
        method, url = self.rng.choice(
            (
                *(("POST", type_), ("PUT", f"{type_}/{id_}"), ("GET", f"{type_}/{id_}"), ("DELETE", f"{type_}/{id_}"))
                * 3,
                *(
                    ("PUT", f"{type_}?{self.query()}"),
                    ("GET", f"{type_}?{self.query()}"),
                    ("DELETE", f"{type_}?{self.query()}"),
                ),
                *(
                    ("GET", f"{type_}/{id_}/_history/1"),
                    ("GET", f"{type_}/{id_}/$meta"),
                    ("GET", "metadata"),
                    ("HEAD", "Patient/a"),
                ),
                *(
                    ("PATCH", f"{type_}/{id_}"),
                    ("POST", ""),
                    ("PUT", "/"),
                    ("GET", ".."),
                    ("x", type_),
                    ("POST", f"{type_}/$validate"),
                ),
            )
        )
        request: Json = {"method": method, "url": url}
        for name in ("ifMatch", "ifNoneMatch", "ifNoneExist", "ifModifiedSince"):
            if self.rng.random() < 0.1:
                request[name] = self.rng.choice(('W/"1"', "x", "*", "identifier=x", "", 1))
        made: Json = {"request": request}
        if (method in ("POST", "PUT", "PATCH", "x")) == (self.rng.random() < 0.95):
            made["resource"] = resource
        if self.rng.random() < 0.5:
            made["fullUrl"] = self.rng.choice(
                ("urn:uuid:0b4ea1f5-2d0c-4f0c-8f0e-3a8a0d3bd4ad", "urn:uuid:x", "x", f"http://x/{type_}/{id_}")
            )
        return made

    # --- addresses ------------------------------------------------------------------------------------------------

    def query(self) -> str:
        return "&".join(quote(self.rng.choice(QUERIES), safe="=&%:|,.$?*-/_") for _ in range(self.rng.randint(1, 2)))

    def search(self) -> Ask:
        method = self.rng.choice(("GET", "GET", "GET", "HEAD", "DELETE"))
        places = ("", "", "", "/_history", "/a/_history", "/$everything", "/a/$everything", "/$meta", "/a/*", "/a/Task")
        type_ = self.rng.choice((*self.types, ""))
        path = f"/{type_}{self.rng.choice(places)}" if type_ else ""
        return Ask(method, f"{self.base}{path}?{self.query()}", {}, None, "search")

    def form(self) -> Ask:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        place = self.rng.choice((f"/{self.rng.choice(self.types)}", "/Patient/a", "/Patient/a/Observation", ""))
        path = f"{self.base}{place}/_search?{self.query()}"
        return Ask("POST", path, headers, self.query().encode(), "form")

    def place(self) -> Ask:
        """An address that may be none, by a method that may not be meant for it."""
        type_, id_ = self.rng.choice(self.known)
        parts = (
            type_,
            id_,
            "_history",
            "1",
            "0",
            "-1",
            "x" * 300,
            "..",
            "%2e%2e",
            "%2F",
            "$everything",
            "$x",
            "metadata",
            "_search",
            "%00",
            "🧬",
            "a b",
        )
        chosen = [quote(self.rng.choice(parts), safe="%$") for _ in range(self.rng.randint(0, 5))]
        method = self.rng.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "PURGE"))
        return Ask(method, "/".join([self.base, *chosen]), {}, None, "place")

    def operation(self) -> Ask:
        """An operation at its place or another, with its own parameters or others."""
        type_, id_ = self.rng.choice(self.known)
        tag = {"tag": [{"system": "urn:x", "code": self.rng.choice(("a", "b", "", " "))}]}
        places = ("", f"/{type_}", f"/{type_}/{id_}", f"/{type_}/{id_}/_history/1")
        likely: tuple[tuple[str, str, list[Json]], ...] = (
            ("$validate", places[1], [{"name": "resource", "resource": self.damaged()}]),
            (
                "$validate",
                places[2],
                [{"name": "mode", "valueCode": self.rng.choice(("update", "create", "delete", "profile", "x"))}],
            ),
            (
                "$validate",
                places[1],
                [{"name": "resource", "resource": self.damaged()}, {"name": "profile", "valueCanonical": "urn:x"}],
            ),
            ("$meta-add", places[2], [{"name": "meta", "valueMeta": tag}]),
            ("$meta-delete", places[2], [{"name": "meta", "valueMeta": tag}]),
            ("$meta", self.rng.choice(places), []),
            ("$everything", "/Patient", [{"name": "_count", "valueInteger": self.rng.choice((0, 1, -1, 99))}]),
            ("$enroll", f"/{type_}/{id_}", [{"name": "subject", "valueReference": {"reference": f"Patient/{id_}"}}]),
            ("$import-record", "/ResearchStudy", []),
        )
        code, place, parameters = self.rng.choice(likely)
        body: Json = {"resourceType": "Parameters", "parameter": parameters}
        match self.rng.randrange(6):
            case 0:
                self.damage(body)
            case 1:
                place = self.rng.choice(places)
            case 2:
                body = self.damaged()
        return Ask("POST", f"{self.base}{place}/{code}", dict(JSON), _text(body), "operation")


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value: what holds it and its name or number there."""
    for key, inner in list(
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    ):
        yield value, key
        yield from _spots(inner)


def _has(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else isinstance(key, int) and key < len(holder)


def _part(value: Any) -> str:
    return quote(value, safe="", errors="replace") if isinstance(value, str) else str(type(value).__name__)


def _text(value: Any) -> bytes:
    try:
        return fhirjson.dumps(value)
    except Exception:  # what no encoder of ours writes, a client may: lone surrogates, huge numbers
        return json.dumps(value, default=str).encode()
