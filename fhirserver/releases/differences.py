"""What is done with an object in which something differs between the releases.

https://hl7.org/fhir/R5/versions.html. What the tables or the declared parts say differs is exchanged; the rest travels
as cross-version extensions. Content that has no FHIR shape is left where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirserver.releases.crossing import PREFIX, Convert, Converter, value_property, valued, written
from fhirserver.releases.exchanges import Kept, exchanged, of
from fhirserver.releases.fillers import NOTHING, filler
from fhirserver.releases.parts import Node, Walk
from fhirserver.releases.planning import Plan
from fhirserver.releases.reading import element_named, read, restored, tagged
from fhirserver.releases.values import Odd, items, properties, same
from fhirserver.resources.registry import Element, Release, is_primitive


class Differences:
    """The conversion of the objects of one structure in which something differs.

    `steps` converts the values of the properties that both releases have; `there` converts those of a data type,
    `walk` and `walk_back` those of any structure, each way.
    """

    def __init__(
        self,
        source: Release,
        target: Release,
        made: Plan,
        steps: Mapping[str, Converter],
        there: Convert,
        walk: Walk,
        walk_back: Walk,
    ) -> None:
        self._source, self._target, self._plan, self._steps = source, target, made, steps
        self._there, self._walk, self._walk_back = there, walk, walk_back
        self.prefix = f"{PREFIX[target]}{made.other.name}."
        self.claims: dict[str, int | str] = {}
        # The value of an extension stays in it, see _value.
        for name in () if made.name.name == "Extension" else (*made.lost, *made.recounted):
            self.claims[name] = self.claims["_" + name] = name
        for at, exchange in enumerate(made.exchanges):
            for name in exchange.source:
                self.claims[name] = self.claims["_" + name] = at
        self._always = [at for at, exchange in enumerate(made.exchanges) if exchange.always]
        self._extension = made.name.name == "Extension"
        self._filled_in = {name: filler(target, name, element) for name, element in made.filled.items()}
        self._filled_before = {name: filler(source, name, made.name.elements[name]) for name in made.dropped}
        self.unknown = {name: form for name, form in self._filled_in.items() if name in made.kept} | self._filled_before

    def convert(self, node: Any) -> Any:
        """The object in the target release, the same one if nothing differs."""
        if type(node) is not dict:
            return node
        out: Node = {}
        same_ = True
        lost: list[str] = []
        mine: dict[int, Node] = {}
        steps, claims = self._steps, self.claims
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
        if lost or mine or kept or self._always or self._plan.filled or self._plan.dropped:
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
                if type(url) is str and url.startswith(self.prefix) and self._read(one, url, kept):
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
        if (sibling if value is None else value) == NOTHING:
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
        for name, form in self._filled_before.items():
            if same(of(node, name), form):
                for key in (name, "_" + name):
                    out.pop(key, None)
                    for each in mine.values():
                        each.pop(key, None)
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
                out |= filler(self._target, name, element)
                unchanged = False
            elif name in made.kept and same(of(node, name), self._filled_in[name]):
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
                none = (None, NOTHING) if is_primitive(self._source, element.type) else (NOTHING, None)
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
