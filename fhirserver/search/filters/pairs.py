"""Names of _filter that stand for an element, so that what is asked of its parts holds within one repetition of it.

https://hl7.org/fhir/R5/search_filter.html#params
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from fhirserver.errors import BadRequest
from fhirserver.search import escapes
from fhirserver.search.ast import Node
from fhirserver.search.context import Context
from fhirserver.search.filters.grammar import Step, Test
from fhirserver.search.filters.operators import Leaf


@dataclass(frozen=True, slots=True)
class Pair:
    """An element that the parts of the composite `code` lie in; `names` are theirs, in the composite's order."""

    code: str
    names: tuple[str, str]


_PAIRS: Mapping[tuple[str, str], Pair] = MappingProxyType(
    {("Group", "characteristic"): Pair("characteristic-value", ("code", "value"))}
)


def find(type_: str, name: str) -> Pair | None:
    """The element of a type that a name stands for."""
    return _PAIRS.get((type_, name))


def read(context: Context, pair: Pair, step: Step, rest: Sequence[Step], test: Test, leaf: Leaf) -> Node:
    """The tree of element[part eq x].part eq y, in either order of the parts."""
    inner = step.filter
    one, other = pair.names
    usage = f"{step.name}[{one} eq x].{other} eq y"
    if not isinstance(inner, Test) or len(inner.path) > 1 or len(rest) > 1 or step.type is not None:
        raise BadRequest(f"'{step.name}' in '{context.given}' is written {usage}.", expression=context.given)
    asked = {inner.path[0].name: inner, rest[0].name: test}
    if asked.keys() != {one, other} or any(each.operator != "eq" for each in asked.values()):
        raise BadRequest(f"'{step.name}' in '{context.given}' is written {usage}.", expression=context.given)
    values = ("\\,".join(escapes.split(asked[name].value, ",")) for name in pair.names)
    return leaf(context, pair.code, "$".join("\\$".join(escapes.split(value, "$")) for value in values))
