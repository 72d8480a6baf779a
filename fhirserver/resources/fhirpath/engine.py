"""A full FHIRPath engine for what the compiler does not know.

https://github.com/beda-software/fhirpath-py, which implements https://hl7.org/fhirpath/N1/
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Any

from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.nodes import Node, node
from fhirserver.resources.fhirpath.syntax import NotUnderstood
from fhirserver.resources.fhirpath.values import EvaluationError, Items
from fhirserver.resources.registry import Release

_one_at_a_time = Lock()  # the engine keeps the time of an evaluation in a variable of its module


@lru_cache(1024)
def engine(release: Release, expression: str) -> Callable[[Items, Environment], Items]:
    """The engine's evaluation of an expression; raises NotUnderstood when it is no FHIRPath.

    What it finds are plain values, and objects without their place.
    """
    import fhirpathpy
    from fhirpathpy.models import models
    from fhirpathpy.parser import parse

    parsing: Any = parse
    try:
        parsed = parsing(expression)
    except Exception as error:  # its parser raises bare Exceptions
        raise NotUnderstood(f"{expression}: {error}") from None
    run: Any = fhirpathpy.apply_parsed_path
    model = models[release.lower()]

    def evaluate(items: Items, environment: Environment) -> Items:
        options = {
            "userInvocationTable": {"resolve": {"fn": _resolving(environment), "arity": {0: []}}},
            "returnRawData": True,
            "traceFn": lambda *_: None,
        }
        variables = {"resource": environment.resource.value, "rootResource": environment.root.value}
        focus = [_library_node(item) for item in items if type(item) is Node]
        try:
            with _one_at_a_time:
                found = [value for each in focus for value in run(each, parsed, variables, model, options)]
        except Exception as error:  # what it raises on content that it cannot take is not of one kind
            raise EvaluationError(str(error)) from None
        return [_item(release, value) for value in found]

    return evaluate


def _library_node(item: Node) -> Any:
    from fhirpathpy.engine.nodes import ResourceNode

    made: Any = ResourceNode.create_node
    return made(item.value, item.type)


def _resolving(environment: Environment) -> Callable[[list[Any]], list[Any]]:
    def resolve(references: list[Any]) -> list[Any]:
        found = (environment.resolve(getattr(each, "data", each)) for each in references)
        return [_library_node(target) for target in found if target is not None]

    return resolve


def _item(release: Release, value: Any) -> Any:
    """A raw value of the engine as an item: objects come without their type, but for resources."""
    data = getattr(value, "data", value)
    return node(release, data, "Element") if isinstance(data, dict) else data
