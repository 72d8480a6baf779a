"""Search expressions compiled, against the tables of types, into branches of plain steps over dicts.

A branch is a list of steps with the FHIR type (and required value set) of what comes out. Choice elements become one
branch a type ('value.ofType(Quantity)' is the key 'valueQuantity'), elements that a type does not have become none.
https://hl7.org/fhir/R5/fhirpath.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from fhirserver.resources import registry
from fhirserver.resources.fhirpath import syntax
from fhirserver.resources.fhirpath.references import reference_type
from fhirserver.resources.fhirpath.syntax import Call, Dot, Index, Infix, Literal, Name, NotUnderstood
from fhirserver.resources.registry import Release

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Key:
    """Into a JSON property, item by item where it is an array."""

    name: str


@dataclass(frozen=True, slots=True)
class Where:
    """Keeps the items that satisfy a test of (item, root resource)."""

    test: Callable[[Any, Json], bool]


@dataclass(frozen=True, slots=True)
class Nth:
    """The item at a position of all that the step before gave."""

    position: int


@dataclass(frozen=True, slots=True)
class Compute:
    """Anything else: the items that a function makes of (the items so far, the root resource)."""

    function: Callable[[list[Any], Json], list[Any]]


Step = Key | Where | Nth | Compute


@dataclass(frozen=True, slots=True)
class Branch:
    """Steps, and the FHIR type of what they lead to."""

    steps: tuple[Step, ...]
    type: str
    valueset: str | None = None

    def then(self, step: Step, type_: str | None = None, valueset: str | None = None) -> Branch:
        """This branch with one step more."""
        return Branch((*self.steps, step), type_ or self.type, valueset or (None if type_ else self.valueset))


Branches = tuple[Branch, ...]


@lru_cache(16384)
def compiled(release: Release, type_: str, expression: str) -> Branches:
    """The branches of an expression whose focus is `type_`; raises NotUnderstood for the full engine's cases."""
    return _Compiler(release, type_.split(".")[0]).compile(syntax.parse(expression), (Branch((), type_),))


def select(branch: Branch, focus: Any, root: Json) -> list[Any]:
    """The values a branch finds below `focus`."""
    items = [focus]
    for step in branch.steps:
        match step:
            case Key(name):
                items = _children(items, name)
            case Where(test):
                items = [item for item in items if test(item, root)]
            case Nth(position):
                items = items[position : position + 1]
            case Compute(function):
                items = function(items, root)
    return items


def _children(items: list[Any], name: str) -> list[Any]:
    found: list[Any] = []
    for item in items:
        value = item.get(name) if type(item) is dict else None
        if type(value) is list:
            found.extend(child for child in value if child is not None)
        elif value is not None:
            found.append(value)
    return found


