"""FHIRPath expressions that say whether an item is right.

https://hl7.org/fhir/R5/fhirpath.html. As for the invariants of the base types, only what is true is met: an expression
that is false, or says nothing, is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from fhirserver.fhirjson import Resource
from fhirserver.resources import fhirpath
from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.nodes import Node
from fhirserver.resources.fhirpath.values import truth
from fhirserver.resources.profiles.run import Item, Run
from fhirserver.resources.registry import Release

Holds = Callable[[Run, Item], bool | None]
"""Whether an expression is true of an item; None when that cannot be known here."""

_ASKS = re.compile(r"\b(?:memberOf|conformsTo)\s*\(")
_LOOKS = re.compile(r"\bresolve\(\)(?!\s+(?:is|as)\s|\.(?:is|as|ofType)\()")
"""References that are followed for more than the type of what they lead to."""


def expression(release: Release, type_: str, text: str) -> Holds:
    """The function of an expression, which an item of another type than `type_` may meet too; raises NotUnderstood."""
    fhirpath.compile(release, type_, text)
    asks, looks = _ASKS.search(text) is not None, _LOOKS.search(text) is not None

    def holds(run: Run, item: Item) -> bool | None:
        missed: list[str] = []
        host = _recording(run.host, missed) if looks else run.host
        beside = item.beside if type(item.beside) is dict else None
        focus = Node(release, item.value, item.type, beside)
        environment = Environment(release, focus, fhirpath.Place(run.resource, run.root, host))
        try:
            made = fhirpath.compile(release, item.type, text)
            found = truth(made.evaluate([focus], environment))
        except (fhirpath.EvaluationError, ArithmeticError):
            found = False
        except (fhirpath.NotUnderstood, RecursionError):
            return None
        if found:
            return True
        # What another value set, profile or resource would have said is not known.
        return None if missed or (asks and found is None) else False

    return holds


def _recording(host: fhirpath.Host, missed: list[str]) -> fhirpath.Host:
    """The same host, noting the references that lead to nothing at hand."""

    def find(reference: str) -> Resource | None:
        found = host.find(reference)
        if found is None:
            missed.append(reference)
        return found

    return replace(host, find=find)
