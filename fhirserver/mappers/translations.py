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


def translate(resources: Iterable[Resource], translations: Iterable[Translation]) -> None:
    """Gives each text its translation, at the first place where the very text stands."""
    todo: dict[str, list[Translation]] = {}
    for one in translations:
        todo.setdefault(one.of, []).append(one)
    for resource in resources:
        if not todo:
            return
        _walk(resource, todo)


def _walk(value: Any, todo: dict[str, list[Translation]]) -> None:
    if isinstance(value, list):
        for one in value:
            _walk(one, todo)
    elif isinstance(value, dict):
        for name, child in list(value.items()):
            if isinstance(child, str) and child in todo and name not in _NEVER:
                others = value.setdefault(f"_{name}", {})
                others.setdefault("extension", []).extend(_extension(one) for one in todo.pop(child))
            elif not isinstance(child, str) and name not in ("text", "extension"):
                _walk(child, todo)


def _extension(one: Translation) -> Resource:
    parts: list[Resource] = [{"url": "lang", "valueCode": one.language}, {"url": "content", "valueMarkdown": one.text}]
    return {"url": TRANSLATION, "extension": parts}
