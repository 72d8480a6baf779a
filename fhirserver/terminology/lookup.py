"""$lookup: all that is known of a concept, as the out parameters of the operation.

https://hl7.org/fhir/R5/codesystem-operation-lookup.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fhirserver.fhirjson import Resource
from fhirserver.terminology import properties, words
from fhirserver.terminology.codesystem import CodeSystem, Concept
from fhirserver.terminology.contents import Contents
from fhirserver.terminology.members import Entry

_OWN = frozenset({"name", "version", "display", "definition", "designation"})
"""Names that stand for out parameters of their own and not for properties."""


def parameters(
    contents: Contents,
    system: CodeSystem,
    concept: Concept,
    *,
    language: str | None = None,
    asked: Sequence[str] = (),
    supplements: Sequence[CodeSystem] = (),
) -> list[Resource]:
    """The rows of the Parameters; without `asked` all that there is."""
    entry = Entry(system.url, system.version, concept.code, {}, system, concept)
    speaking = [*supplements, *(each for each in contents.supplements(system) if each not in supplements)]
    shown = words.display(entry, language, speaking if language else supplements)
    found: list[Resource] = [{"name": "name", "valueString": system.name}]
    if system.version:
        found.append({"name": "version", "valueString": system.version})
    found.append({"name": "display", "valueString": shown if shown is not None else concept.code})
    definition = concept.row.get("definition")
    if isinstance(definition, str) and (not asked or "definition" in asked):
        found.append({"name": "definition", "valueString": definition})
    tongues = [
        *(each.removeprefix("lang.") for each in asked if each.startswith("lang.")),
        *([language] if language else []),
    ]
    told = words.designations(entry, supplements)
    rows = told if not asked or "designation" in asked else [row for row in told if _spoken(row, tongues)]
    # Of a supplement that nobody asked for, the words of the languages that are asked for count.
    rows += [row for row in words.designations(entry, speaking) if row not in rows and _spoken(row, tongues)]
    found += [_designation(row) for row in rows]
    names = [each for each in asked if each not in _OWN and not each.startswith("lang.")] if asked else [properties.ALL]
    found += _properties(entry, names, supplements)
    return found


def _spoken(row: Mapping[str, Any], tongues: Sequence[str]) -> bool:
    return any(words.fits(each, row.get("language")) for each in tongues)


def _designation(row: Mapping[str, Any]) -> Resource:
    parts: list[Resource] = []
    if "language" in row:
        parts.append({"name": "language", "valueCode": row["language"]})
    if "use" in row:
        parts.append({"name": "use", "valueCoding": row["use"]})
    parts += [{"name": "additionalUse", "valueCoding": use} for use in row.get("additionalUse", ())]
    return {"name": "designation", "part": [*parts, {"name": "value", "valueString": row["value"]}]}


def _properties(entry: Entry, names: Sequence[str], supplements: Sequence[CodeSystem]) -> Iterator[Resource]:
    for system, concept in properties.sources(entry, supplements):
        for row in properties.told(system, concept):
            if not properties.wanted(system, row["code"], names):
                continue
            parts: list[Resource] = [{"name": "code", "valueCode": row["code"]}]
            value = next(((name, row[name]) for name in row if name.startswith("value")), None)
            if value is not None:
                parts.append({"name": "value", value[0]: value[1]})
            described = entry.system.find(row["valueCode"]) if entry.system and "valueCode" in row else None
            if described is not None and described.display:
                parts.append({"name": "description", "valueString": described.display})
            if system is not entry.system:
                parts.append({"name": "source", "valueCanonical": system.url})
            yield {"name": "property", "part": parts}
