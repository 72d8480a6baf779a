"""Elements that are open while XML is read, and how each becomes a JSON property of the one around it.

https://hl7.org/fhir/R5/json.html#primitive
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhirserver.resources.xml.layout import Slot


class Frame:
    """One open element: `out` becomes its JSON object, for a primitive that of its sibling."""

    __slots__ = ("_sparse", "depth", "last", "order", "out", "parent", "places", "slot", "value")

    def __init__(self, parent: Frame | None, slot: Slot, places: Mapping[str, Slot]) -> None:
        self.parent = parent
        self.slot = slot
        self.places = places
        self.out: dict[str, Any] = {}
        self.value: Any = None
        self.order = -1
        self.last = ""
        # Objects and arrays of JSON down to here; a container is none of its own.
        self.depth: int = 1 if parent is None else parent.depth + (slot.kind != "root") + slot.many
        self._sparse: set[str] = set()

    def has(self, name: str) -> bool:
        """Whether a child of that name was there already."""
        return name in self.out or f"_{name}" in self.out

    def path(self) -> str:
        """The element's FHIRPath, such as Patient.contact[0].name."""
        if self.parent is None:
            return ""
        return self.parent.child_path(self.slot)

    def child_path(self, slot: Slot) -> str:
        """The FHIRPath of the child that is read now or comes next; a resource in another adds no step."""
        own = self.path()
        if slot.kind == "root":
            return own or slot.name
        if not slot.many:
            return own + slot.step
        number = max(len(self.out.get(slot.name, ())), len(self.out.get(f"_{slot.name}", ())))
        return f"{own}{slot.step}[{number}]"

    def close(self) -> None:
        """Puts what was read into the parent."""
        parent, slot = self.parent, self.slot
        assert parent is not None
        for name in self._sparse:
            if all(value is None for value in self.out[name]):
                del self.out[name]
        match slot.kind:
            case "root":
                parent.out = self.out
            case "primitive":
                parent.put_primitive(slot, self.value, self.out)
            case "xhtml":
                parent.out[slot.name] = self.value
            case _:
                if slot.many:
                    parent.out.setdefault(slot.name, []).append(self.out)
                else:
                    parent.out[slot.name] = self.out

    def put_primitive(self, slot: Slot, value: Any, sibling: dict[str, Any]) -> None:
        """A value and its id and extensions; in arrays nulls keep the two side by side."""
        name = slot.name
        if not slot.many:
            if value is not None:
                self.out[name] = value
            if sibling:
                self.out[f"_{name}"] = sibling
            return
        values = self.out.setdefault(name, [])
        values.append(value)
        if value is None:
            self._sparse.add(name)
        beside = f"_{name}"
        if sibling or beside in self.out:
            self.out.setdefault(beside, [None] * (len(values) - 1)).append(sibling or None)