@dataclass(frozen=True, slots=True)
class _Compiler:
    release: Release
    root: str

    def compile(self, tree: syntax.Path, focus: Branches) -> Branches:
        match tree:
            case Name("%resource"):
                return (Branch((Compute(lambda _, root: [root]),), self.root),)
            case Name(name):
                if name[0].isupper():
                    return tuple(b for b in focus if self._is_type(b.type, name))
                return self._child(focus, name)
            case Dot(left, name):
                return self._child(self.compile(left, focus), name)
            case Infix("|", left, right):
                both = (*self.compile(left, focus), *self.compile(right, focus))
                return tuple(dict.fromkeys(both))
            case Infix("as", left, Name(name)) | Call(left, "as" | "ofType", (Name(name),)):
                if left is None:
                    return self._of_type(focus, name)
                return self._of_type(self.compile(left, focus), name)
            case Infix("as", left, Dot(Name("FHIR"), name)):
                return self._of_type(self.compile(left, focus), name)
            case Index(left, Literal(int(position))):
                return self._single(self.compile(left, focus), Nth(position))
            case Call(left, "first", ()) if left is not None:
                return self._single(self.compile(left, focus), Nth(0))
            case Call(left, "where", (condition,)):
                inner = focus if left is None else self.compile(left, focus)
                return tuple(b.then(Where(self._test(condition, b.type))) for b in inner)
            case Call(left, "extension", (Literal(url),)):
                inner = focus if left is None else self.compile(left, focus)
                return tuple(b.then(Key("extension"), "Extension").then(Where(_equals("url", url))) for b in inner)
            case Call(_, "exists", ()) | Call(_, "hasExtension", _) | Infix("and" | "=" | "!=", _, _):
                return tuple(Branch((*b.steps, Compute(_each(self._test(tree, b.type)))), "boolean") for b in focus)
        raise NotUnderstood(str(tree))

    def _is_type(self, actual: str, wanted: str) -> bool:
        name: str | None = actual
        while name:
            if name == wanted:
                return True
            found = registry.structure(self.release, name)
            name = found.base if found else None
        return wanted in ("CanonicalResource", "MetadataResource") and actual == self.root

    def _child(self, branches: Branches, name: str) -> Branches:
        found: list[Branch] = []
        for branch in branches:
            structure = registry.structure(self.release, branch.type)
            if structure is None:
                continue
            element = structure.elements.get(name)
            if element is not None:
                found.append(branch.then(Key(name), element.type, element.valueset))
            for choice in structure.choices.get(name, ()):
                element = structure.elements[choice]
                found.append(branch.then(Key(choice), element.type, element.valueset))
        return tuple(found)

    def _of_type(self, branches: Branches, wanted: str) -> Branches:
        kept: list[Branch] = []
        for branch in branches:
            if branch.type in ("Resource", "DomainResource"):
                kept.append(branch.then(Where(_equals("resourceType", wanted)), wanted))
            elif self._is_type(branch.type, wanted) or branch.type.lower() == wanted.lower():
                kept.append(branch)
        return tuple(kept)

    def _single(self, branches: Branches, step: Nth) -> Branches:
        """One item of all branches together; one type must cover them."""
        if len(branches) <= 1:
            return tuple(b.then(step) for b in branches)

        def pick(focus: list[Any], root: Json) -> list[Any]:
            found = [value for item in focus for b in branches for value in select(b, item, root)]
            return found[step.position : step.position + 1]

        types = {b.type for b in branches}
        if types <= {"date", "dateTime", "instant"}:
            return (Branch((Compute(pick),), "dateTime"),)
        if len(types) > 1:
            raise NotUnderstood(f"items of {sorted(types)}")
        return (Branch((Compute(pick),), types.pop()),)

    def _test(self, tree: syntax.Path, type_: str) -> Callable[[Any, Json], bool]:
        """A condition on one item."""
        match tree:
            case Infix("is", Call(None, "resolve", ()), Name(wanted)):
                return lambda item, root: reference_type(item, root) == wanted
            case Infix("and", left, right):
                one, other = self._test(left, type_), self._test(right, type_)
                return lambda item, root: one(item, root) and other(item, root)
            case Call(left, "exists", ()) if left is not None:
                there = _below(self._relative(left, type_))
                return lambda item, root: bool(there(item, root))
            case Call(None, "hasExtension", (Literal(url),)):
                extension = _equals("url", url)
                return lambda item, root: any(extension(e, root) for e in _children([item], "extension"))
            case Infix("=" | "!=" as operator, left, Literal(value)):
                values = _below(self._relative(left, type_))
                equal = operator == "="

                def compare(item: Any, root: Json) -> bool:
                    found = values(item, root)
                    return bool(found) and (found == [value]) is equal

                return compare
        raise NotUnderstood(str(tree))

    def _relative(self, tree: syntax.Path, type_: str) -> Branches:
        return self.compile(tree, (Branch((), type_),))


def _below(branches: Branches) -> Callable[[Any, Json], list[Any]]:
    """What several branches find together; nearly always each is a property of the item."""
    names = [step.name for b in branches for step in b.steps if isinstance(step, Key)]
    if any(len(b.steps) != 1 for b in branches) or len(names) < len(branches):
        return lambda item, root: [value for b in branches for value in select(b, item, root)]

    def found(item: Any, _: Json) -> list[Any]:
        if type(item) is not dict:
            return []
        return [value for name in names if name in item for value in _children([item], name)]

    return found


def _equals(key: str, value: Any) -> Callable[[Any, Json], bool]:
    return lambda item, root: isinstance(item, dict) and item.get(key) == value


def _each(test: Callable[[Any, Json], bool]) -> Callable[[list[Any], Json], list[Any]]:
    return lambda items, root: [test(item, root) for item in items]
