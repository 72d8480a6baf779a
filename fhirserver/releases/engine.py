"""The conversion of each structure between releases, compiled from the tables of both when it is first met.

https://hl7.org/fhir/R5/versions.html. What both releases have stays as it is, the same objects; what the tables say
differs is mapped by the declared parts; the rest travels as cross-version extensions. Content that has no FHIR shape
is left where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from fhirserver.releases.crossing import (
    ABSENT,
    PREFIX,
    Converter,
    element_named,
    read,
    restored,
    tagged,
    value_property,
    valued,
    written,
)
from fhirserver.releases.exchanges import Kept, exchanged, of
from fhirserver.releases.parts import Node
from fhirserver.releases.planning import Plan, demanded, plan
from fhirserver.releases.values import Odd, items, properties, same
from fhirserver.resources.registry import Element, Release, has_lens, is_primitive, resource_types, structure

FILLER: Node = {"extension": [{"url": ABSENT, "valueCode": "unknown"}]}
"""What stands for a mandatory element of which nothing is known."""
_NOTHING: Node = {"extension": [{"url": ABSENT, "valueCode": "not-applicable"}]}
"""Says in a kept extension that the element was not there."""


def resource(source: Release, target: Release) -> Converter:
    """The conversion of a resource of any type; what has no lens stays as it is."""
    return _resource(source, target)


@cache
def _resource(source: Release, target: Release) -> Converter:
    compiled: dict[str, Converter] = {}

    def convert(value: Any) -> Any:
        if type(value) is not dict:
            return value
        kind = value.get("resourceType")
        if type(kind) is not str:
            return value
        inner = compiled.get(kind)
        if inner is None:
            if not has_lens(kind):
                return value
            inner = compiled[kind] = converter(source, target, kind, kind)
        return inner(value)

    return convert


@cache
def _contained(source: Release, target: Release) -> Converter:
    """The conversion of what is part of another resource: in either release it is of that release."""

    def convert(value: Any) -> Any:
        kind = value.get("resourceType") if type(value) is dict else None
        if (
            type(kind) is not str
            or kind in _CARRIERS
            or not {kind}.issubset(resource_types(source) & resource_types(target))
        ):
            return value
        return converter(source, target, kind, kind)(value)

    return convert


_CARRIERS = frozenset({"Bundle", "Parameters"})


@cache
def converter(source: Release, target: Release, name: str, other: str) -> Converter:
    """The conversion of objects of one structure into another: `name` in `source`, `other` in `target`."""
    if structure(source, name) is None or structure(target, other) is None:
        return _same
    compiled: list[Converter] = []

    def first(value: Any) -> Any:
        # Structures hold each other in circles, so each is compiled when the first object comes by.
        if not compiled:
            compiled.append(_Structure(source, target, plan(source, target, name, other)).convert)
        return compiled[0](value)

    return first


def _same(value: Any) -> Any:
    return value


def _each(convert: Converter) -> Converter:
    def values(value: Any) -> Any:
        if type(value) is not list:
            return convert(value)
        made = [convert(one) for one in value]
        return value if all(one is other for one, other in zip(made, value, strict=True)) else made

    return values


@cache
def typed(source: Release, target: Release) -> Callable[[str], Converter]:
    """Type → the conversion of its values."""
    return cache(lambda name: resource(source, target) if name == "Resource" else converter(source, target, name, name))


def filler(release: Release, name: str, element: Element) -> Node:
    """The properties of a mandatory element of which nothing is known, those inside it that are mandatory too."""
    if is_primitive(release, element.type):
        return properties(name, [(None, FILLER)], element.many)
    found = structure(release, element.type) if "." in element.type else None
    inner: Node = {}
    for each in demanded(found) if found is not None else ():
        inner |= filler(release, each.name, each)
    return properties(name, [(inner or FILLER, None)], element.many)


class _Structure:
    """The conversion of one structure."""

    def __init__(self, source: Release, target: Release, made: Plan) -> None:
        self._source, self._target, self._plan = source, target, made
        self._there, self._back = typed(source, target), typed(target, source)
        self._prefix = f"{PREFIX[target]}{made.other.name}."
        self._steps: dict[str, Converter] = {}
        for name, element in made.kept.items():
            if is_primitive(source, element.type):
                self._steps["_" + name] = _each(self._there("Element"))
            else:
                inner = (
                    converter(source, target, element.type, made.other.elements[name].type)
                    if element.type != "Resource"
                    else _contained(source, target)
                    if name == "contained"
                    else self._there("Resource")
                )
                self._steps[name] = _each(inner)
        self._steps.pop("extension", None)
        self._steps.pop("modifierExtension", None)
        self._claims: dict[str, int | str] = {}
        # The value of an extension stays in it, see _value.
        for name in () if made.name.name == "Extension" else (*made.lost, *made.recounted):
            self._claims[name] = self._claims["_" + name] = name
        for at, exchange in enumerate(made.exchanges):
            for name in exchange.source:
                self._claims[name] = self._claims["_" + name] = at
        self._dropped = made.dropped
        self._loud = frozenset(self._steps) | frozenset(self._claims) | {"extension", "modifierExtension"}
        self._loud |= made.lost | {"_" + name for name in made.lost}
        self._fillable = self._dropped | {"_" + name for name in self._dropped}
        self._loud |= self._fillable
        self._always = [at for at, exchange in enumerate(made.exchanges) if exchange.always]
        self._restless = bool(self._always or made.filled)
        self._extension = made.name.name == "Extension"

    def convert(self, node: Any) -> Any:
        """The object in the target release, the same one if nothing differs."""
        if type(node) is not dict or (not self._restless and self._loud.isdisjoint(node)):
            return node
        out: Node = {}
        same_ = True
        lost: list[str] = []
        mine: dict[int, Node] = {}
        steps, claims = self._steps, self._claims
        for key, value in node.items():
            step = steps.get(key)
            if step is not None:
                new = step(value)
                if new is not value:
                    same_ = False
                out[key] = new
                continue
            claim = claims.get(key)
            if claim is None:
                out[key] = value
            elif isinstance(claim, str):
                if claim not in lost:
                    lost.append(claim)
            else:
                mine.setdefault(claim, {})[key] = value
        kept: dict[int | str, Kept] = {}
        added: list[Node] = []
        if "extension" in node or "modifierExtension" in node:
            same_ = self._extensions(node, out, kept) and same_
        if lost or mine or kept or self._restless or not self._fillable.isdisjoint(node):
            same_ = self._differences(node, out, lost, mine, kept, added) and same_
        if self._extension:
            made = self._value(node)
            return made if made is not node else node if same_ else out
        if added:
            present = out.get("extension")
            out["extension"] = [*present, *added] if isinstance(present, list) else added
            return out
        return node if same_ else out

    # -- extensions ----------------------------------------------------------------------------------------------------

    def _extensions(self, node: Node, out: Node, kept: dict[int | str, Kept]) -> bool:
        """Converts the extensions and takes out those that stand for elements; whether nothing changed."""
        unchanged = True
        inner = self._there("Extension")
        for key in ("extension", "modifierExtension"):
            present = node.get(key)
            if type(present) is not list:
                continue
            left = []
            for one in present:
                url = one.get("url") if type(one) is dict else None
                if type(url) is str and url.startswith(self._prefix) and self._read(one, url, kept):
                    unchanged = False
                    continue
                new = inner(one)
                unchanged = unchanged and new is one
                left.append(new)
            if left:
                out[key] = left
            elif present:
                del out[key]
        return unchanged

    def _read(self, extension: Node, url: str, kept: dict[int | str, Kept]) -> bool:
        made = self._plan
        path = url[len(PREFIX[self._target]) :].removesuffix("[x]")
        element = element_named(made.other, path.rpartition(".")[2])
        if element is None or path.rpartition(".")[0] != made.other.name:
            return False
        try:
            name, (value, sibling) = read(self._source, self._target, extension, element, self._there, path)
        except Odd:
            return False
        forms = kept.setdefault(made.claimed.get(name, name), {})
        if (sibling if value is None else value) == _NOTHING:
            forms.setdefault(name, None)
            return True
        form = forms.get(name) or {}
        many = made.other.elements[name].many
        primitive = is_primitive(self._target, made.other.elements[name].type)
        if form and not many:
            return False
        try:
            found = items(form, name, primitive) if form else []
        except Odd:
            return False
        forms[name] = properties(name, [*found, (value, sibling)], many)
        return True

    # -- elements that differ ------------------------------------------------------------------------------------------

    def _differences(
        self,
        node: Node,
        out: Node,
        lost: list[str],
        mine: dict[int, Node],
        kept: dict[int | str, Kept],
        added: list[Node],
    ) -> bool:
        made = self._plan
        unchanged = True
        for name in self._dropped:
            if same(of(node, name), self._filled(name)):
                for key in (name, "_" + name):
                    out.pop(key, None)
                    for form in mine.values():
                        form.pop(key, None)
                if name in lost:
                    lost.remove(name)
                unchanged = False
        for at in sorted({*mine, *(one for one in kept if type(one) is int), *self._always}):
            form = mine.get(at, {})
            try:
                new, rest = exchanged(made.exchanges[at], form, kept.get(at, {}), self._walk, self._walk_back)
                extra = self._kept(rest)
            except (Odd, TypeError, ValueError, KeyError, AttributeError, IndexError):
                out |= form
                continue
            if extra or not same(new, form):
                unchanged = False
            out |= new
            added += extra
        for name in lost:
            form = of(node, name)
            try:
                if name in made.recounted:
                    out |= self._recounted(name, form, kept.pop(name, {}).get(name), added)
                else:
                    added += self._kept({name: form})
                unchanged = False
            except Odd:
                out |= form
        for owner, forms in kept.items():
            if type(owner) is str:
                for name, known in forms.items():
                    if known and self._first(name, known, out):
                        unchanged = False
        for name, element in made.filled.items():
            if name not in out and "_" + name not in out and not self._chosen(element, out):
                out |= self._filler(name, element)
                unchanged = False
            elif name in made.kept and same(of(node, name), self._filler(name, element)):
                # The way back would take this for our own.
                added += self._kept({name: of(node, name)})
                unchanged = False
        return unchanged

    def _recounted(self, name: str, form: Node, known: Node | None, added: list[Node]) -> Node:
        """An element that repeats in one release alone: the first stands in the element, the rest is kept."""
        mine, theirs = self._plan.name.elements[name], self._plan.other.elements[name]
        primitive = is_primitive(self._source, mine.type)
        if any(isinstance(value, list) != mine.many for value in form.values()):
            raise Odd
        found = items(form, name, primitive)
        if not theirs.many:
            rest = self._kept({name: properties(name, found[1:], mine.many)}) if len(found) > 1 else []
            found = found[:1]
            added += rest
        if primitive:
            made = [(one, sibling and self._there("Element")(sibling)) for one, sibling in found]
        else:
            made = [(self._there(mine.type)(one), None) for one, _ in found]
        if theirs.many and known:
            made += items(known, name, primitive)
        return properties(name, made, theirs.many)

    def _first(self, name: str, known: Node, out: Node) -> bool:
        """Puts back an element that only an extension held; what the client writes beside it comes first."""
        if name in out or "_" + name in out:
            return False
        out |= known
        return True

    def _kept(self, forms: Kept) -> list[Node]:
        made: list[Node] = []
        if forms and "extension" not in self._plan.other.elements:
            raise Odd
        for name, form in forms.items():
            element = self._plan.name.elements[name]
            url = f"{PREFIX[self._source]}{self._plan.name.name}.{element.choice or name}"
            if form is None:
                none = (None, _NOTHING) if is_primitive(self._source, element.type) else (_NOTHING, None)
                made.append(written(self._source, self._target, url, element, none, self._there))
                continue
            value = form.get(name, form.get("_" + name))
            if isinstance(value, list) != element.many:
                raise Odd
            made += [
                written(self._source, self._target, url, element, item, self._there)
                for item in items(form, name, is_primitive(self._source, element.type))
            ]
        return made

    def _walk(self, name: str, value: Any, other: str | None = None) -> Any:
        return converter(self._source, self._target, name, other or name)(value)

    def _walk_back(self, name: str, value: Any, other: str | None = None) -> Any:
        return converter(self._target, self._source, name, other or name)(value)

    # -- mandatory elements --------------------------------------------------------------------------------------------

    def _filled(self, name: str) -> Node:
        return self._filler(name, self._plan.name.elements[name], self._source)

    def _filler(self, name: str, element: Element, release: Release | None = None) -> Node:
        return filler(release or self._target, name, element)

    def _chosen(self, element: Element, out: Node) -> bool:
        if not element.choice:
            return False
        names = self._plan.other.choices[element.choice]
        return any(name in out or "_" + name in out for name in names)

    # -- extensions themselves -----------------------------------------------------------------------------------------

    def _value(self, extension: Node) -> Node:
        """The value of an extension, where one release or the other has not its type."""
        try:
            if tagged(extension) is not None:
                return restored(self._source, self._target, extension, self._there)
            for key in extension:
                name = key.removeprefix("_")
                if name.startswith("value"):
                    element = self._plan.name.elements.get(name)
                    if element is not None and value_property(self._target, element.type) is None:
                        return valued(self._source, self._target, extension, element.type, self._there)
        except Odd:
            pass
        return extension
