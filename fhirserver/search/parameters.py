"""The search parameters of a type, each with its compiled branches and what they tell about its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from types import MappingProxyType
from typing import Any, get_args

from fhirserver.releases import converted
from fhirserver.resources import registry
from fhirserver.resources.fhirpath.syntax import NotUnderstood
from fhirserver.resources.lens_parameters import DIRECT, EQUAL
from fhirserver.resources.own_parameters import Own
from fhirserver.resources.registry import Kind, Release, has_lens, stored_release
from fhirserver.search import computed, evaluated, paths
from fhirserver.search.added import Additions, Kinds, additions

_EXACT = frozenset({"code", "id", "boolean", "uri", "url", "canonical", "oid", "uuid"})
_SYSTEMLESS = _EXACT | {"ContactPoint", "string", "markdown", "integer", "positiveInt", "unsignedInt", "decimal"}
_POINTS = frozenset({"instant", "decimal", "integer", "integer64", "unsignedInt", "positiveInt", "Money"})

_URIS = ("uri", "url", "canonical", "oid", "uuid")
_TEXTS = ("string", "markdown", "code", "id", *_URIS)
_QUANTITIES = ("Quantity", "Age", "Count", "Distance", "Duration", "MoneyQuantity", "SimpleQuantity")
_NUMBERS = ("decimal", "integer", "integer64", "positiveInt", "unsignedInt")
_DATES = ("date", "dateTime", "instant")
_NAMED = ("CodeableConcept", "Coding", "Identifier", "ContactPoint")

TAKES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "token": (
            *_NAMED,
            "CodeableReference",
            "Quantity",
            "Extension",
            "boolean",
            *_TEXTS,
            *_NUMBERS,
            *_DATES,
            "time",
        ),
        "string": (*_TEXTS, "HumanName", "Address", "Annotation", *_NAMED, "Reference", "Extension", *_DATES, "time"),
        "reference": ("Reference", "CodeableReference", "canonical", "uri", "url", "Attachment", "Extension"),
        "date": (*_DATES, "Period", "Timing", "Extension"),
        "number": (*_NUMBERS, "Range"),
        "quantity": (*_QUANTITIES, "Money", "Range", "SampledData"),
        "uri": _URIS,
    }
)
"""The FHIR types of values that a parameter of a kind can be searched by."""

CONTENT, NARRATIVE = "_content", "_text"
TEXTS = frozenset({CONTENT, NARRATIVE})
"""The parameters that search the texts of a resource, whatever its type; they have no expression."""

_KINDS: Mapping[str, Kind] = MappingProxyType({kind: kind for kind in get_args(Kind)})
_KIND_OF: Mapping[str, Kind] = MappingProxyType(
    {
        **dict.fromkeys(("date", "dateTime", "instant", "Period", "Timing"), "date"),
        **dict.fromkeys(("Quantity", "Age", "Duration", "Money", "Range"), "quantity"),
        **dict.fromkeys(("decimal", "integer", "positiveInt", "unsignedInt"), "number"),
        **dict.fromkeys(("Reference", "canonical"), "reference"),
        **dict.fromkeys(("string", "markdown"), "string"),
    }
)


@dataclass(frozen=True, eq=False)
class Parameter:
    """A search parameter of one type in one release.

    `components` holds, for each branch of a composite, the parameters of its parts with that branch as their focus.
    `union` names the parameters of the type that together are this one, which then needs no postings of its own:
    combo-code is code and component-code, phonetic is name. `name` is what who asks calls it, where the index knows it
    by another code.
    """

    release: Release
    base: str
    code: str
    kind: Kind
    branches: paths.Branches
    definition: registry.SearchParameter
    components: tuple[tuple[Parameter, ...], ...] = ()
    union: tuple[str, ...] = ()
    name: str = ""

    @property
    def called(self) -> str:
        """Its name, for sentences and for what goes by names."""
        return self.name or self.code

    @cached_property
    def types(self) -> frozenset[str]:
        """The FHIR types of its values."""
        return frozenset(branch.type for branch in self.branches)

    @cached_property
    def fold(self) -> bool:
        """Whether its tokens compare without case."""
        return not self.types <= _EXACT

    @cached_property
    def bare(self) -> bool:
        """Whether none of its values can have a system."""
        return self.types <= _SYSTEMLESS

    @cached_property
    def wide(self) -> bool:
        """Whether its ranges may be more than points."""
        return not self.types <= _POINTS

    @cached_property
    def shape(self) -> tuple[object, ...]:
        """What two parameters with the same values have the same."""
        if not self.components:
            return self.branches
        pairs = zip(self.branches, self.components, strict=True)
        return tuple((branch, tuple((c.kind, c.branches) for c in row)) for branch, row in pairs)

    @property
    def view(self) -> Release | None:
        """The release as whose form it reads a resource, if that is not the one that is stored."""
        return self.definition.view

    def values(self, resource: dict[str, Any]) -> list[tuple[str, Any]]:
        """(FHIR type, value) of all it finds in a resource as it is stored."""
        if self.view is not None:
            resource = converted(resource, stored_release(self.view, self.base), self.view)
        return [(b.type, value) for b in self.branches for value in paths.select(b, resource, resource)]


def parameters(release: Release, type_: str) -> Mapping[str, Parameter]:
    """Code → parameter that a type is indexed by; those without an expression (_filter, _has …) are not among them.

    A type that is stored in one form for all releases is indexed by the parameters of that form's release, and by
    those of another that say something else: the latter under codes of their own. Who asks by names of a release:
    search/named.py.
    """
    more = additions(release, type_)
    return standard(release, type_) if more is None else _extended(stored_release(release, type_), type_, more)


@lru_cache(1024)
def _extended(release: Release, type_: str, more: Additions) -> Mapping[str, Parameter]:
    added = {each.code: fitting(build(each.view or release, type_, each, more.kinds)) for each in more.definitions}
    # A parameter of the release stays what it is, whatever was added beside it.
    return {**standard(release, type_), **added}


def fitting(parameter: Parameter) -> Parameter:
    """The parameter without values that its kind cannot be searched by: an extension's may be of fifty types."""
    taken = TAKES.get(parameter.kind)
    if taken is None:
        return parameter
    return replace(parameter, branches=tuple(b for b in parameter.branches if b.type in taken))


