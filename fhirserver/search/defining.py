"""One SearchParameter resource as a parameter of types, or why it cannot be one.

https://hl7.org/fhir/R5/searchparameter.html. What a definition says of how the parameter may be used (multipleOr,
comparator, modifier, chain) is no limit here: the server takes whatever goes with the parameter's kind.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import get_args

from fhirserver.errors import Issue
from fhirserver.fhirjson import Resource
from fhirserver.resources import registry
from fhirserver.resources.fhirpath.nodes import ancestry
from fhirserver.resources.fhirpath.syntax import Call, Dot, Index, Infix, Name, NotUnderstood, Path, parse
from fhirserver.resources.registry import VERSIONS, Kind, Release, SearchParameter
from fhirserver.search import paths
from fhirserver.search.added import Kinds
from fhirserver.search.indexing import MEMBERS
from fhirserver.search.kinds import composite
from fhirserver.search.parameters import TAKES, Parameter, build, fitting

_CODE = re.compile("-?[A-Za-z](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
_KINDS: Mapping[str, Kind] = MappingProxyType({kind: kind for kind in get_args(Kind)})
_ABSTRACT = ("Resource", "DomainResource")
_SHOWN = 8
"""Types that a sentence names."""


class Unusable(Exception):
    """A definition that cannot be used; the issues say why."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("; ".join(issue.diagnostics for issue in self.issues))


def _issue(element: str, said: str, code: str = "invalid") -> Issue:
    return Issue("error", code, said, (f"SearchParameter.{element}",))


def listed(types: Collection[str]) -> str:
    """The names of types in a sentence, of many the first."""
    shown = sorted(types)
    more = len(shown) - _SHOWN
    return ", ".join(shown) if more <= 1 else f"{', '.join(shown[:_SHOWN])} and {more} others"


# -- one definition ----------------------------------------------------------------------------------------------------


def check(release: Release, resource: Resource, urls: Collection[str]) -> None:
    """Raises Unusable for a definition that no type can have; `urls` are those that components may name."""
    issues = [issue for rule in (_name, _type, _base, _expression) for issue in rule(release, resource)]
    issues += _components(resource, urls)
    if issues:
        raise Unusable(issues)


def _name(release: Release, resource: Resource) -> Iterator[Issue]:
    code = str(resource.get("code"))
    # Those of the specification, such as _id, are defined again by packages that carry everything.
    known = code.startswith("_") and code in registry.search_parameters(release, "Patient")
    if not known and not _CODE.fullmatch(code):
        said = (
            "has letters, digits, - and _, 64 at most, begins with a letter, or - and a letter, and ends with no sign"
        )
        yield _issue("code", f"'{code[:80]}' is no name for a parameter here: one {said}.", "value")


def _type(release: Release, resource: Resource) -> Iterator[Issue]:
    kind = resource.get("type")
    if kind == "special":
        yield _issue(
            "type", "What a special parameter means only its server can know: use another type.", "not-supported"
        )
    elif kind not in _KINDS:
        yield _issue("type", f"'{kind}' is no type of search parameters: use one of {', '.join(_KINDS)}.", "value")
    mode = resource.get("processingMode", resource.get("xpathUsage", "normal"))
    if mode != "normal":
        element = "processingMode" if "processingMode" in resource else "xpathUsage"
        said = f"Values are found as they are written, not {mode}: leave {element} out, or take the status draft."
        yield _issue(element, said, "not-supported")
    if "constraint" in resource:
        said = "A constraint is not evaluated: write it into the expression, as in where(), or take the status draft."
        yield _issue("constraint", said, "not-supported")


def _base(release: Release, resource: Resource) -> Iterator[Issue]:
    known = registry.resource_types(release)
    for element in ("base", "target"):
        for at, name in enumerate(resource.get(element, ())):
            if name not in known and not (name in _ABSTRACT and element == "base") and name != "Resource":
                said = f"FHIR {VERSIONS[release]} has no resource type '{str(name)[:80]}': name one that it has."
                yield _issue(f"{element}[{at}]", said, "value")


def _expression(release: Release, resource: Resource) -> Iterator[Issue]:
    expression = resource.get("expression")
    if not expression:
        yield _issue("expression", "Without an expression nothing is found: give one in FHIRPath.", "required")
        return
    try:
        parse(expression)
    except NotUnderstood:
        yield _issue("expression", f"'{str(expression)[:200]}' is no FHIRPath: correct it.")


def _components(resource: Resource, urls: Collection[str]) -> Iterator[Issue]:
    rows = resource.get("component", [])
    if resource.get("type") == "composite" and len(rows) < 2:
        yield _issue(
            "component", "A composite has two components or more: name the parameters that it joins.", "required"
        )
    for at, row in enumerate(rows if resource.get("type") == "composite" else ()):
        place, url = f"component[{at}]", str(row.get("definition", "")).partition("|")[0]
        if url not in urls:
            said = f"'{url[:200]}' is no search parameter in use here: create that one first."
            yield _issue(f"{place}.definition", said, "not-found")
        try:
            parse(row.get("expression", ""))
        except NotUnderstood:
            said = f"'{str(row.get('expression'))[:200]}' is no FHIRPath: correct it."
            yield _issue(f"{place}.expression", said)


def kind_of(resource: Resource) -> tuple[Kind, frozenset[str]] | None:
    """The kind and the targets of a definition; None when it has no kind that is known."""
    kind = _KINDS.get(str(resource.get("type")))
    return (kind, _targets(resource)) if kind else None


def _targets(resource: Resource) -> frozenset[str]:
    targets = frozenset(resource.get("target", ()))
    return frozenset() if "Resource" in targets else targets


