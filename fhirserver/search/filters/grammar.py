"""The grammar of _filter: text → a tree of tests, each with its place in the text.

https://hl7.org/fhir/R5/search_filter.html

    filter  = operand (("and" / "or") operand)*     read from left to right, neither binds stronger
    operand = ["not"] "(" filter ")" / test
    test    = path operator value
    path    = name [":" Type] ["[" filter "]"] ["." path]
    value   = JSON string / anything without blanks, ")" and "]"

The type behind a link is an addition of ours: of a reference to several types it says which is meant, as in a chain.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Literal, NoReturn

from fhirserver.errors import BadRequest

LONGEST = 4096
"""Characters of a filter."""
DEEPEST = 20
"""Parentheses and brackets within each other, and turns from 'and' to 'or' and back: a query nests so deep only."""
MOST = 100
"""Tests of a filter."""

Joint = Literal["and", "or"]
_JOINTS: dict[str, Joint] = {"and": "and", "or": "or"}

_BLANK = re.compile(r"\s*")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_TOKEN = re.compile(r"[^\s\])]+")
_UNSOUND = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path: what it leads to satisfies `filter`, and is of `type` where that is named."""

    name: str
    at: int
    type: str | None = None
    filter: Expression | None = None


@dataclass(frozen=True, slots=True)
class Test:
    """A comparison; `at` is the place of its operator, counted from 0."""

    path: tuple[Step, ...]
    operator: str
    value: str
    at: int


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more expressions that all hold ('and'), or one of which holds ('or')."""

    joint: Joint
    parts: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Negated:
    """An expression that does not hold."""

    part: Expression


Expression = Test | Joined | Negated


def parse(text: str, given: str) -> Expression:
    """The tree of a filter; `given` is the parameter as the client wrote it, for refusals."""
    if len(text) > LONGEST:
        raise BadRequest(
            f"'{given}' is longer than {LONGEST} characters: search in parts.", expression=given, code="too-long"
        )
    parser = _Parser(text, given)
    found = parser.filter(0)
    if parser.at < len(text):
        parser.fail("'and', 'or' or the end")
    if _height(found) > DEEPEST:
        parser.refuse(f"turns from 'and' to 'or' and back more than {DEEPEST} times: put alike ones together")
    return found


def _height(expression: Expression) -> int:
    match expression:
        case Joined(_, parts):
            return 1 + max(_height(part) for part in parts)
        case Negated(part):
            return 1 + _height(part)
        case Test():
            return 0


class _Parser:
    """Reads from left to right; `at` is the place of the next character."""

    def __init__(self, text: str, given: str) -> None:
        self.text, self.given, self.at, self.tests = text, given, 0, 0

    def filter(self, depth: int) -> Expression:
        if depth > DEEPEST:
            self.refuse(f"has more than {DEEPEST} parentheses and brackets within each other: search in parts")
        found = self.operand(depth)
        while True:
            self.blanks()
            start = self.at
            joint = _JOINTS.get(self.word())
            if joint is None:
                self.at = start
                return found
            further = self.operand(depth)
            if isinstance(found, Joined) and found.joint == joint:
                found = Joined(joint, (*found.parts, further))
            else:
                found = Joined(joint, (found, further))

    def operand(self, depth: int) -> Expression:
        self.blanks()
        start = self.at
        negated = self.word() == "not"
        self.blanks()
        if self.sign("("):
            found = self.filter(depth + 1)
            self.blanks()
            if not self.sign(")"):
                self.fail("'and', 'or' or ')'")
            return Negated(found) if negated else found
        if negated and not self.text.startswith((".", "["), self.at):
            self.fail("'(' after 'not'")
        self.at = start
        return self.test(depth)

    def test(self, depth: int) -> Test:
        self.tests += 1
        if self.tests > MOST:
            self.refuse(f"has more than {MOST} tests: search in parts")
        path = self.path(depth)
        if not self.blanks():
            self.fail("a blank and an operator")
        at = self.at
        operator = self.word()
        if not operator:
            self.fail("an operator such as eq")
        if not self.blanks():
            self.fail("a blank and a value")
        return Test(path, operator, self.value(), at)

    def path(self, depth: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        while True:
            at = self.at
            name = self.word()
            if not name:
                self.fail("the name of a search parameter" if steps else "the name of a search parameter, 'not' or '('")
            type_ = self.type()
            inner = None
            if self.sign("["):
                inner = self.filter(depth + 1)
                self.blanks()
                if not self.sign("]"):
                    self.fail("'and', 'or' or ']'")
            steps.append(Step(name, at, type_, inner))
            if not self.sign("."):
                if inner is not None or type_ is not None:
                    self.fail("'.' and a further name")
                return tuple(steps)

    def type(self) -> str | None:
        if not self.sign(":"):
            return None
        start = self.at
        type_ = self.word()
        if not type_[:1].isupper():
            self.at = start
            self.fail("a resource type: a filter has operators instead of modifiers, so")
        return type_

    def value(self) -> str:
        start = self.at
        if not self.text.startswith('"', start):
            match = _TOKEN.match(self.text, start)
            if not match:
                self.fail("a value")
            self.at = match.end()
            return match[0]
        match = _STRING.match(self.text, start)
        if not match:
            self.fail("a value with a quotation mark at its end")
        try:
            value = str(json.loads(match[0]))
        except ValueError:
            self.fail('a JSON string, in which a backslash stands before ", \\, n, t, u0041 and so on')
        if _UNSOUND.search(value):
            self.fail("a string without control characters and halves of them")
        self.at = match.end()
        return value

    def blanks(self) -> bool:
        """Goes over blanks; whether there were any."""
        start = self.at
        match = _BLANK.match(self.text, start)
        self.at = match.end() if match else start
        return self.at > start

    def word(self) -> str:
        match = _NAME.match(self.text, self.at)
        if not match:
            return ""
        self.at = match.end()
        return match[0]

    def sign(self, sign: str) -> bool:
        found = self.text.startswith(sign, self.at)
        self.at += found
        return found

    def fail(self, wanted: str) -> NoReturn:
        """Refuses what stands at `at`; people count from 1."""
        rest = self.text[self.at : self.at + 20]
        there = f"'{rest}'" if rest else "nothing more"
        self.refuse(f"wants {wanted} at character {self.at + 1}, where there is {there}")

    def refuse(self, why: str) -> NoReturn:
        raise BadRequest(f"'{self.given}' {why}.", expression=self.given)
