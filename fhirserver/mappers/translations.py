"""Texts in further languages, beside those that they translate.

https://hl7.org/fhir/extensions/StructureDefinition-translation.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fhirserver.mappers.more_parts import Translation

Resource = dict[str, Any]

TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"
_NEVER = {"id", "reference", "url", "div", "linkId", "fullUrl", "system", "code", "resourceType", "definitionCanonical"}


def translate(resources: Iterable[Resource], translations: Iterable[Translation]) -> list[Translation]:
    """Gives each text its translation, at the first place where it stands; those without a place are left over."""
    todo: dict[str, list[Translation]] = {}
    for one in translations:
        todo.setdefault(_line(one.of), []).append(one)
    for resource in resources:
        if todo:
            _walk(resource, todo)
    return [one for left in todo.values() for one in left]


def _line(text: str) -> str:
    return " ".join(text.split())


def _walk(value: Any, todo: dict[str, list[Translation]]) -> None:
    if isinstance(value, list):
        for one in value:
            _walk(one, todo)
    elif isinstance(value, dict):
        for name, child in list(value.items()):
            if isinstance(child, str):
                if name not in _NEVER and (found := todo.pop(_line(child), None)):
                    others = value.setdefault(f"_{name}", {})
                    others.setdefault("extension", []).extend(_extension(one) for one in found)
            elif name not in ("text", "extension"):
                _walk(child, todo)


def _extension(one: Translation) -> Resource:
    parts: list[Resource] = [{"url": "lang", "valueCode": one.language}, {"url": "content", "valueMarkdown": one.text}]
    return {"url": TRANSLATION, "extension": parts}
