"""FHIRPath compiled into closures over collections.

https://hl7.org/fhirpath/N1/
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

from fhirserver.resources.fhirpath import syntax
from fhirserver.resources.fhirpath.environment import Environment
from fhirserver.resources.fhirpath.functions.known import FUNCTIONS
from fhirserver.resources.fhirpath.functions.table import Evaluate, Macro
from fhirserver.resources.fhirpath.logic import logic
from fhirserver.resources.fhirpath.memory import looked_up, member, remembered
from fhirserver.resources.fhirpath.nodes import Node, ancestry, child
from fhirserver.resources.fhirpath.operators import OPERATORS
from fhirserver.resources.fhirpath.syntax import (
    Call,
    Dot,
    Empty,
    Index,
    Infix,
    Literal,
    Measure,
    Name,
    NotUnderstood,
    Sign,
    Temporal,
    Unknown,
)
from fhirserver.resources.fhirpath.temporal import moment
from fhirserver.resources.fhirpath.values import EvaluationError, Items, single, system_type, truth, whole

CONSTANTS = MappingProxyType(
    {
        "%ucum": "http://unitsofmeasure.org",
        "%sct": "http://snomed.info/sct",
        "%loinc": "http://loinc.org",
    }
)
"""Variables that are the same everywhere."""
_VALUESET, _EXTENSION = "http://hl7.org/fhir/ValueSet/", "http://hl7.org/fhir/StructureDefinition/"


def compiled(tree: syntax.Path) -> Evaluate:
    """The closure of an expression; raises NotUnderstood for functions and variables that are not known here."""
    return remembered(tree, _closure(tree))


def _closure(tree: syntax.Path) -> Evaluate:
    match tree:
        case Literal(value):
            return _constant([value])
        case Measure():
            return _constant([tree])
        case Temporal(text):
            found = moment(text)
            if found is None:
                raise NotUnderstood(f"@{text}")
            return _constant([found])
        case Empty():
            return _constant([])
        case Name("$this"):
            return lambda items, environment: items
        case Name(name) if name[0] in "%$":
            return _variable(name)
        case Name(name):
            return _named(name)
        case Dot(left, name):
            return _step(compiled(left), name)
        case Index(left, position):
            return _indexed(compiled(left), compiled(position))
        case Sign(operator, operand):
            return _signed(operator, compiled(operand))
        case Infix("is" | "as" as operator, left, right):
            return (_is if operator == "is" else _of_type)(compiled(left), type_name(right))
        case Call(left, "is" | "as" | "ofType" as function, (right,)):
            source = compiled(left) if left else compiled(Name("$this"))
            return (_is if function == "is" else _of_type)(source, type_name(right))
        case Infix("and" | "or" | "xor" | "implies" as operator, left, right):
            return _logical(operator, compiled(left), compiled(right))
        case Infix("in", left, right) if (quick := member(compiled(left), right, compiled(right))) is not None:
            return quick
        case Infix(operator, left, right):
            return _operation(OPERATORS[operator], compiled(left), compiled(right))
        case Call(left, "where", (criteria,)) if left is not None:
            search = _call(left, "where", (criteria,))
            return looked_up(left, criteria, compiled, search) or search
        case Call(left, function, arguments):
            return _call(left, function, arguments)
    raise NotUnderstood(str(tree))


def _constant(value: Items) -> Evaluate:
    return lambda items, environment: value


def _variable(name: str) -> Evaluate:
    if name in CONSTANTS:
        return _constant([CONSTANTS[name]])
    if name.startswith("%vs-"):
        return _constant([_VALUESET + name[4:]])
    if name.startswith("%ext-"):
        return _constant([_EXTENSION + name[5:]])
    match name:
        case "%resource":
            return lambda items, environment: [environment.resource]
        case "%rootResource":
            return lambda items, environment: [environment.root]
        case "%context":
            return lambda items, environment: [environment.context]
        case "$index":
            return lambda items, environment: [] if environment.index is None else [environment.index]
        case "$total":
            return lambda items, environment: environment.total
    raise Unknown(name)


def _named(name: str) -> Evaluate:
    """An element of the focus, or the focus itself where its type is named."""

    def evaluate(items: Items, environment: Environment) -> Items:
        found: Items = []
        for item in items:
            if type(item) is Node:
                below = child(item, name)
                found += below
                if not below and capital and name in ancestry(item.release, item.type):
                    found.append(item)
        return found

    capital = name[0].isupper()
    return evaluate


def _step(left: Evaluate, name: str) -> Evaluate:
    def evaluate(items: Items, environment: Environment) -> Items:
        found: Items = []
        for item in left(items, environment):
            if type(item) is Node:
                found += child(item, name)
        return found

    return evaluate


def _indexed(left: Evaluate, position: Evaluate) -> Evaluate:
    def evaluate(items: Items, environment: Environment) -> Items:
        at = whole(position(items, environment))
        return [] if at is None or at < 0 else left(items, environment)[at : at + 1]

    return evaluate


def _signed(operator: str, operand: Evaluate) -> Evaluate:
    def evaluate(items: Items, environment: Environment) -> Items:
        value = single(operand(items, environment))
        if value is None:
            return []
        return OPERATORS["*"]([value], [-1 if operator == "-" else 1])

    return evaluate


def type_name(tree: syntax.Path) -> str:
    """The name of a type: 'Patient', 'FHIR.string', 'System.String'."""
    match tree:
        case Name(name):
            return name
        case Dot(Name("FHIR" | "System" as space), name):
            return f"{space}.{name}"
    raise NotUnderstood(f"no type: {tree}")


def has_type(item: Any, wanted: str) -> bool:
    """Whether an item is of a type or of one that derives from it; names without a namespace are of either."""
    space, _, name = wanted.rpartition(".")
    if type(item) is Node:
        return space != "System" and name in ancestry(item.release, item.type)
    return space != "FHIR" and name == system_type(item)


def _is(left: Evaluate, wanted: str) -> Evaluate:
    def evaluate(items: Items, environment: Environment) -> Items:
        found = left(items, environment)
        if len(found) > 1:
            raise EvaluationError(f"'is' takes one item, {len(found)} are there")
        return [has_type(found[0], wanted)] if found else []

    return evaluate


def _of_type(left: Evaluate, wanted: str) -> Evaluate:
    def evaluate(items: Items, environment: Environment) -> Items:
        return [item for item in left(items, environment) if has_type(item, wanted)]

    return evaluate


def _operation(operate: Callable[[Items, Items], Items], left: Evaluate, right: Evaluate) -> Evaluate:
    return lambda items, environment: operate(left(items, environment), right(items, environment))


_DECIDED = {"and": (False, False), "or": (True, True), "implies": (False, True)}
"""What the left side may say so that the right side does not matter, and what the whole is then."""


def _logical(operator: str, left: Evaluate, right: Evaluate) -> Evaluate:
    def evaluate(items: Items, environment: Environment) -> Items:
        one = truth(left(items, environment))
        if decided is not None and one is decided:
            return [outcome]
        other = truth(right(items, environment))
        said = logic(operator, one, other)
        return [] if said is None else [said]

    decided, outcome = _DECIDED.get(operator, (None, False))
    return evaluate


def _call(left: syntax.Path | None, name: str, arguments: tuple[syntax.Path, ...]) -> Evaluate:
    known = FUNCTIONS.get(name)
    if known is None or not known.least <= len(arguments) <= known.most:
        raise Unknown(f"{name}() with {len(arguments)} arguments")
    source = compiled(left) if left else compiled(Name("$this"))
    given = [compiled(argument) for argument in arguments]
    call = known.call
    if isinstance(known, Macro):
        return lambda items, environment: call(environment, source(items, environment), *given)
    if not given:
        return lambda items, environment: call(environment, source(items, environment))

    def evaluate(items: Items, environment: Environment) -> Items:
        # Arguments are of the focus, not of what the function is applied to.
        return call(environment, source(items, environment), *[each(items, environment) for each in given])

    return evaluate
