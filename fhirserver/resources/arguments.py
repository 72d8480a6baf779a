"""The parameters of an operation as a table, and what a request gives for them.

https://hl7.org/fhir/R5/operations.html#request and https://hl7.org/fhir/R5/parameters.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from fhirserver.errors import BadRequest
from fhirserver.fhirjson import Resource
from fhirserver.resources.findings import shown
from fhirserver.resources.primitives import primitive
from fhirserver.resources.registry import Release, is_primitive, resource_types
from fhirserver.resources.validation import check

GENERAL = frozenset({"_format", "_pretty", "_summary", "_elements"})
"""Parameters of a URL that say how to answer, whatever is asked: https://hl7.org/fhir/R5/http.html#parameters."""

_FAMILIES = (
    frozenset({"string", "code", "id", "markdown"}),
    frozenset({"uri", "url", "canonical", "oid", "uuid"}),
    frozenset({"date", "dateTime", "instant"}),
)
"""Primitives that clients mix up: one is taken for another when its text is right for that."""

_WHOLE = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,4})?")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of an operation; `type` is a FHIR type, 'Resource' for one of any type, and `max` None is '*'.

    `targets` are the types a Reference may name, `codes` the values a code may have (any when empty) and `binding`
    their value set. One with `parts` has no type. `only` is the release that has it, None for all.
    """

    name: str
    type: str
    documentation: str
    min: int = 0
    max: int | None = 1
    targets: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    binding: str | None = None
    parts: tuple[Parameter, ...] = ()
    only: Release | None = None

    def is_resource(self, release: Release) -> bool:
        """Whether its value is a whole resource."""
        return self.type == "Resource" or self.type in resource_types(release)


@dataclass(frozen=True, slots=True)
class Argument:
    """One value; `where` is the FHIRPath into the Parameters, or the name of the URL's parameter."""

    value: Any
    where: str


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a request gives, by parameter."""

    found: Mapping[str, Sequence[Argument]] = field(default_factory=dict)

    def one(self, name: str, default: Any = None) -> Any:
        """The value of a parameter that is given once or not at all."""
        given = self.found.get(name)
        return given[0].value if given else default

    def all(self, name: str) -> list[Any]:
        """The values of a parameter in their order."""
        return [each.value for each in self.found.get(name, ())]

    def where(self, name: str) -> str:
        """Where a parameter stood; 'Parameters' when it was not given."""
        given = self.found.get(name)
        return given[0].where if given else "Parameters"


def arguments(
    release: Release, operation: str, rows: Sequence[Parameter], body: Resource | None, query: Iterable[tuple[str, str]]
) -> Arguments:
    """Reads the body (a Parameters, or the one resource that the operation takes) and the URL's parameters together.

    BadRequest names the parameter that is unknown, ill-typed, missing or given too often. Resources are not checked.
    """
    known = {row.name: row for row in rows}
    found: dict[str, list[Argument]] = {}
    if body is not None and body["resourceType"] == "Parameters":
        for name, argument in _sent(release, operation, known, body):
            found.setdefault(name, []).append(argument)
    elif body is not None:
        found[_sole(release, operation, rows, body)] = [Argument(body, body["resourceType"])]
    for name, text in query:
        if name in known:
            found.setdefault(name, []).append(Argument(_of_url(release, known[name], text), name))
        elif name not in GENERAL:
            raise _unknown(operation, known, name, name)
    for row in rows:
        given = found.get(row.name, [])
        if len(given) < row.min:
            raise BadRequest(
                f"${operation} needs the parameter '{row.name}' ({row.type}): add it.",
                expression="Parameters.parameter",
                code="required",
            )
        if row.max is not None and len(given) > row.max:
            times = "once" if row.max == 1 else f"{row.max} times at most"
            raise BadRequest(
                f"'{row.name}' is given {len(given)} times: give it {times}.", expression=given[row.max].where
            )
    return Arguments(found)


def _sent(
    release: Release, operation: str, known: Mapping[str, Parameter], parameters: Resource
) -> Iterable[tuple[str, Argument]]:
    _check(release, parameters)
    for at, one in enumerate(parameters.get("parameter", ())):
        where = f"Parameters.parameter[{at}]"
        name = one.get("name")
        if not isinstance(name, str):
            raise BadRequest("A parameter has a name: give it.", expression=where, code="required")
        if name not in known:
            raise _unknown(operation, known, name, f"{where}.name")
        if "modifierExtension" in one:
            raise BadRequest(
                f"'{name}' has a modifierExtension, which is not understood here: leave it out.",
                expression=f"{where}.modifierExtension",
                code="extension",
            )
        yield name, Argument(_of_body(release, known[name], one, where), where)


def _check(release: Release, parameters: Resource) -> None:
    """Refuses a Parameters resource that is none; the resources in it are the operation's matter."""
    given = parameters.get("parameter")
    if isinstance(given, list):
        bare = [
            {**{name: value for name, value in one.items() if name != "resource"}, "valueBoolean": True}
            if isinstance(one, dict) and isinstance(one.get("resource"), dict) and not _values(one)
            else one
            for one in given
        ]
        parameters = parameters | {"parameter": bare}
    check(release, parameters)


