"""Steps: what is done with the value of one property; those that find a difference leave its object to Differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhirserver.releases.crossing import TAGS, Convert, Converter
from fhirserver.resources.registry import Element

DIFFERS: Any = object()
"""What a step gives back when more is to be done with the object than converting this value."""


def differs(_value: Any) -> Any:
    """The step of a property that alone makes a difference."""
    return DIFFERS


def unchanged(value: Any) -> Any:
    """The step of a value that is the same in both releases."""
    return value


def each(convert: Converter) -> Converter:
    """The step of a value or of a list of them; the same list if none differs."""

    def step(value: Any) -> Any:
        if type(value) is not list:
            return convert(value)
        made: list[Any] | None = None
        for at, one in enumerate(value):
            if (new := convert(one)) is not one:
                if new is DIFFERS:
                    return new
                if made is None:
                    made = value.copy()
                made[at] = new
        return value if made is None else made

    return step


def extensions(prefix: str, convert: Convert) -> Converter:
    """The step of extensions, of which those whose address begins with `prefix` may stand for elements."""
    inner = convert("Extension")

    def step(value: Any) -> Any:
        if type(value) is not list:
            return value
        made: list[Any] | None = None
        for at, one in enumerate(value):
            url = one.get("url") if type(one) is dict else None
            if type(url) is str and url.startswith(prefix):
                return DIFFERS
            if (new := inner(one)) is not one:
                if made is None:
                    made = value.copy()
                made[at] = new
        return value if made is None else made

    return step


def untagged(found: Converter) -> Converter:
    """The step of the extensions in an extension, which may stand for its value."""

    def step(value: Any) -> Any:
        first = value[0] if type(value) is list and value else None
        is_tag = type(first) is dict and first.get("url") in TAGS
        return DIFFERS if is_tag else found(value)

    return step


def settled(codes: frozenset[str], element: Element, convert: Convert) -> Converter:
    """The step of a coded element: codes that are the same in both releases need no exchange."""

    def fits(code: Any) -> bool:
        return type(code) is str and code in codes

    if element.type == "code":
        return checked(fits, unchanged, element.many)

    def all_fit(value: Any) -> bool:
        if type(value) is not dict:
            return False
        codings = [value] if element.type == "Coding" else value.get("coding")
        return (
            type(codings) is list
            and len(codings) > 0
            and all(type(one) is dict and fits(one.get("code")) for one in codings)
        )

    return checked(all_fit, convert(element.type), element.many)


def checked(fits: Callable[[Any], bool], convert: Converter, many: bool) -> Converter:
    """The step of values that are converted if they fit; any other makes a difference."""

    def one(value: Any) -> Any:
        return convert(value) if fits(value) else DIFFERS

    if not many:
        return one
    found = each(one)
    return lambda value: found(value) if type(value) is list and value else DIFFERS


def unlike(value: Any, step: Converter) -> Converter:
    """The step of a mandatory element, whose value may be the one that says that nothing is known."""
    return lambda found: DIFFERS if found == value else step(found)
