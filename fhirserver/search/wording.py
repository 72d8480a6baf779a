"""What full text is asked for: words, "phrases", beginnings*, AND, OR, NOT and parentheses.

Words that stand side by side must all be there. The operators may be written small, as the specification's own example
does; between quotes they are words. https://hl7.org/fhir/R5/search.html#modifiertextstring
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fhirserver.errors import BadRequest
from fhirserver.search import prose
from fhirserver.search.ast import And, Node, Not, Or

MOST_WORDS = 50
"""Words and phrases of one value."""

_DEEPEST = 20

_TOKEN = re.compile(r'\s+|(?P<sign>[()])|"(?P<phrase>[^"]*)"(?P<begins>\*?)|(?P<open>")|(?P<word>[^\s()"]+)')

Sign = Literal["(", ")", "AND", "OR", "NOT"]
Leaf = Callable[[tuple[str, ...], bool], Node]
"""Makes the node of some words next to one another; true if the last of them may go on."""


@dataclass(frozen=True, slots=True)
class _Words:
    words: tuple[str, ...]
    begins: bool


def parse(written: str, given: str, leaf: Leaf) -> Node:
    """The tree of an expression: `leaf` says what stands for its words."""
    tokens = _tokens(written, given)
    if sum(isinstance(each, _Words) for each in tokens) > MOST_WORDS:
        raise BadRequest(
            f"'{given}' has more than {MOST_WORDS} words: search for fewer.", expression=given, code="too-costly"
        )
    reader = _Reader(tokens, given, leaf)
    found = reader.either()
    if reader.at < len(tokens):
        raise reader.wrong("has a ')' that nothing opens")
    return found


def _tokens(written: str, given: str) -> list[Sign | _Words]:
    found: list[Sign | _Words] = []
    for token in _TOKEN.finditer(written):
        match token.lastgroup, token.group():
            case "sign", "(":
                found.append("(")
            case "sign", _:
                found.append(")")
            case "open", _:
                raise BadRequest(f"'{given}' has a quotation mark that is not closed.", expression=given)
            case "word", word if word.upper() == "AND":
                found.append("AND")
            case "word", word if word.upper() == "OR":
                found.append("OR")
            case "word", word if word.upper() == "NOT":
                found.append("NOT")
            case "word", word:
                found += _read(word.rstrip("*"), word.endswith("*"))
            case "phrase" | "begins", _:
                found += _read(token["phrase"], bool(token["begins"]))
            case _:
                pass  # space
    if not any(isinstance(each, _Words) for each in found):
        raise BadRequest(f"'{written}' has no letter or digit to search for.", expression=given)
    return found


def _read(written: str, begins: bool) -> list[_Words]:
    """The words of one token: 'covid-19' is two next to one another; what has none, such as a dash, is nothing."""
    words = tuple(prose.words(written))
    return [_Words(words, begins)] if words else []


@dataclass(slots=True)
class _Reader:
    tokens: list[Sign | _Words]
    given: str
    leaf: Leaf
    at: int = 0
    depth: int = 0

    def next(self) -> Sign | _Words | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def wrong(self, what: str) -> BadRequest:
        return BadRequest(
            f"'{self.given}' {what}: write words, \"phrases\", beginnings*, AND, OR, NOT and parentheses.",
            expression=self.given,
        )

    def either(self) -> Node:
        found = [self.all()]
        while self.next() == "OR":
            self.at += 1
            found.append(self.all())
        return found[0] if len(found) == 1 else Or(tuple(dict.fromkeys(found)))

    def all(self) -> Node:
        found = [self.one()]
        while (following := self.next()) not in (None, "OR", ")"):
            if following == "AND":
                self.at += 1
            found.append(self.one())
        return found[0] if len(found) == 1 else And(tuple(dict.fromkeys(found)))

    def one(self) -> Node:
        token = self.next()
        self.at += 1
        match token:
            case _Words(words, begins):
                return self.leaf(words, begins)
            case "NOT":
                return Not(self.deeper(self.one))
            case "(":
                inner = self.deeper(self.either)
                if self.next() != ")":
                    raise self.wrong("has a '(' that nothing closes")
                self.at += 1
                return inner
            case None:
                raise self.wrong("ends where a word should follow")
        raise self.wrong(f"has '{token}' where a word should stand")

    def deeper(self, read: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self.wrong(f"is nested more than {_DEEPEST} deep")
        found = read()
        self.depth -= 1
        return found