def _values(one: Mapping[str, Any]) -> list[str]:
    return [key for key in one if key.startswith("value")]


def _of_body(release: Release, row: Parameter, one: Mapping[str, Any], where: str) -> Any:
    if row.is_resource(release):
        resource = one.get("resource")
        if not isinstance(resource, dict) or row.type not in ("Resource", resource.get("resourceType")):
            kind = "resource" if row.type == "Resource" else row.type
            raise BadRequest(f"'{row.name}' is a {kind}: send it as resource.", expression=where, code="structure")
        return resource
    for kind in _kinds(row.type):
        if (key := _key(kind)) in one:
            if kind != row.type:
                _check_text(row, one[key], where)
            return _allowed(row, one[key], where)
    raise BadRequest(f"'{row.name}' is a {row.type}: send it as {_key(row.type)}.", expression=where)


def _kinds(type_: str) -> list[str]:
    family = next((each for each in _FAMILIES if type_ in each), frozenset())
    return [type_, *sorted(family - {type_})]


def _key(type_: str) -> str:
    return f"value{type_[0].upper()}{type_[1:]}"


def _of_url(release: Release, row: Parameter, text: str) -> Any:
    if not is_primitive(release, row.type):
        raise BadRequest(
            f"'{row.name}' is a {row.type}, which a URL cannot hold: send it by POST in a Parameters resource.",
            expression=row.name,
        )
    value: Any = text
    if row.type == "boolean" and text in ("true", "false"):
        value = text == "true"
    elif row.type in ("integer", "unsignedInt", "positiveInt") and _WHOLE.fullmatch(text):
        value = int(text)
    elif row.type == "decimal" and _NUMBER.fullmatch(text):
        value = Decimal(text)
    _check_text(row, value, row.name)
    return _allowed(row, value, row.name)


def _check_text(row: Parameter, value: Any, where: str) -> None:
    if (findings := primitive(row.type)(value)) is not None:
        raise BadRequest(f"'{row.name}': {findings[0].sentence}", expression=where, code="value")


def _allowed(row: Parameter, value: Any, where: str) -> Any:
    if row.codes and value not in row.codes:
        raise BadRequest(
            f"'{row.name}' is {shown(value)}: it takes {', '.join(row.codes)}.", expression=where, code="code-invalid"
        )
    return value


def _sole(release: Release, operation: str, rows: Sequence[Parameter], body: Resource) -> str:
    """The name of the one parameter that the body itself is the value of."""
    kind = body["resourceType"]
    takes = [row for row in rows if row.is_resource(release)]
    if len(takes) != 1:
        raise BadRequest(
            f"${operation} takes a Parameters resource, the body is a {shown(kind)}: put what it needs into one.",
            expression="Parameters",
        )
    if takes[0].type not in ("Resource", kind):
        raise BadRequest(
            f"${operation} takes a {takes[0].type}, alone or in a Parameters resource, the body is a {shown(kind)}.",
            expression="Parameters",
        )
    return takes[0].name


def _unknown(operation: str, known: Mapping[str, Parameter], name: str, where: str) -> BadRequest:
    has = f"it has {', '.join(known)}" if known else "it has none"
    return BadRequest(f"${operation} has no parameter {shown(name)}: {has}.", expression=where)
