"""The sentences with which a command says that it cannot start, read from the source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import fhirserver

PACKAGE = Path(fhirserver.__file__).parent


def startup_sentences() -> list[str]:
    """What every StartupError of the source says, with … for what is filled in."""
    return sorted({sentence for path in PACKAGE.rglob("*.py") for sentence in _raised(ast.parse(path.read_text()))})


def _raised(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "StartupError":
            yield _text(node.args[0])


def _text(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(value) if isinstance(value, ast.Constant) else "…" for value in values)
    raise AssertionError(f"line {node.lineno}: write the sentence of a StartupError in place")
