"""Parameters of paths, queries and headers, each described once.

https://hl7.org/fhir/R5/http.html#parameters, https://hl7.org/fhir/R5/search.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from fhirserver.resources.registry import Kind

Schema = dict[str, Any]


def _said(place: str, name: str, description: str, schema: Schema, **more: Any) -> Schema:
    return {"name": name, "in": place, "description": description, "schema": schema, **more}


def _query(name: str, description: str, schema: Schema | None = None) -> tuple[str, Schema]:
    return name, _said("query", name, description, schema or {"type": "string"})


def _many(name: str, description: str) -> tuple[str, Schema]:
    return _query(name, description, {"type": "array", "items": {"type": "string"}})


def _header(name: str, description: str) -> tuple[str, Schema]:
    return name, _said("header", name, description, {"type": "string"})


QUERY: Mapping[str, Schema] = MappingProxyType(
    dict(
        (
            _query("_format", "The format of the answer; wins over Accept."),
            _query("_pretty", "Indents the answer.", {"type": "boolean"}),
            _query(
                "_summary",
                "What part of each resource to answer with.",
                {"enum": ["true", "text", "data", "count", "false"]},
            ),
            _query("_elements", "Elements of each resource to answer with, separated by commas."),
            _query("_count", "Most entries on a page.", {"type": "integer", "minimum": 0}),
            _query("_cursor", "Where a page starts; only ever taken from the link of another page."),
            _query("_since", "Only versions made at this instant or later."),
            _query("_at", "Only versions that were current at some time in this period."),
            _query("_list", "Only versions of resources on this List."),
            _query("_sort", "Parameters to sort by, separated by commas, - before one for descending order."),
            _query("_total", "Whether to count all matches.", {"enum": ["none", "estimate", "accurate"]}),
            _many("_include", "Type:parameter[:Target] of references to answer with too; :iterate goes on from there."),
            _many("_revinclude", "Type:parameter[:Target] of references to what is found, to answer with too."),
            _query("_type", "Resource types to search, separated by commas."),
            _query("_explain", "Whether to say how the answer was found.", {"type": "boolean"}),
            _query("mode", "What of the capabilities to say.", {"enum": ["full", "normative", "terminology"]}),
            _query("_hardDelete", "Whether to leave no trace.", {"type": "boolean"}),
        )
    )
)
"""Every parameter of a URL that is no search parameter and no operation's own."""

HEADERS: Mapping[str, Schema] = MappingProxyType(
    dict(
        (
            _header("If-Match", 'The version a change is meant for, such as W/"3".'),
            _header(
                "If-None-Match",
                'The version that is known already, such as W/"3"; on a write *: only if there is none.',
            ),
            _header("If-Modified-Since", "When the known version was made, as an HTTP date."),
            _header("If-None-Exist", "Search parameters: creates only if nothing matches them."),
            _header("Prefer", "return=minimal, representation or OperationOutcome; handling=strict, lenient; explain."),
            _header(
                "X-Request-Id",
                "An id for this request, up to 64 letters, digits and ._:/+=-; it is answered and logged.",
            ),
        )
    )
)

_KINDS: Mapping[Kind, str] = MappingProxyType(
    {
        "token": "A code or identifier: code, system|code, |code or system|.",
        "string": "Text: what begins with it, whatever the case.",
        "reference": "A reference: Type/id, id or a URL.",
        "date": "A date or a part of one, with a prefix such as ge or lt.",
        "uri": "A URI, whole.",
        "number": "A number, with a prefix such as ge or lt.",
        "quantity": "number|system|code, with a prefix such as ge or lt.",
        "composite": "Values joined by $.",
        "special": "See the definition.",
    }
)


def search_parameter(name: str, kind: Kind, definition: str) -> Schema:
    """A search parameter; several values are alternatives, several parameters all hold."""
    schema = {"type": "array", "items": {"type": "string"}}
    return _said("query", name, f"{_KINDS[kind]} {definition}", schema)


def any_search() -> Schema:
    """Every search parameter of every type, with every modifier."""
    schema = {"type": "object", "additionalProperties": {"type": "string"}}
    said = "Search parameters of the type, as its CapabilityStatement lists them."
    return _said("query", "parameters", said, schema, style="form", explode=True)


def path_parameter(name: str, types: Iterable[str]) -> Schema:
    """A part of a path."""
    match name:
        case "type" | "compartment":
            said = "A resource type." if name == "type" else "A resource type that has compartments."
            return _said("path", name, said, {"type": "string", "enum": sorted(types)}, required=True)
        case "id":
            pattern = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}
            return _said("path", name, "A resource's id.", pattern, required=True)
        case "version":
            return _said(
                "path",
                name,
                "The number of a version.",
                {"type": "string", "pattern": "^[1-9][0-9]{0,8}$"},
                required=True,
            )
        case _:
            return _said("path", name, f"The {name}.", {"type": "string"}, required=True)
