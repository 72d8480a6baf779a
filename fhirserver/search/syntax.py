"""The part of FHIRPath that search parameters are written in, as a small frozen tree.

https://hl7.org/fhirpath/N1/#grammar and https://hl7.org/fhir/R5/searchparameter.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|(%?[A-Za-z_][A-Za-z0-9_]*)|(\d+)|(!=|[.()\[\]|,=]))")


class NotUnderstood(Exception):
    """The expression uses more of FHIRPath than this parser reads: the full engine has to evaluate it."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A string, a whole number or a boolean."""

    value: str | int | bool


@dataclass(frozen=True, slots=True)
class Name:
    """An element of the focus, or the type an expression starts at; `%resource` is the root."""

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
    position: int


@dataclass(frozen=True, slots=True)
class Infix:
    """left operator right; the operators are | and = != as is."""

    operator: str
    left: Path
    right: Path


Path = Literal | Name | Dot | Call | Index | Infix

_LEVELS: tuple[tuple[str, ...], ...] = (("and",), ("=", "!="), ("|",), ("is", "as"))
"""From the loosest to the tightest binding."""


def parse(expression: str) -> Path:
    """The tree of an expression."""
    tokens: list[tuple[str, str]] = []
    at = 0
    expression = expression.rstrip()
    while at < len(expression):
        match = _TOKEN.match(expression, at)
        if not match:
            raise NotUnderstood(expression)
        kind = ("text", "name", "number", "sign")[(match.lastindex or 1) - 1]
        tokens.append((kind, match[match.lastindex or 1]))
        at = match.end()
    reader = _Reader(tokens, expression)
    tree = reader.infix(0)
    if reader.at != len(tokens):
        raise NotUnderstood(expression)
    return tree


class _Reader:
    def __init__(self, tokens: list[tuple[str, str]], source: str) -> None:
        self.tokens, self.source, self.at = tokens, source, 0

    def peek(self, *values: str) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] in {(k, v) for k in ("sign", "name") for v in values}

    def take(self) -> tuple[str, str]:
        if self.at >= len(self.tokens):
            raise NotUnderstood(self.source)
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, sign: str) -> None:
        if self.take() != ("sign", sign):
            raise NotUnderstood(self.source)

    def infix(self, level: int) -> Path:
        if level == len(_LEVELS):
            return self.postfix()
        left = self.infix(level + 1)
        while self.peek(*_LEVELS[level]):
            operator = self.take()[1]
            left = Infix(operator, left, self.infix(level + 1))
        return left

    def postfix(self) -> Path:
        left = self.primary()
        while self.peek(".", "["):
            if self.take()[1] == "[":
                kind, value = self.take()
                if kind != "number":
                    raise NotUnderstood(self.source)
                self.expect("]")
                left = Index(left, int(value))
                continue
            kind, name = self.take()
            if kind != "name":
                raise NotUnderstood(self.source)
            left = Call(left, name, self.arguments()) if self.peek("(") else Dot(left, name)
        return left

    def primary(self) -> Path:
        kind, value = self.take()
        match kind, value:
            case "text", _:
                return Literal(re.sub(r"\\(.)", r"\1", value))
            case "number", _:
                return Literal(int(value))
            case "name", "true" | "false":
                return Literal(value == "true")
            case "name", _:
                return Call(None, value, self.arguments()) if self.peek("(") else Name(value)
            case "sign", "(":
                inner = self.infix(0)
                self.expect(")")
                return inner
        raise NotUnderstood(self.source)

    def arguments(self) -> tuple[Path, ...]:
        self.expect("(")
        found: list[Path] = []
        while not self.peek(")"):
            found.append(self.infix(0))
            if self.peek(","):
                self.take()
        self.expect(")")
        return tuple(found)
