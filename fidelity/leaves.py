"""The leaf values of a record, each under its path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_INDEX = re.compile(r"\[\d+\]")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every text, number and truth value of decoded JSON with its path, such as 'a.b[0].c'; null is no value."""
    match value:
        case dict():
            for name, child in value.items():
                yield from leaves(child, f"{path}.{name}" if path else str(name))
        case list():
            for position, child in enumerate(value):
                yield from leaves(child, f"{path}[{position}]")
        case None:
            pass
        case _:
            yield path, value


def pattern(path: str) -> str:
    """A path without its positions: 'a.b[].c'."""
    return _INDEX.sub("[]", path)
