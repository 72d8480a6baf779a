"""Hierarchies of resources: parts of locations, of organizations, of encounters, which :above and :below follow.

https://hl7.org/fhir/R5/search.html#recursive
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache

from fhirserver import fhirjson
from fhirserver.errors import BadRequest
from fhirserver.resources.registry import Release
from fhirserver.search import escapes
from fhirserver.search.ast import Ids, Kin, Node, Param
from fhirserver.search.context import Context
from fhirserver.search.kinds.reference import RefIn, targets
from fhirserver.search.parameters import Parameter, standard

MODIFIERS = ("above", "below")

_LINKS = ("partof", "part-of", "parent")
"""The parameters that say what a resource is a part of; other references to its own type make no hierarchy."""


@cache
def link(release: Release, type_: str) -> str | None:
    """The parameter by which a resource of a type names the one above it; None for a type without a hierarchy."""
    known = standard(release, type_)
    for code in _LINKS:
        if code in known and known[code].kind == "reference" and type_ in known[code].definition.targets:
            return code
    return None


def parse(context: Context, parameter: Parameter, modifier: str, values: Sequence[str]) -> list[Node]:
    """The leaves of the values of a reference, one for each type: the resources themselves and all above, or below."""
    ranked = sorted(type_ for type_ in targets(parameter) if link(context.release, type_))
    if not ranked:
        raise BadRequest(
            f"'{parameter.called}' refers to nothing that has parts, so ':{modifier}' does not go with it.",
            expression=context.given,
        )
    wanted: dict[str, dict[str, None]] = {}
    for value in values:
        for type_, id_ in _resources(context, parameter, modifier, value, ranked):
            wanted.setdefault(type_, {})[id_] = None
    return [
        Kin(
            context.type,
            parameter.code,
            type_,
            link(context.release, type_) or "",
            tuple(ids),
            modifier == "above",
            context.bases,
        )
        for type_, ids in wanted.items()
    ]


def _resources(
    context: Context, parameter: Parameter, modifier: str, value: str, ranked: list[str]
) -> list[tuple[str, str]]:
    """(type, id) of what a value may name."""
    written = escapes.plain(value, context.given)
    if fhirjson.is_id(written):
        return [(type_, written) for type_ in ranked]
    literal = fhirjson.literal(written)
    if literal is None or literal.version or literal.base not in (None, *context.bases):
        raise BadRequest(
            f"':{modifier}' starts at a resource of this server: write its type and id, as in '{ranked[0]}/1'.",
            expression=context.given,
        )
    if literal.type not in ranked:
        raise BadRequest(
            f"'{value}' has no place in a hierarchy: ':{modifier}' on '{parameter.called}' takes "
            f"{_either([f'a {type_}' for type_ in ranked])}.",
            expression=context.given,
        )
    return [(literal.type, literal.id)]


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def next_below(kin: Kin, ids: Iterable[str]) -> Node:
    """The search of the target type for what is directly below some resources."""
    return Param(kin.target, kin.link, RefIn(kin.target, tuple(ids), kin.bases))


def start(ids: Iterable[str]) -> Node:
    """The search for some resources."""
    return Ids(tuple(ids))


def resolved(kin: Kin, ids: Iterable[str]) -> Node:
    """What a leaf becomes when its relatives are known."""
    return Param(kin.type, kin.code, RefIn(kin.target, tuple(ids), kin.bases))
