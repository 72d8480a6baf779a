"""What happens to a group of elements that differ: changed with what is known of their earlier form, and kept exactly.

A form is the properties of those elements in one release. Whatever does not come back from its changed form is kept
beside it, in cross-version extensions; what an extension says counts only while it still agrees with the elements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fhirserver.releases.parts import Change, Node, Walk
from fhirserver.releases.values import same

Kept = dict[str, Node | None]
"""Element → its properties in the release that an extension speaks of; None where it had none."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A group of elements: names in either release, and the change each way."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    forward: Change
    backward: Change
    always: bool
    """Whether the target needs an element of the group even where the source has none."""
    settled: frozenset[str] = frozenset()
    """Codes that stay the same in either direction, where one coded element becomes another of its name."""
    quiet: Mapping[str, Callable[[Any], bool]] = field(default_factory=dict)
    """Property → whether a value is converted as a value of its type and nothing more, where the names are the same."""


def exchanged(exchange: Exchange, mine: Node, kept: Kept, there: Walk, back: Walk) -> tuple[Node, Kept]:
    """(the form in the target, what of `mine` must be kept in extensions); `kept` is what earlier extensions held."""
    made = exchange.forward(mine, {}, there)
    if kept:
        before = made
        for name, form in kept.items():
            before = without(before, name) | (form or {})
        if same(exchange.backward(before, {}, back), mine):
            return before, {}
        changed = exchange.forward(mine, before, there)
        if same(exchange.backward(changed, {}, back), mine):
            return changed, {}
    again = exchange.backward(made, {}, back)
    if same(again, mine):
        return made, {}
    lost: Kept = {}
    for name in exchange.source:
        form = of(mine, name)
        if not same(of(again, name), form):
            lost[name] = form or None
    return made, lost


def of(node: Node, name: str) -> Node:
    """The properties of one element."""
    return {key: node[key] for key in (name, "_" + name) if key in node}


def without(node: Node, name: str) -> Node:
    """All but the properties of one element."""
    return {key: value for key, value in node.items() if key not in (name, "_" + name)}
