"""A cursor over decoded JSON that never raises on odd types and remembers what nobody asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from fhirserver.errors import BadRequest, Issue
from fhirserver.fhirjson import interval
from fhirserver.mappers.parts import Moment, Text, Value
from fhirserver.mappers.readers.plain import one_line, plain, visible

_WHOLE = 2**31


class Node:
    """One JSON object of a record; its methods take a member by name, typed or not at all."""

    __slots__ = ("_children", "_data", "_issues", "_listed", "_named", "_taken", "path")

    def __init__(self, data: dict[str, Any], path: str, issues: list[Issue]) -> None:
        self._data = data
        self._issues = issues
        self._taken: set[str] = set()
        self._children: list[Node] = []
        self._named: dict[str, Node] = {}
        self._listed: dict[str, list[Node]] = {}
        self.path = path

    def _take(self, name: str, kind: type | tuple[type, ...], what: str) -> Any:
        self._taken.add(name)
        value = self._data.get(name)
        if value is None:
            return None
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            self._odd(name, what, value)
            return None
        return value

    def _odd(self, name: str, what: str, value: Any) -> None:
        found = {dict: "an object", list: "a list", str: "text", bool: "true or false"}.get(type(value), "a number")
        self._issues.append(
            Issue("warning", "value", f"Expected {what}, found {found}; the value was left out.", (self.at(name),))
        )

    @property
    def empty(self) -> bool:
        """Whether it has no members, or is not there."""
        return not self._data

    def at(self, name: str) -> str:
        """The path of a member."""
        return f"{self.path}.{name}" if self.path else name

    def _node(self, data: dict[str, Any], path: str) -> Node:
        node = Node(data, path, self._issues)
        self._children.append(node)
        return node

    def child(self, name: str) -> Node:
        """An object, empty where there is none; the same one each time."""
        found = self._named.get(name)
        if found is None:
            found = self._named[name] = self._node(self._take(name, dict, "an object") or {}, self.at(name))
        return found

    def children(self, name: str) -> list[Node]:
        """A list of objects, the same ones each time."""
        if name in self._listed:
            return self._listed[name]
        found = self._listed[name] = []
        for position, item in enumerate(self._take(name, list, "a list") or ()):
            if isinstance(item, dict):
                found.append(self._node(item, f"{self.at(name)}[{position}]"))
            else:
                self._odd(f"{name}[{position}]", "an object", item)
        return found

    def text(self, name: str) -> Text | None:
        """Prose, its lines kept."""
        value = plain(self._take(name, str, "text") or "")
        return Value(value, self.at(name)) if value else None

    def line(self, name: str) -> str | None:
        """A name, on one line."""
        return one_line(self._take(name, str, "text") or "") or None

    def lines(self, name: str) -> tuple[Text, ...]:
        """A list of names."""
        found = []
        for position, item in enumerate(self._take(name, list, "a list") or ()):
            if not isinstance(item, str):
                self._odd(f"{name}[{position}]", "text", item)
            elif value := one_line(item):
                found.append(Value(value, f"{self.at(name)}[{position}]"))
        return tuple(found)

    def title(self, name: str) -> Text | None:
        """A name with its path."""
        value = self.line(name)
        return Value(value, self.at(name)) if value else None

    def prose(self, name: str) -> str | None:
        """Prose without its path."""
        return plain(self._take(name, str, "text") or "") or None

    def said(self, name: str) -> str | None:
        """What is no markdown, word for word: a backslash is one."""
        return visible(self._take(name, str, "text") or "") or None

    def rows(self, name: str, columns: Mapping[str, type], prose: Collection[str] = ()) -> list[list[Any]]:
        """A list of small objects, of which there may be thousands: the members named by `columns`, text or numbers."""
        found = []
        for position, item in enumerate(self._take(name, list, "a list") or ()):
            if not isinstance(item, dict):
                self._odd(f"{name}[{position}]", "an object", item)
            elif item.keys() <= columns.keys() and all(_fits(item[key], columns[key]) for key in item):
                found.append([_cell(key, item.get(key), prose) for key in columns])
            else:
                node = self._node(item, f"{self.at(name)}[{position}]")
                found.append([node._column(key, kind, prose) for key, kind in columns.items()])
        return found

    def _column(self, name: str, kind: type, prose: Collection[str]) -> Any:
        if kind is int:
            return self.count(name)
        return self.prose(name) if name in prose else self.said(name)

    def flag(self, name: str) -> Value[bool] | None:
        """True or false."""
        value = self._take(name, bool, "true or false")
        return None if value is None else Value(value, self.at(name))

    def count(self, name: str) -> int | None:
        """A whole number from 0 up."""
        value = self._take(name, int, "a whole number")
        if value is not None and not 0 <= value < _WHOLE:
            self._odd(name, "a whole number from 0 up", value)
            return None
        return value if value is None else int(value)

    def number(self, name: str) -> Decimal | int | None:
        """A number, every digit kept."""
        value = self._take(name, (int, Decimal), "a number")
        return value if isinstance(value, Decimal | int) else None

    def date(self, name: str) -> str | None:
        """A date, partial or whole; what is none is reported."""
        value = self.line(name)
        if value is None:
            return None
        value = value[:10] if "T" in value else value
        try:
            interval(value)
        except BadRequest:
            self._issues.append(Issue("warning", "value", f"'{value}' is no date; it was left out.", (self.at(name),)))
            return None
        return value

    def moment(self, name: str) -> Moment | None:
        """A date with its type: {date, type: ACTUAL | ESTIMATED}."""
        struct = self.child(name)
        date = struct.date("date")
        kind = struct.line("type")
        return Moment(date, {"ACTUAL": True, "ESTIMATED": False}.get(kind or ""), struct.at("date")) if date else None

    def same(self, name: str, other: str) -> Text | None:
        """The path of a member that says the very same as another, which then need not be read."""
        if name not in self._data or self._data[name] != self._data.get(other):
            return None
        self._taken.add(name)
        return Value(name, self.at(name))

    def rest(self) -> list[str]:
        """The members that nobody took, and the objects that may have such, in the record's order."""
        known = self._named.keys() | self._listed.keys()
        return [name for name in self._data if name not in self._taken or name in known]

    def peek(self, name: str) -> Any:
        """A member as it stands, still to be read."""
        return self._data.get(name)

    def kind(self, name: str) -> type:
        """What a member is, unread."""
        return type(self._data.get(name))

    def holds_objects(self, name: str) -> bool:
        """Whether a member is a list with an object in it."""
        found = self._data.get(name)
        return isinstance(found, list) and any(isinstance(one, dict) for one in found)

    def held(self, name: str) -> list[Any]:
        """A list of texts and numbers as it stands; anything else in it is reported."""
        found = []
        for position, item in enumerate(self._take(name, list, "a list") or ()):
            if isinstance(item, dict | list | None):
                self._odd(f"{name}[{position}]", "text or a number", item)
            else:
                found.append(item)
        return found

    def scalar(self, name: str) -> Any:
        """A text, a number or a truth value, whichever it is."""
        self._taken.add(name)
        value = self._data.get(name)
        return value if isinstance(value, str | int | Decimal) else None

    def skip(self, *names: str) -> None:
        """Marks members as said elsewhere in the record."""
        self._taken.update(names)

    def unread(self) -> list[Issue]:
        """One information a kind of member that nobody took, with the number of places it stands in."""
        places: Counter[str] = Counter()
        first: dict[str, str] = {}
        todo = [self]
        while todo:
            node = todo.pop()
            todo.extend(node._children)
            for name in node._data.keys() - node._taken:
                if node._data[name] in (None, "", [], {}):
                    continue
                path = node.at(name)
                pattern = "".join(part.partition("]")[2] if i else part for i, part in enumerate(path.split("[")))
                places[pattern] += 1
                first.setdefault(pattern, path)
        return [
            Issue(
                "information",
                "not-supported",
                f"'{pattern}' has no place in the resources yet and was left out"
                + (f" ({count} places, the last of them named here)." if count > 1 else "."),
                (first[pattern],),
                "not-mapped",
            )
            for pattern, count in sorted(places.items())
        ]


def _fits(value: Any, kind: type) -> bool:
    return 0 <= value < _WHOLE if kind is int and type(value) is int else type(value) is kind


def _cell(name: str, value: Any, prose: Collection[str]) -> Any:
    if not isinstance(value, str):
        return value
    return (plain(value) if name in prose else visible(value)) or None
