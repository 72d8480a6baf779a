"""_list and _in: what a List, a Group or a CareTeam has among its own.

https://hl7.org/fhir/R5/search.html#list
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import get_args

from fhirserver import fhirjson
from fhirserver.errors import BadRequest, NotSupported
from fhirserver.search import escapes
from fhirserver.search.ast import Holder, Listed, Node, Not, Or
from fhirserver.search.context import Context, known, linked
from fhirserver.search.parameters import Parameter

CODES = frozenset({"_list", "_in"})
MODIFIERS = frozenset({"in", "not-in"})
"""On references: whether what they lead to is among those of a List, a Group or a CareTeam."""

_HOLDERS: Mapping[str, Holder] = MappingProxyType({holder: holder for holder in get_args(Holder)})
MOST = 20
"""Lists, Groups and CareTeams of one parameter: each is looked up by itself."""


def read(context: Context, code: str, modifier: str | None, value: str) -> Node:
    """The tree of _list or _in: one of several Lists, Groups or CareTeams, with commas between."""
    if code == "_in":
        known(context, code)  # R4 has none
    holders = ("List",) if code == "_list" else tuple(_HOLDERS)
    if modifier is not None and (code == "_list" or modifier not in holders):
        raise BadRequest(f"':{modifier}' does not go with '{code}': leave it out.", expression=context.given)
    values = escapes.split(value, ",")
    found = [Listed(context.type, *place) for place in _places(context, (modifier,) if modifier else holders, values)]
    return _either(found)


def referring(context: Context, parameter: Parameter, modifier: str, values: Sequence[str]) -> Node:
    """The tree of :in and :not-in on a reference."""
    places = _places(context, tuple(_HOLDERS), values)
    found = linked(
        context, parameter.code, None, lambda there: _either([Listed(there.type, *p) for p in places]), "_in"
    )
    return found if modifier == "in" else Not(found)


def _places(context: Context, holders: tuple[str, ...], values: Sequence[str]) -> list[tuple[Holder, str]]:
    """(type, id) of each List, Group or CareTeam that is named; a bare id may be that of each of these types."""
    given = context.given
    if len(values) > MOST:
        raise BadRequest(
            f"'{given}' names {len(values)}, at most {MOST} are allowed: search in parts.",
            expression=given,
            code="too-costly",
        )
    found: list[tuple[Holder, str]] = []
    for each in values:
        written = escapes.plain(each, given).strip()
        if written.startswith("$"):
            raise NotSupported(
                f"'{written}' is a functional list, and this server keeps none: name a List by its id, or search by "
                "parameters such as clinical-status=active.",
                expression=given,
            )
        if fhirjson.is_id(written):
            found.extend((_HOLDERS[holder], written) for holder in holders)
            continue
        literal = fhirjson.literal(written)
        local = literal is not None and literal.version is None and literal.base in (None, *context.bases)
        if literal is None or not local or literal.type not in holders:
            usage = " or ".join(f"{holder}/[id]" for holder in holders)
            raise BadRequest(f"'{each}' is not of this server, or none of these: write {usage}.", expression=given)
        found.append((_HOLDERS[literal.type], literal.id))
    return found


def _either(found: Sequence[Listed]) -> Node:
    return found[0] if len(found) == 1 else Or(tuple(dict.fromkeys(found)))
