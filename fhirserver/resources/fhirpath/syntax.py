"""FHIRPath expressions as a small frozen tree.

https://hl7.org/fhirpath/N1/#grammar
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal


class NotUnderstood(Exception):
    """The expression is no FHIRPath, or uses more of it than is known here."""


class Unknown(NotUnderstood):
    """It is FHIRPath by its grammar; a function or a variable is not known here."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a number or a boolean."""

    value: str | int | bool | Decimal


@dataclass(frozen=True, slots=True)
class Temporal:
    """A date, dateTime or time: the text behind '@', a time with its 'T'."""

    text: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A number with a unit: 4 'mg' or 4 days."""

    value: int | Decimal
    unit: str


@dataclass(frozen=True, slots=True)
class Empty:
    """The empty collection, {}."""


@dataclass(frozen=True, slots=True)
class Name:
    """An element of the focus, or the type an expression starts at; '%resource' and '$this' keep their sign."""

    name: str


@dataclass(frozen=True, slots=True)
class Dot:
    """left.name"""

    left: Path
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """left.function(arguments); `left` is None where the function applies to the focus."""

    left: Path | None
    function: str
    arguments: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Index:
    """left[position]"""

    left: Path
    position: Path


@dataclass(frozen=True, slots=True)
class Sign:
    """-operand or +operand"""

    operator: str
    operand: Path


@dataclass(frozen=True, slots=True)
class Infix:
    """left operator right; behind 'is' and 'as' stands the name of a type."""

    operator: str
    left: Path
    right: Path


Path = Literal | Temporal | Measure | Empty | Name | Dot | Call | Index | Sign | Infix

_LEVELS = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "!=", "~", "!~"),
    ("<", "<=", ">", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
_BINDING = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}
"""Operator → how tightly it binds; the loosest is 0."""
_SIGNED = len(_LEVELS) - 1
"""Operands of a sign bind tighter than all but paths."""

_UNITS = frozenset(
    f"{unit}{end}"
    for unit in ("year", "month", "week", "day", "hour", "minute", "second", "millisecond")
    for end in ("", "s")
)

_TOKEN = re.compile(
    r"""(?P<blank>(?:\s|//[^\n]*|/\*.*?\*/)+)
    |'(?P<text>(?:[^'\\]|\\.)*)'
    |(?P<moment>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?
        |\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?))
    |(?P<number>\d+(?:\.\d+)?)
    |(?P<variable>%(?:[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
    |(?P<name>[$]?[A-Za-z_][A-Za-z0-9_]*)
    |`(?P<quoted>(?:[^`\\]|\\.)*)`
    |(?P<sign>!=|!~|<=|>=|[.()\[\]{},=~<>|+\-*/&])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_CONTROL = {"f": "\f", "n": "\n", "r": "\r", "t": "\t"}


def parse(expression: str) -> Path:
    """The tree of an expression."""
    reader = _Reader(_tokens(expression), expression)
    try:
        tree = reader.infix(0)
    except RecursionError:
        raise NotUnderstood(f"nested too deeply: {expression[:80]}") from None
    if reader.at != len(reader.tokens):
        raise reader.failed()
    return tree


def _tokens(expression: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if match is None or match.lastgroup is None:
            raise NotUnderstood(expression)
        kind, value = match.lastgroup, match[match.lastgroup]
        if kind in ("text", "quoted"):
            value = _ESCAPE.sub(_unescaped, value)
        if kind != "blank":
            found.append((kind, value))
        at = match.end()
    return found


def _unescaped(match: re.Match[str]) -> str:
    sign = match[1]
    return chr(int(sign[1:], 16)) if len(sign) > 1 else _CONTROL.get(sign, sign)


class _Reader:
    """Recursive descent; infix operators by how tightly they bind."""

    def __init__(self, tokens: list[tuple[str, str]], source: str) -> None:
        self.tokens, self.source, self.at = tokens, source, 0

    def failed(self) -> NotUnderstood:
        return NotUnderstood(self.source)

    def next(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.next()
        self.at += 1
        return token

    def sign(self, *values: str) -> bool:
        kind, value = self.next()
        return kind == "sign" and value in values

    def expect(self, sign: str) -> None:
        if self.take() != ("sign", sign):
            raise self.failed()

    def infix(self, level: int) -> Path:
        left = self.prefix()
        while True:
            kind, operator = self.next()
            binding = _BINDING.get(operator, -1) if kind in ("sign", "name") else -1
            if binding < level:
                return left
            self.at += 1
            left = Infix(operator, left, self.infix(binding + 1))

    def prefix(self) -> Path:
        if self.sign("+", "-"):
            return Sign(self.take()[1], self.infix(_SIGNED + 1))
        return self.postfix()

    def postfix(self) -> Path:
        left = self.primary()
        while self.sign(".", "["):
            if self.take()[1] == "[":
                left = Index(left, self.infix(0))
                self.expect("]")
                continue
            kind, name = self.take()
            if kind not in ("name", "quoted"):
                raise self.failed()
            left = Call(left, name, self.arguments()) if self.sign("(") else Dot(left, name)
        return left

    def primary(self) -> Path:
        kind, value = self.take()
        match kind, value:
            case "text", _:
                return Literal(value)
            case "number", _:
                return self.number(Decimal(value) if "." in value else int(value))
            case "moment", _:
                return Temporal(value[1:])
            case "name", "true" | "false":
                return Literal(value == "true")
            case "variable", _:
                return Name("%" + value[1:].strip("`'"))
            case "name" | "quoted", _:
                return Call(None, value, self.arguments()) if self.sign("(") else Name(value)
            case "sign", "(":
                inner = self.infix(0)
                self.expect(")")
                return inner
            case "sign", "{":
                self.expect("}")
                return Empty()
        raise self.failed()

    def number(self, value: int | Decimal) -> Path:
        kind, unit = self.next()
        if kind == "text" or (kind == "name" and unit in _UNITS):
            self.at += 1
            return Measure(value, unit)
        return Literal(value)

    def arguments(self) -> tuple[Path, ...]:
        self.expect("(")
        found: list[Path] = []
        while not self.sign(")"):
            if found:
                self.expect(",")
            found.append(self.infix(0))
        self.expect(")")
        return tuple(found)