@cache
def standard(release: Release, type_: str) -> Mapping[str, Parameter]:
    """The parameters that a type is indexed by whatever was defined at run time; see `parameters`."""
    if not has_lens(type_):
        return of_release(release, type_)
    return {**of_release("R5", type_), **{each.code: each for each in views(type_).values()}}


@cache
def views(type_: str) -> Mapping[str, Parameter]:
    """R4's name → parameter, of those that find what no parameter of the stored form does."""
    same, direct = equal(type_), DIRECT.get(type_, frozenset())
    return {
        code: replace(
            each,
            code=viewed(code),
            name=code,
            union=(),
            definition=replace(each.definition, code=viewed(code), view=None if code in direct else "R4"),
        )
        for code, each in of_release("R4", type_).items()
        if code not in same and each.definition.own is None
    }


def viewed(code: str) -> str:
    """The code by which a parameter of R4's own is stored: no code of a definition has capitals."""
    return f"R4-{code}"


@cache
def equal(type_: str) -> Mapping[str, str]:
    """R4's name → code of the stored form's parameter that finds the same."""
    known, named = of_release("R5", type_), EQUAL.get(type_, {})
    found: dict[str, str] = {}
    for code, each in of_release("R4", type_).items():
        own = each.definition.own
        if own is not None:
            there = own.same or (code if own.stored else "")
        else:
            there = code if code.startswith("_") else named.get(code, "")
        if there in known:
            found[code] = there
    return found


@cache
def of_release(release: Release, type_: str) -> Mapping[str, Parameter]:
    """The parameters that a release gives a type, to be read from a resource in that release's form."""
    found: dict[str, Parameter] = {}
    for definition in registry.search_parameters(release, type_).values():
        if definition.own is not None and (definition.own.chain or definition.own.stored):
            found[definition.code] = _own(release, type_, definition, definition.own)
        elif definition.expression:
            found[definition.code] = build(release, type_, definition)
        elif definition.code in TEXTS:
            found.update(_text(release, type_, definition))
    for code, parameter in found.items():
        parts = _twin(parameter, found.values()) or _parts(parameter, found.values())
        if parts:
            found[code] = replace(parameter, union=parts)
    return found


