"""What a criterion of a search is read against, and the links that lead from one type to another.

https://hl7.org/fhir/R5/search.html#chaining
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fhirserver.errors import BadRequest, FhirError, NotSupported, Unavailable
from fhirserver.resources.registry import Release
from fhirserver.search.added import waiting
from fhirserver.search.ast import Chain, Node, Or
from fhirserver.search.kinds import reference
from fhirserver.search.named import named
from fhirserver.search.parameters import Parameter

MAX_DEPTH = 6
"""Links of a chain, each of which is a search of its own."""


class Unknown(BadRequest):
    """A parameter that the type does not have: whether that refuses the search is the client's preference."""

    kind = NotSupported.kind


@dataclass(frozen=True, slots=True)
class Context:
    """What a criterion is read against: `given` is the parameter as the client wrote it."""

    release: Release
    type: str
    given: str
    bases: tuple[str, ...] = ()
    depth: int = 0

    def at(self, type_: str) -> Context:
        """The same one link further."""
        if self.depth >= MAX_DEPTH:
            raise BadRequest(
                f"A chain has at most {MAX_DEPTH} links: search for what its end names first, and use the ids.",
                expression=self.given,
            )
        return Context(self.release, type_, self.given, self.bases, self.depth + 1)


def known(context: Context, code: str) -> Parameter:
    """The parameter of the context's type; Unknown when it has none of that name."""
    found = named(context.release, context.type).get(code)
    if found is None:
        raise Unknown(
            f"{context.type} has no search parameter '{code}': /metadata lists those it has.", expression=context.given
        )
    ready(context.release, context.type, found, code, context.given)
    return found


def ready(release: Release, type_: str, parameter: Parameter, code: str, given: str) -> None:
    """Refuses a parameter that not all resources are indexed by yet: what it found now would not be all there is."""
    progress = waiting(release, type_).get(parameter.code)
    if progress is not None:
        raise Unavailable(
            f"'{code}' of {type_} is new, and the resources that are there are being indexed by it ({progress}): ask "
            f"again a little later; {type_}/$reindex says how far it is.",
            expression=given,
            headers={"Retry-After": "5"},
        )


def linked(context: Context, code: str, type_: str | None, further: Callable[[Context], Node], example: str) -> Node:
    """Resources whose parameter `code` refers to what `further` finds there; `example` is how the rest is written.

    Without a type it is any target of the parameter that has what `further` asks for.
    """
    parameter = known(context, code)
    if parameter.kind != "reference" or code == "_in":
        raise BadRequest(f"'{code}' is no reference, so nothing can be chained to it.", expression=context.given)
    targets = reference.targets(parameter)
    if type_ is not None:
        if type_ not in targets:
            raise BadRequest(f"'{code}' never refers to a {type_}.", expression=context.given)
        return Chain(context.type, parameter.code, type_, further(context.at(type_)), context.bases)
    if not parameter.definition.targets:
        raise BadRequest(
            f"'{code}' may refer to any type: name one, as in '{code}:Patient.{example}'.", expression=context.given
        )
    found: list[Node] = []
    refusals: list[FhirError] = []
    for target in sorted(targets):
        try:
            found.append(Chain(context.type, parameter.code, target, further(context.at(target)), context.bases))
        except Unknown as refusal:
            refusals.append(refusal)
    if not found:
        raise refusals[0]
    return found[0] if len(found) == 1 else Or(tuple(found))
