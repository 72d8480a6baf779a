"""What an operation is: one row that says how it is called, what does it, and so also its OperationDefinition.

https://hl7.org/fhir/R5/operationdefinition.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Literal

from fhirserver.fhirjson import Resource
from fhirserver.interactions.server import Reader, Server
from fhirserver.interactions.write import Outcome
from fhirserver.resources.arguments import Arguments, Parameter
from fhirserver.resources.registry import VERSIONS, Release, is_primitive, resource_types
from fhirserver.store.store import Tx

Level = Literal["system", "type", "instance"]
_HL7 = "http://hl7.org/fhir/OperationDefinition"


@dataclass(frozen=True, slots=True)
class Call:
    """One invocation: `code` without the $, the place by what is set of type, id and version, and what was sent.

    `raw` is the body of an operation that takes no FHIR resource. `within` is the transaction that it is part of.
    """

    method: str
    code: str
    type: str | None = None
    id: str | None = None
    version: str | None = None
    query: tuple[tuple[str, str], ...] = ()
    body: Resource | None = None
    raw: bytes | None = None
    within: Tx | None = None

    @property
    def level(self) -> Level:
        """Where it is called; a version of an instance is an instance."""
        return "system" if self.type is None else "type" if self.id is None else "instance"

    def reader(self, server: Server) -> Reader:
        """Where the operation reads."""
        return self.within or server.store


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation returns: `value` is a resource, its JSON, or a data type that goes into a Parameters.

    With `written` it is answered like the create or update that it is.
    """

    value: Resource | bytes | None = None
    written: Outcome | None = None


Handler = Callable[[Server, Call, Arguments], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """A row of the table; `types` None means every resource type.

    `standard` is the name of HL7's definition ('Patient-everything'), and `whole` says that nothing of that is left
    out. With `out` parameters the answer is a Parameters resource of them; `returns` then says what they are together.
    One that `shows` changes nothing when it is called by GET, and answers how things are.
    `raw` operations take a body that is no FHIR resource. `alone` ones have transactions of their own, so that
    no other transaction can hold them. `versions` says that it may be called on a version too, `paged` that its
    answers link to further pages.
    """

    code: str
    title: str
    description: str
    handler: Handler
    levels: tuple[Level, ...]
    types: tuple[str, ...] | None
    parameters: tuple[Parameter, ...]
    returns: Parameter
    affects_state: bool
    shows: bool = False
    out: tuple[Parameter, ...] = ()
    standard: str | None = None
    whole: bool = False
    raw: bool = False
    alone: bool = False
    versions: bool = False
    paged: bool = False

    @property
    def id(self) -> str:
        """The id of its OperationDefinition."""
        return f"{'-'.join(self.types or ('Resource',))}-{self.code}"

    @property
    def address(self) -> str:
        """Where it is called, at its narrowest: Patient/{id}/$everything."""
        type_ = self.types[0] if self.types and len(self.types) == 1 else "{type}"
        place = {"system": "", "type": f"{type_}/", "instance": f"{type_}/{{id}}/"}
        return f"{place[self.levels[-1]]}${self.code}"

    def takes(self, release: Release) -> tuple[Parameter, ...]:
        """The parameters that it has in a release."""
        return _of(release, self.parameters)

    def methods(self, release: Release) -> tuple[str, ...]:
        """POST always; GET for what changes nothing, or then shows, and is asked with primitive parameters alone."""
        needed = [row for row in self.takes(release) if row.min]
        gets = (self.shows or not self.affects_state) and all(is_primitive(release, row.type) for row in needed)
        return ("GET", "POST") if gets else ("POST",)

    def fits(self, call: Call) -> bool:
        """Whether it is called at one of its places."""
        own = self.types is None or call.type is None or call.type in self.types
        return own and call.level in self.levels and (self.versions or call.version is None)

    def canonical(self, base: str) -> str:
        """What the CapabilityStatement names: HL7's definition where all of it is done, else the server's own."""
        return f"{_HL7}/{self.standard}" if self.standard and self.whole else f"{base}/OperationDefinition/{self.id}"

    def definition(self, release: Release, base: str) -> Resource:
        """Its OperationDefinition as this server does it."""
        made: Resource = {
            "resourceType": "OperationDefinition",
            "id": self.id,
            "url": f"{base}/OperationDefinition/{self.id}",
            "version": VERSIONS[release],
            "name": "".join(part.capitalize() for part in self.code.split("-")),
            "title": self.title,
            "status": "active",
            "kind": "operation",
            "affectsState": self.affects_state,
            "description": self.description,
            "code": self.code,
        }
        if self.standard:
            made["base"] = f"{_HL7}/{self.standard}"
        return made | {
            "resource": list(self.types or ("Resource",)),
            "system": "system" in self.levels,
            "type": "type" in self.levels,
            "instance": "instance" in self.levels,
            "parameter": [
                *(_defined(row, "in") for row in self.takes(release)),
                *(_defined(row, "out") for row in _of(release, self.out or (self.returns,))),
            ],
        }

    def told(self, release: Release, answer: Resource) -> Resource:
        """The out parameters of an answer, without those that the release does not have."""
        return answer | {"parameter": _kept(release, self.out, answer["parameter"])}

    def answers_a_resource(self, release: Release) -> bool:
        """Whether what it returns is a resource, which is then the whole answer."""
        return bool(self.out) or self.returns.type == "Resource" or self.returns.type in resource_types(release)


def _of(release: Release, rows: tuple[Parameter, ...]) -> tuple[Parameter, ...]:
    return tuple(row for row in rows if row.only in (None, release))


def _kept(release: Release, rows: tuple[Parameter, ...], given: list[Resource]) -> list[Resource]:
    parts = {row.name: row.parts for row in _of(release, rows)}
    return [
        one | ({"part": _kept(release, parts[one["name"]], one["part"])} if "part" in one else {})
        for one in given
        if one["name"] in parts
    ]


def _defined(row: Parameter, use: Literal["in", "out"]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": row.name,
        "use": use,
        "min": row.min,
        "max": "*" if row.max is None else str(row.max),
        "documentation": row.documentation,
    }
    if row.parts:
        return found | {"part": [_defined(part, use) for part in row.parts]}
    found["type"] = row.type
    if row.targets:
        found["targetProfile"] = [f"http://hl7.org/fhir/StructureDefinition/{target}" for target in row.targets]
    if row.binding:
        found["binding"] = {"strength": "required", "valueSet": row.binding}
    return found