def definition(resource: Resource) -> SearchParameter:
    """The parameter of a definition of a known kind; without an expression it finds nothing."""
    rows = resource.get("component", ()) if resource["type"] == "composite" else ()
    components = tuple((str(row.get("definition")).partition("|")[0], str(row.get("expression"))) for row in rows)
    code, kind, expression = str(resource.get("code")), _KINDS[resource["type"]], resource.get("expression", "")
    return SearchParameter(code, kind, expression, str(resource.get("url")), _targets(resource), components)


def bases(release: Release, resource: Resource) -> list[str]:
    """The resource types that a definition is for."""
    wanted = set(resource.get("base", ()))
    return [each for each in sorted(registry.resource_types(release)) if wanted & ancestry(release, each)]


# -- in each type ------------------------------------------------------------------------------------------------------


def leads(release: Release, parameter: SearchParameter, types: Collection[str], kinds: Kinds) -> None:
    """Raises Unusable when the parameter finds nothing in one of these types that can be searched for."""
    problems: dict[str, list[str]] = {}
    for type_ in types:
        said = _problem(release, parameter, type_, kinds)
        if said:
            problems.setdefault(said, []).append(type_)
    if problems:
        raise Unusable(_issue("expression", f"In {listed(types)} {said}") for said, types in problems.items())


def _problem(release: Release, parameter: SearchParameter, type_: str, kinds: Kinds) -> str | None:
    """Why a type cannot have a parameter, as the end of a sentence."""
    try:
        built = build(release, type_, parameter, kinds)
    except (NotUnderstood, RecursionError):
        return f"'{parameter.expression[:200]}' cannot be evaluated: write it more simply."
    if not built.branches:
        return f"'{parameter.expression[:200]}' leads to nothing: name elements of that type, or leave it out of base."
    if (type_, "member") == MEMBERS and "member" in _names(parse(parameter.expression)):
        return "members are kept apart from their Group: search them by its own parameter 'member'."
    if parameter.kind == "composite":
        return _of_composite(built)
    if not fitting(built).branches:
        found = sorted({branch.type for branch in built.branches})
        return (
            f"it leads to {listed(found)}, which cannot be searched by as a {parameter.kind}: that takes "
            f"{', '.join(TAKES[parameter.kind][:6])} and their like."
        )
    return None


def _of_composite(built: Parameter) -> str | None:
    for part in composite.parts(built):
        if not fitting(part).branches:
            return (
                f"the component '{part.definition.expression[:200]}' leads to nothing that its definition could find."
            )
    if not composite.supported(built):
        return (
            "its components cannot be searched by together: one date, number, quantity or string among them, at most."
        )
    return None


def _names(tree: Path) -> set[str]:
    """All element names of an expression."""
    match tree:
        case Name(name):
            return {name}
        case Dot(left, name):
            return _names(left) | {name}
        case Call(left, _, arguments):
            return set().union(*(_names(each) for each in (*arguments, *((left,) if left else ()))))
        case Infix(_, left, right) | Index(left, right):
            return _names(left) | _names(right)
    return set()


# -- equal definitions -------------------------------------------------------------------------------------------------


def same(release: Release, type_: str, one: SearchParameter, other: SearchParameter) -> bool:
    """Whether two definitions find the same in a type."""
    if (one.kind, len(one.components)) != (other.kind, len(other.components)):
        return False
    if not _alike(release, type_, one.expression, other.expression):
        return False
    return all(
        url == its_url and _members(expression) == _members(its_expression)
        for (url, expression), (its_url, its_expression) in zip(one.components, other.components, strict=True)
    )


def _alike(release: Release, type_: str, one: str, other: str) -> bool:
    try:
        if _within(release, type_, one) == _within(release, type_, other):
            return True
        # Written differently, but the same elements: closures of where() are never equal.
        branches = {frozenset(paths.compiled(release, type_, each)) for each in (one, other)}
    except NotUnderstood:
        return False
    return len(branches) == 1


def _within(release: Release, type_: str, expression: str) -> frozenset[Path]:
    """The parts of a union that concern a type."""
    return frozenset(each for each in _members(expression) if _concerns(release, type_, each))


def _concerns(release: Release, type_: str, tree: Path) -> bool:
    head = tree
    while (left := _left(head)) is not None:
        head = left
    if not isinstance(head, Name) or not head.name[0].isupper():
        return True
    return head.name in ancestry(release, type_) or head.name in ("CanonicalResource", "MetadataResource")


def _left(tree: Path) -> Path | None:
    match tree:
        case Dot(left, _) | Call(left, _, _) | Infix(_, left, _) | Index(left, _):
            return left
    return None


@lru_cache(4096)
def _members(expression: str) -> frozenset[Path]:
    """The parts of a union, each in one way of writing it."""
    return frozenset(_union(parse(expression))) if expression else frozenset()


def _union(tree: Path) -> Iterator[Path]:
    match tree:
        case Infix("|", left, right):
            yield from _union(left)
            yield from _union(right)
        case _:
            yield _one_way(tree)


def _one_way(tree: Path) -> Path:
    """'x as T', 'x.as(T)' and 'x.ofType(T)' are the same here."""
    match tree:
        case Infix("as", left, right) | Call(left, "as" | "ofType", (right,)):
            return Call(_one_way(left) if left else None, "ofType", (right,))
        case Dot(left, name):
            return Dot(_one_way(left), name)
        case Call(left, function, arguments):
            return Call(_one_way(left) if left else None, function, tuple(_one_way(each) for each in arguments))
        case Infix(operator, left, right):
            return Infix(operator, _one_way(left), _one_way(right))
    return tree
