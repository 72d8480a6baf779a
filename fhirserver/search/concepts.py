""":in, :not-in, :above and :below of tokens: leaves that become tests of codes once a terminology has been asked.

https://hl7.org/fhir/R5/search.html#modifierin, #modifierbelow, #mimetype
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fhirserver.errors import BadRequest
from fhirserver.search import escapes
from fhirserver.search.ast import Concepts, Node, Not, Or, Param, Related, ValueSetOf
from fhirserver.search.context import Context
from fhirserver.search.kinds import token
from fhirserver.search.kinds.token import AnyOf, CodeStarts, Token
from fhirserver.search.parameters import Parameter
from fhirserver.search.systems import same

MODIFIERS = ("in", "not-in", "above", "below")

_CODED = frozenset({"code", "Coding", "CodeableConcept", "CodeableReference", "Quantity", "Extension"})
_MEDIA = "http://hl7.org/fhir/ValueSet/mimetypes"


def parse(context: Context, parameter: Parameter, modifier: str, values: Sequence[str]) -> Node:
    """The tree of a token with one of these modifiers; its leaves are the caller's to resolve."""
    if not parameter.types & _CODED:
        raise BadRequest(
            f"':{modifier}' is about codes, and '{parameter.called}' has values of type "
            f"{' and '.join(sorted(parameter.types))}: leave it out.",
            expression=context.given,
        )
    if modifier == "below" and all(branch.valueset == _MEDIA for branch in parameter.branches):
        return _or([each for value in values for each in _media(context, parameter, value)])
    leaf = _valueset if modifier in ("in", "not-in") else _related
    found = _or([leaf(context, parameter, modifier, value) for value in values])
    return Not(found) if modifier == "not-in" else found


def _valueset(context: Context, parameter: Parameter, modifier: str, value: str) -> Node:
    asked = ValueSetOf(escapes.plain(value, context.given))
    return Concepts(context.type, parameter.code, asked, context.given)


def _related(context: Context, parameter: Parameter, modifier: str, value: str) -> Node:
    parts = [escapes.plain(part, context.given) for part in escapes.split(value, "|")]
    if len(parts) > 2 or not parts[-1]:
        raise BadRequest(
            rf"':{modifier}' takes system|code, not '{value}': write one code, and \| for a bar inside.",
            expression=context.given,
        )
    system = parts[0] if len(parts) == 2 and parts[0] else None
    if system is None:
        system = token.system_of(parameter, parts[-1])
    return Concepts(context.type, parameter.code, Related(system, parts[-1], modifier == "above"), context.given)


def _media(context: Context, parameter: Parameter, value: str) -> list[Node]:
    """A media type with whatever parameters, or all types that begin with its first half."""
    written = escapes.plain(value, context.given).removeprefix("|").removeprefix(f"{token.MEDIA}|")
    if ";" in written or "|" in written or written.count("/") > 1:
        raise BadRequest(
            f"':below' takes a media type without parameters, as in text/xml or image, not '{value}'.",
            expression=context.given,
        )
    fold, start = parameter.fold, written.casefold()
    tests: list[Token | CodeStarts] = (
        [Token(None, written, fold), CodeStarts(f"{start};", fold), CodeStarts(f"{start} ;", fold)]
        if "/" in written
        else [CodeStarts(f"{start}/", fold)]
    )
    return [Param(context.type, parameter.code, test) for test in tests]


def resolved(parameter: Parameter, codes: Iterable[tuple[str, str]]) -> Node:
    """What a leaf becomes when its codes are known, as (system, code): any of them."""
    found: dict[tuple[str | None, str], None] = {}
    for system, code in codes:
        written = code.casefold() if parameter.fold else code
        if not parameter.bare:
            found[same(system), written] = None
        elif token.binds(parameter, system, code):
            found[None, written] = None
    if not found:
        return Or(())
    return Param(parameter.base, parameter.code, AnyOf(tuple(found), parameter.fold))


def _or(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))
