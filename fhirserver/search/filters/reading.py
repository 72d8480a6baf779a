"""_filter as a tree of search: paths become chains, tests become those of their parameters.

What a name in brackets says and what follows it hold of one and the same resource, which chains of a URL cannot ask.
https://hl7.org/fhir/R5/search_filter.html
"""

from __future__ import annotations

from collections.abc import Sequence

from fhirserver.errors import BadRequest, NotSupported
from fhirserver.search.ast import And, Missing, Node, Not, Or
from fhirserver.search.context import Context, Unknown, linked
from fhirserver.search.filters import pairs
from fhirserver.search.filters.grammar import Expression, Joined, Negated, Step, Test, parse
from fhirserver.search.filters.operators import Leaf, compared


def read(context: Context, text: str, leaf: Leaf) -> Node:
    """The tree of a filter on the context's type; a name that the type does not have is always a refusal.

    To leave out a part of an expression would be to find anything.
    """
    expression = parse(text, context.given)
    try:
        return _node(context, expression, leaf)
    except Unknown as refusal:
        if context.depth:
            raise  # another target of the chain may have it
        raise NotSupported(refusal.issues) from None


def _node(context: Context, expression: Expression, leaf: Leaf) -> Node:
    match expression:
        case Joined("and", parts):
            return And(tuple(_node(context, part, leaf) for part in parts))
        case Joined(_, parts):
            return Or(tuple(_node(context, part, leaf) for part in parts))
        case Negated(part):
            return Not(_node(context, part, leaf))
        case Test():
            return _test(context, expression, leaf)


def _test(context: Context, test: Test, leaf: Leaf) -> Node:
    if test.operator != "pr":
        return _along(context, test.path, test, leaf)
    if test.value not in ("true", "false"):
        raise BadRequest(f"'pr' takes true or false, not '{test.value}'.", expression=context.given)
    present = _along(context, test.path, test, leaf)
    if test.value == "true":
        return present
    # What a path leads to is one set of values, which is empty where any of its links leads nowhere.
    if isinstance(present, Missing):
        return Missing(present.type, present.code, present.kind, True)
    return Not(present)


def _along(context: Context, path: Sequence[Step], test: Test, leaf: Leaf) -> Node:
    step, *rest = path
    if not rest:
        return compared(context, step.name, test, leaf)
    pair = pairs.find(context.type, step.name)
    if pair is not None:
        return pairs.read(context, pair, step, rest, test, leaf)

    def further(there: Context) -> Node:
        node = _along(there, rest, test, leaf)
        return node if step.filter is None else And((_node(there, step.filter, leaf), node))

    return linked(context, step.name, step.type, further, ".".join(each.name for each in rest))
