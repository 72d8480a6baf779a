"""What each row of the route table takes and answers, by the name of its handler.

https://hl7.org/fhir/R5/http.html#summary
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Body = Literal["resource", "Bundle", "form", "patch"]
Answer = Literal["resource", "written", "Bundle", "CapabilityStatement", "nothing"]


@dataclass(frozen=True, slots=True)
class Interaction:
    """A row for readers: `success` are the statuses of what went well, `parts` what a URL may say of the answer."""

    summary: str
    success: tuple[int, ...]
    answer: Answer
    body: Body | None = None
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    searches: bool = False


_PARTS = ("_summary", "_elements")
_PAGES = ("_count", "_cursor")
_RESULTS = (*_PARTS, *_PAGES, "_sort", "_total", "_include", "_revinclude", "_explain")
_VERSIONS = (*_PARTS, *_PAGES, "_since", "_at", "_sort")
_KNOWN = ("If-None-Match", "If-Modified-Since")
_WRITE = ("If-Match", "If-None-Match", "Prefer")

DESCRIBED: Mapping[str, Interaction] = MappingProxyType(
    {
        "metadata": Interaction("What this server does", (200,), "CapabilityStatement", query=("mode",)),
        "read": Interaction("Read {a}", (200, 304), "resource", query=_PARTS, headers=_KNOWN),
        "vread": Interaction("Read a version of {a}", (200, 304), "resource", query=_PARTS, headers=_KNOWN),
        "history": Interaction("History of {what}", (200,), "Bundle", query=_VERSIONS, headers=("Prefer",)),
        "search_type": Interaction("Search {all}", (200,), "Bundle", None, _RESULTS, ("Prefer",), True),
        "search_post": Interaction("Search {all} by a form", (200,), "Bundle", "form", (), ("Prefer",), True),
        "search_system": Interaction(
            "Search all types, or some", (200,), "Bundle", None, (*_RESULTS, "_type"), ("Prefer",), True
        ),
        "search_system_post": Interaction(
            "Search all types, or some, by a form", (200,), "Bundle", "form", ("_type",), ("Prefer",), True
        ),
        "search_compartment": Interaction(
            "Search {all} of a compartment", (200,), "Bundle", None, (*_RESULTS, "_type"), ("Prefer",), True
        ),
        "search_compartment_post": Interaction(
            "Search {all} of a compartment by a form", (200,), "Bundle", "form", (), ("Prefer",), True
        ),
        "search_all_compartment_post": Interaction(
            "Search all of a compartment by a form", (200,), "Bundle", "form", ("_type",), ("Prefer",), True
        ),
        "create": Interaction("Create {a}", (200, 201), "written", "resource", headers=("If-None-Exist", "Prefer")),
        "update": Interaction("Update {a}, or create it under this id", (200, 201), "written", "resource", (), _WRITE),
        "update_matching": Interaction(
            "Update the one match, or create where there is none", (200, 201), "written", "resource", (), _WRITE, True
        ),
        "patch": Interaction("Change parts of {a}", (200,), "written", "patch", (), _WRITE),
        "patch_matching": Interaction("Change parts of the one match", (200,), "written", "patch", (), _WRITE, True),
        "delete": Interaction("Delete {a}", (200, 204), "nothing", headers=("If-Match", "Prefer")),
        "delete_matching": Interaction("Delete what matches", (200, 204), "nothing", None, (), ("If-Match",), True),
        "batch": Interaction("Carry out a batch or a transaction", (200,), "Bundle", "Bundle", headers=("Prefer",)),
    }
)
"""Operations are described by their own table."""
