"""Functions that FHIR adds, and those that ask about the world.

https://hl7.org/fhir/R5/fhirpath.html#functions, https://hl7.org/fhirpath/#utility-functions
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.table import Function, Macro, Table
from fhirserver.resources.fhirpath.nodes import Node, child
from fhirserver.resources.fhirpath.syntax import Measure
from fhirserver.resources.fhirpath.temporal import Moment, boundary, moment
from fhirserver.resources.fhirpath.units import common
from fhirserver.resources.fhirpath.values import Items, single, text
from fhirserver.resources.narrative import xhtml


def _resolve(environment: Environment, items: Items) -> Items:
    values = [item.value if type(item) is Node else item for item in items]
    found = [environment.resolve(value) for value in values if type(value) is dict or type(value) is str]
    return [target for target in found if target is not None]


def _extension(_: Environment, items: Items, url: Items) -> Items:
    wanted = text(url)
    found = [extension for item in items if type(item) is Node for extension in child(item, "extension")]
    return [each for each in found if type(each.value) is dict and each.value.get("url") == wanted]


def _member_of(environment: Environment, items: Items, valueset: Items) -> Items:
    url, value = text(valueset), single(items)
    if url is None:
        return []
    said = [environment.host.member(environment.release, url, code, system) for code, system in _codes(value)]
    if True in said:
        return [True]
    return [] if None in said or not said else [False]


def _codes(value: Any) -> list[tuple[str, str | None]]:
    """The codes of a code, a Coding or a CodeableConcept, each with its system; a bare code has None."""
    if type(value) is str:
        return [(value, None)]
    codings = value.get("coding", [value]) if type(value) is dict else []
    found = [each for each in codings if type(each) is dict] if type(codings) is list else []
    return [(code, str(each.get("system", ""))) for each in found if type(code := each.get("code")) is str]


def _conforms_to(environment: Environment, items: Items, profile: Items) -> Items:
    url = text(profile)
    if url is None or len(items) != 1 or type(items[0]) is not Node:
        return []
    said = environment.host.conforms(environment.release, url, items[0])
    return [] if said is None else [said]


def _html_checks(_: Environment, items: Items) -> Items:
    value = single(items)
    return [] if value is None else [xhtml(value) is None]


def _boundary(high: bool) -> Any:
    sign = 1 if high else -1

    def number(value: int | Decimal) -> Decimal:
        exponent = Decimal(value).as_tuple().exponent
        return Decimal(value) + sign * Decimal(5).scaleb((exponent if isinstance(exponent, int) else 0) - 1)

    def call(_: Environment, items: Items) -> Items:
        match single(items):
            case Moment() as found:
                return [boundary(found, high=high)]
            case Measure(value, unit):
                return [Measure(number(value), unit)]
            case bool():
                return []
            case int() | Decimal() as value:
                return [number(value)]
        return []

    return call


def _comparable(_: Environment, items: Items, other: Items) -> Items:
    one, two = single(items), single(other)
    if type(one) is not Measure or type(two) is not Measure:
        return []
    return [common(one, two) is not None]


def _now(_: Environment, _items: Items) -> Items:
    return [moment(datetime.now(UTC).isoformat(timespec="milliseconds"))]


def _today(_: Environment, _items: Items) -> Items:
    return [moment(datetime.now(UTC).date().isoformat())]


def _time_of_day(_: Environment, _items: Items) -> Items:
    return [moment("T" + datetime.now(UTC).time().isoformat(timespec="milliseconds"))]


def _trace(_: Environment, items: Items, *_arguments: object) -> Items:
    return items


def _has_extension(environment: Environment, items: Items, url: Items) -> Items:
    return [bool(_extension(environment, items, url))]


FHIR: Table = MappingProxyType(
    {
        "resolve": Function(_resolve),
        "extension": Function(_extension, 1, 1),
        "hasExtension": Function(_has_extension, 1, 1),
        "memberOf": Function(_member_of, 1, 1),
        "conformsTo": Function(_conforms_to, 1, 1),
        "htmlChecks": Function(_html_checks),
        "htmlChecks2": Function(_html_checks),
        "lowBoundary": Function(_boundary(high=False)),
        "highBoundary": Function(_boundary(high=True)),
        "comparable": Function(_comparable, 1, 1),
        "now": Function(_now),
        "today": Function(_today),
        "timeOfDay": Function(_time_of_day),
        "trace": Macro(_trace, 1, 2),
    }
)