def _alike(one: Parameter, other: Parameter) -> bool:
    return (other.kind, other.fold, other.bare, other.wide) == (one.kind, one.fold, one.bare, one.wide)


def _twin(one: Parameter, others: Iterable[Parameter]) -> tuple[str, ...]:
    """The first of the parameters with the very values of this one, if that is another: 'phonetic' is 'name'."""
    if one.kind in ("composite", "special", "uri") or not one.branches:
        return ()
    first = next(each for each in others if _alike(one, each) and each.branches == one.branches)
    return () if first is one else (first.code,)


def _own(release: Release, type_: str, definition: registry.SearchParameter, own: Own) -> Parameter:
    """A parameter of our own: with values that are worked out, or without any, for another resource has them."""
    if own.stored is None:
        return Parameter(release, type_, definition.code, "special", (), definition)
    found = computed.branches(release, type_, definition.code)
    return Parameter(release, type_, definition.code, _KINDS[own.stored], found, definition)


def _text(release: Release, type_: str, definition: registry.SearchParameter) -> Mapping[str, Parameter]:
    """The parameter of full text, whose value is the whole resource or its narrative, where the type has one."""
    branches: paths.Branches = (paths.Branch((), type_),)
    if definition.code == NARRATIVE:
        branches = paths.compiled(release, type_, "text")
    kept = tuple(branch for branch in branches if branch.type in (type_, "Narrative"))
    named = replace(definition, kind="special")
    return {named.code: Parameter(release, type_, named.code, "special", kept, named)} if kept else {}


def _parts(whole: Parameter, others: Iterable[Parameter]) -> tuple[str, ...]:
    """The parameters whose values together are exactly those of `whole`; none if there are no such."""
    wanted, parts = set(whole.shape), []
    if len(wanted) < 2 or whole.kind in ("string", "uri", "special"):
        return ()
    for other in others:
        if (
            _alike(whole, other)
            and not other.union
            and 0 < len(other.shape) < len(whole.shape)
            and set(other.shape) <= wanted
        ):
            parts.append(other.code)
            wanted -= set(other.shape)
    return tuple(parts) if not wanted else ()


def build(
    release: Release, type_: str, definition: registry.SearchParameter, kinds: Kinds = MappingProxyType({})
) -> Parameter:
    """The parameter of a definition, whose components may name those of `kinds`; NotUnderstood for no FHIRPath."""
    branches = _branches(release, type_, definition.expression, definition.kind)
    components = tuple(
        tuple(_component(release, branch.type, url, expression, kinds) for url, expression in definition.components)
        for branch in branches
        if definition.kind == "composite"
    )
    return Parameter(release, type_, definition.code, definition.kind, branches, definition, components)


def _branches(release: Release, type_: str, expression: str, kind: Kind) -> paths.Branches:
    try:
        return paths.compiled(release, type_, expression)
    except NotUnderstood:
        return evaluated.branches(release, type_, expression, TAKES.get(kind, ()))


def _component(release: Release, focus: str, url: str, expression: str, kinds: Kinds) -> Parameter:
    known = by_url(release).get(url) or kinds.get(url)
    branches = _branches(release, focus, expression, known[0] if known else "token")
    if known:
        kind, targets = known
    else:  # The definition names a parameter that no type has: its values tell what it is.
        kind = next((_KIND_OF[branch.type] for branch in branches if branch.type in _KIND_OF), "token")
        targets = frozenset()
    definition = registry.SearchParameter(url.rsplit("/", 1)[-1], kind, expression, url, targets)
    return Parameter(release, focus, definition.code, kind, branches, definition)


@cache
def by_url(release: Release) -> Kinds:
    """The parameters that a release defines."""
    return {
        definition.url: (definition.kind, definition.targets)
        for type_ in sorted(registry.resource_types(release))
        for definition in registry.search_parameters(release, type_).values()
    }
